"""One module a step; the names are in order."""
