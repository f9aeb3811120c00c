"""The public data API: a drop-in for the official SDK's `edgeimpulse.data`.

Importing it loads neither requests nor pydantic; what needs the network loads them when it is called.
"""

from eisync.data.files import infer_from_filename, upload_directory, upload_exported_dataset, upload_plain_directory
from eisync.data.sample_type import (
    DataAcquisition,
    Payload,
    Protected,
    Sample,
    SampleInfo,
    SampleIngestionResponse,
    Sensor,
    UploadSamplesResponse,
)
from eisync.data.uploading import upload_samples

__all__ = [
    "DataAcquisition",
    "Payload",
    "Protected",
    "Sample",
    "SampleInfo",
    "SampleIngestionResponse",
    "Sensor",
    "UploadSamplesResponse",
    "infer_from_filename",
    "upload_directory",
    "upload_exported_dataset",
    "upload_plain_directory",
    "upload_samples",
]
