"""SQLite: what must survive. The only room that knows of SQL."""
