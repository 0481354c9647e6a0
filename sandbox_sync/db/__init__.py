"""The tables of the practice half, and all its SQL."""
