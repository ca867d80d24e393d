"""What a person sees in a terminal: progress while it works, the result after."""
