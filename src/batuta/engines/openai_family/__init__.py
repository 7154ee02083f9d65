"""External APIs in OpenAI's dialect, and what each of them does in a way of its own."""
