"""The daemon's door: what may be asked, and the socket in the state folder through which it is asked."""
