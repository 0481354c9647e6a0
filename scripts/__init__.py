"""The front door: the understudy command and what it starts."""
