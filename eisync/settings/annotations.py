"""Define which formats of annotations can be chosen."""

from typing import Literal

AnnotationsOption = Literal[
    "auto",
    "none",
    "coco",
    "yolo",
    "voc",
    "open-images",
    "csv",
    "createml",
    "label-studio",
    "audacity",
    "praat",
    "elan",
    "manifest",
]
