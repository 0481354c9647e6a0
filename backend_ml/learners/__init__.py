"""One learner per file: ``new(kind)`` makes it, ``load(folder, kind)`` reads it back."""
