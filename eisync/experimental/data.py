"""`eisync.data` under its older official name; `infer_from_filename` has its older name beside the new one.

Source: edgeimpulse 1.0.20, `experimental/data/__init__.py`.
"""

from eisync.data import *  # noqa: F403 (the very same functions, whatever they are)
from eisync.data import __all__ as _names
from eisync.data import infer_from_filename as infer_category_and_label_from_filename

__all__ = [*_names, "infer_category_and_label_from_filename"]
