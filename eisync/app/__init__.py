"""Where the real parts meet: settings in, a running machine out."""
