"""The engine of llama-server. `engine.py` is the adapter; the rest is what it is made of."""
