"""Watch folders, and enter their complete files in the outbox."""
