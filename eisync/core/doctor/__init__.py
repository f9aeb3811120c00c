"""Decide what the facts that `eisync doctor` reads mean: a verdict, a sentence and a remedy for each check."""
