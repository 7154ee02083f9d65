"""The engine of Ollama. `engine.py` is the adapter; the rest is what it is made of."""
