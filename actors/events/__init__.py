"""What becomes of agents' events: taken from the queue by urgency, told to their cluster, retried, given up."""
