"""Ways to reach a person: one file each, with ``send(email, message, key=...) -> receipt``."""
