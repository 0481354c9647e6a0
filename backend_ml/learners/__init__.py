"""One learner per file: ``new(control)`` makes it, ``load(folder, control)`` reads it back."""
