"""For tests: theirs and ours. Fakes that keep real promises, never imported by the package itself."""
