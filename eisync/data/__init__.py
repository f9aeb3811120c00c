"""The public data API: a drop-in for the official SDK's `edgeimpulse.data`.

Importing it loads neither requests nor pydantic; what needs the network loads them when it is called.
"""

from eisync.data.arrays import numpy_timeseries_to_sample, upload_numpy
from eisync.data.datasets import infer_from_filename
from eisync.data.downloading import download_samples_by_ids, stream_samples_by_ids
from eisync.data.files import upload_directory, upload_exported_dataset, upload_plain_directory
from eisync.data.frame_rows import upload_pandas_dataframe, upload_pandas_dataframe_wide
from eisync.data.frames import (
    pandas_dataframe_to_sample,
    upload_pandas_dataframe_with_group,
    upload_pandas_sample,
)
from eisync.data.sample_type import (
    DataAcquisition,
    GenericApiResponse,
    Payload,
    Protected,
    Sample,
    SampleInfo,
    SampleIngestionResponse,
    Sensor,
    UploadSamplesResponse,
)
from eisync.data.studio import (
    delete_all_samples,
    delete_sample_by_id,
    delete_samples_by_filename,
    get_filename_by_id,
    get_sample_ids,
)
from eisync.data.uploading import upload_samples

__all__ = [
    "DataAcquisition",
    "GenericApiResponse",
    "Payload",
    "Protected",
    "Sample",
    "SampleInfo",
    "SampleIngestionResponse",
    "Sensor",
    "UploadSamplesResponse",
    "delete_all_samples",
    "delete_sample_by_id",
    "delete_samples_by_filename",
    "download_samples_by_ids",
    "get_filename_by_id",
    "get_sample_ids",
    "infer_from_filename",
    "numpy_timeseries_to_sample",
    "pandas_dataframe_to_sample",
    "stream_samples_by_ids",
    "upload_directory",
    "upload_exported_dataset",
    "upload_numpy",
    "upload_pandas_dataframe",
    "upload_pandas_dataframe_wide",
    "upload_pandas_dataframe_with_group",
    "upload_pandas_sample",
    "upload_plain_directory",
    "upload_samples",
]
