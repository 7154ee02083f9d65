"""WHAT exists: providers and models, where they came from and what a person set for them."""
