"""HOW to talk to one backend. Each engine is an adapter; none knows of queues, memory or other engines."""
