"""Make the checks of `eisync doctor`: read the facts through adapters and store, and let `core.doctor` decide."""
