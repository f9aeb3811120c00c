"""The outside: network, files, their events, the clock. What it says is gathered here and decided elsewhere."""
