"""The practice half: frozen copies for trainees, comparison, and feedback."""
