"""What callers hand in and get back. Fields, order and defaults are the official SDK's: callers depend on them."""

from dataclasses import dataclass
from io import BufferedIOBase, StringIO
from typing import Any


@dataclass
class Sample:
    """One sample, to be uploaded or downloaded. Mutable: `sample_id` is set on success, a `transform` may set anything.

    `data` is text, bytes or a stream of either. `category` is split, training, testing, validation, post-processing or
    the legacy anomaly. `bounding_boxes` and `structured_labels` are lists as the wire contract (section 1) has them.
    """

    data: bytes | str | StringIO | BufferedIOBase
    filename: str | None = None
    category: str | None = "split"
    label: str | None = None
    bounding_boxes: list[dict[str, Any]] | str | None = None
    metadata: dict[str, Any] | None = None
    sample_id: int | None = None
    structured_labels: list[dict[str, Any]] | None = None
