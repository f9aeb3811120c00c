"""From the place of a file to what its sample says of it."""

import os

from eisync.core.labelling import infer_category, infer_label
from eisync.data.sample_type import Sample


def infer_from_filename(sample: Sample, file: str) -> None:
    """Set `sample.label` to the text before the first dot of the base name, and the category if the path names one.

    `my-dataset/training/wave.1.cbor` gives label `wave` and category `training`. The whole path counts here, as it does
    in the official SDK; the daemon looks below the watched folder only.

    >>> sample = Sample(b"")
    >>> infer_from_filename(sample, "my-dataset/training/wave.1.cbor")
    >>> sample.label, sample.category
    ('wave', 'training')
    """
    path = file.replace(os.sep, "/")
    sample.label = infer_label(path) or ""
    category = infer_category(path)
    if category is not None:
        sample.category = category.value
