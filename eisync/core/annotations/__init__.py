"""Read the annotation files of other programs."""
