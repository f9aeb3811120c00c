"""Keep in SQLite what must survive a restart. No other package contains SQL."""
