"""The programs that run inside a model's own process. Never imported by the gateway or by the loader."""
