"""One question, one answer, from Python: through the gateway that runs, or without one."""
