"""How kinds join: intake and decomposition."""
