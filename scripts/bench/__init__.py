"""What the product is worth in numbers: ``understudy bench ...``. See docs/benchmarks.md."""
