"""The machine half of production: what the model thinks, and what to ask next."""
