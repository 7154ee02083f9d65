"""What starter-coder is taught: kinds of short programs, and repairs."""
