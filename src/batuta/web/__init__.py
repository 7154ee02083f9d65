"""The HTTP side: the edge every request passes, the routes behind it, the pages."""
