"""AWS for demo, tests and benchmarks: moto, with a layer in front for what moto lacks, and faults on demand."""
