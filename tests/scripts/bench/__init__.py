"""The benchmarks: shapes and consistency, never times."""
