"""The keys of external providers in use: which may be tried, how they do, whether they are good."""
