"""One form of answer per file: how Label Studio writes it, and how it becomes marks and back."""
