"""The platform in motion: five clusters with real agents, on simulated Kubernetes and AWS. Nothing imports it."""
