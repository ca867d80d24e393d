"""A web shop on EKS in us-east-1: over-provisioned, mostly on-demand, with every common scheduling rule in use."""
