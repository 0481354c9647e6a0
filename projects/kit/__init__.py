"""What both services stand on, each file one thing."""
