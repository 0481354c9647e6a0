"""One family of control tags per file: how its answers are read, and how they are compared."""
