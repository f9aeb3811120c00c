"""Change folders and project so that they agree: plan, check, do, undo."""
