"""Where context comes from: one provider a file, found by its name. See docs/context.md."""
