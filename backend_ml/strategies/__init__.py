"""One query strategy per file: ``select(pool, size, *, rng)`` gives positions, best first."""
