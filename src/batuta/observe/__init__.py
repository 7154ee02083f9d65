"""What happened, told to whoever listens: typed facts, the bus, logs and metrics."""
