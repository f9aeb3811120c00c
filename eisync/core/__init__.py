"""The rules, pure: no I/O, no clock, no dice, no logger. Frozen values in, values out."""
