"""What keeps the platform from starting or from running well on a machine, and what to do about it.

``finding`` is one result, ``machine`` looks at the machine, ``folder`` at the data folder, ``services`` at what is
reached over a network or a socket; ``examine`` asks all of them.
"""

from serve.operations.doctor.examine import examine
from serve.operations.doctor.finding import Finding, Verdict

__all__ = ["Finding", "Verdict", "examine"]
