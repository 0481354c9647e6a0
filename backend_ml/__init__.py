"""The machine half of production: predictions, learning, and what to ask next."""
