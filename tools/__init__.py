"""Commands that keep the tree in order: checks, generated pages. Not part of the installed package."""
