"""Message details: the spans that say who, when, how long and where."""
