"""AWS for tests, demo and benchmarks: moto, with a layer in front for what moto lacks, and faults on demand."""
