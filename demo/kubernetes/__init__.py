"""Kubernetes as far as an agent can tell: API server, scheduler, controllers and kubelets, without containers."""
