"""One agreement metric per file."""
