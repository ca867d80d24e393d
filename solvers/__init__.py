"""Pure computation: numbers in, plan out. No input or output, no global randomness, no state between calls.

The same snapshot, catalogue, policy, seed and work limit give the same plan. Imports ``domain`` only; the checker
shares no code with the solver that it judges.
"""
