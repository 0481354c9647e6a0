"""Message intent: one choice of what the sender wants."""
