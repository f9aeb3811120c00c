"""Answer requests of the command line: the operations, and the socket in the state folder for them."""
