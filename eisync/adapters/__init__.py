"""Talk to the network, the file system, its events and the clock. Gather facts here; decide elsewhere."""
