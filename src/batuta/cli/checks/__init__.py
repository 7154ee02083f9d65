"""What `batuta doctor` examines: one file an area, each a function that returns findings."""
