"""The checks, by what they are about. Each module has one table, `CHECKS`."""
