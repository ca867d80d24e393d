"""Batch simulations: the production classes in simulated time, fanned out over Ray.

`stage` makes markets and workloads of a scenario, `ours` hosts the production state machine in a simulated cluster,
`replicate` runs one replication under every policy, `batch` runs many of them over Ray and keeps what is done.
"""
