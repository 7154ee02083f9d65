"""WHO should answer. Pure: from a name and the standing of all models to an ordered list of candidates."""
