"""NodePools of Karpenter (karpenter.sh/v1): what they allow, and how they are narrowed while a plan is at work.

Read 2026-11: Karpenter 1.14, its API types, its disruption and drift controllers, and the pages "NodePools" and
"Disruption" of its documentation.
"""
