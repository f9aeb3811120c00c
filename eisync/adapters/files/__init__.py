"""Files on this machine: look at them, read them, move them."""
