"""What was last seen of nodes and instances."""

from collections.abc import Iterable
from datetime import datetime

from actors.execution.ports import ClusterLook
from domain.saga import InstanceState, InstanceView, NodeView

_ENDING = (InstanceState.ENDING, InstanceState.ENDED)


class Sight:
    """The last look. A node that a look does not show any more is forgotten; ``missed`` is why the last one failed."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self.missed = ""
        self._nodes: dict[str, NodeView] = {}
        self._instances: dict[str, InstanceView] = {}

    def take(self, look: ClusterLook, instances: Iterable[InstanceView], *, at: datetime) -> None:
        """Remember a look; ``at`` is when it came."""
        self.at, self.missed = at, ""
        if look.observed_at is not None:
            self._nodes = {view.name: view for view in look.nodes}
        self._instances |= {view.instance_id: view for view in instances}

    def miss(self, why: str) -> None:
        """Nothing could be seen."""
        self.missed = why

    def node(self, name: str) -> NodeView | None:
        """A node by name."""
        return self._nodes.get(name)

    def by_instance(self, instance_id: str) -> NodeView | None:
        """The node that an instance has become."""
        return next((view for view in self._nodes.values() if view.instance_id == instance_id), None)

    def is_ending(self, instance_id: str) -> bool:
        """Whether EC2 says that an instance ends. One that EC2 does not show may just be too new."""
        view = self._instances.get(instance_id)
        return view is not None and view.state in _ENDING

    def is_gone(self, instance_id: str) -> bool:
        """Whether an instance that was asked to end costs nothing any more."""
        view = self._instances.get(instance_id)
        return view is not None and (view.state in _ENDING or view.state is InstanceState.ABSENT)
