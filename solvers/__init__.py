"""Pure computation: numbers in, plan out. No input or output, no clock of its own, no global randomness.

The same snapshot, catalogue, policy, seed and work limit give the same plan. Imports ``domain`` only; the checker
shares no code with the solver that it judges.
"""
