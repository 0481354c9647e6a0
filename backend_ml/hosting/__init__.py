"""Models that other people wrote for ``label-studio-ml``, each in a process of its own."""
