"""The engine of LM Studio. `engine.py` is the adapter; the rest is what it is made of."""
