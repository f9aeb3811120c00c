"""The version, read by the build and by `eisync --version`."""

__version__ = "0.1.0"
