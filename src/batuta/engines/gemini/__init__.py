"""The engine of Google's Gemini API, in its own dialect."""
