"""One kind of annotation task, one folder."""
