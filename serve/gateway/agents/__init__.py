"""What agents ask for thousands of times a second: answered from memory and in batches."""
