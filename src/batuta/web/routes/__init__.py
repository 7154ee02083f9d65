"""The routes, one module a dialect or concern. Each builds its own from the services."""
