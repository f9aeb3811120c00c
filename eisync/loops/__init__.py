"""The steps: each loop has `tick(now) -> seconds until it wants the next one`, and they meet only in the store."""
