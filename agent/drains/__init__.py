"""Drains that meet a deadline: what leaves a node, in which order, and how it is asked to.

`order` and `lanes` plan and know nothing of time but what they are told; `evictions` and `drain` carry out; `registry`
sees to it that a node is drained once, however many ask for it.
"""
