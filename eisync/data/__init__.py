"""The public data API: a drop-in for the official SDK's `edgeimpulse.data`, name by name as it grows.

Importing it loads neither requests nor pydantic; what needs the network loads them when it is called.
"""

from eisync.data.files import infer_from_filename
from eisync.data.sample_type import Sample

__all__ = ["Sample", "infer_from_filename"]
