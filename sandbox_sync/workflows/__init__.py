"""Durable work: each may run twice, or be killed after any step, and ends in the same state."""
