"""The shared language of Understudy, and the work itself. Imports nothing of ours."""
