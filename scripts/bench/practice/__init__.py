"""The practice half between two real Label Studio servers, measured; see docs/benchmarks.md."""
