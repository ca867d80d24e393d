"""Regions and zones of nodes."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from adapters.kubernetes.notes import Notes
from domain import labels as keys
from domain.errors import InputError
from domain.market import Zone

UNKNOWN_ZONE = Zone(id="unknown", name="unknown")
"""Zone of a node that tells none (a kind cluster)."""

_ZONE_LABELS = (
    keys.ZONE,
    "failure-domain.beta.kubernetes.io/zone",
    "topology.ebs.csi.aws.com/zone",
    "topology.gke.io/zone",
)
_REGION_LABELS = (keys.REGION, "failure-domain.beta.kubernetes.io/region")
_ZONE_IN_PROVIDER_ID = re.compile(r"(?:aws:///|gce://[^/]+/)([a-z0-9-]+)/.+")
_REGION_OF_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-?\d)-?[a-z]")
"""``us-east-1`` of ``us-east-1a``, ``europe-west4`` of ``europe-west4-b``."""


class Places:
    """Zones by name and id, learnt from the caller and from all nodes.

    Parameters
    ----------
    given
        Zones that the caller named; they win over what labels say.
    labels
        Labels of all nodes.
    """

    def __init__(self, given: Sequence[Zone], labels: Iterable[Mapping[str, str]], notes: Notes) -> None:
        self._notes = notes
        learnt = {_first(each, _ZONE_LABELS): each[keys.ZONE_ID] for each in labels if keys.ZONE_ID in each}
        self._ids = {name: id_ for name, id_ in learnt.items() if name} | {zone.name: zone.id for zone in given}
        self._names = {id_: name for name, id_ in self._ids.items()}

    def zone(self, labels: Mapping[str, str], *, provider_id: str, node: str) -> Zone:
        """Zone of a node. Where its id is not known the name stands in for it."""
        id_ = labels.get(keys.ZONE_ID, "")
        name = _first(labels, _ZONE_LABELS) or _zone_in(provider_id) or self._names.get(id_, "")
        if not name and not id_:
            self._notes.add("nodes that tell no zone", node)
            return UNKNOWN_ZONE
        id_ = id_ or self._ids.get(name, "")
        if not id_:
            self._notes.add("zone ids that are not known, the name stands in for each", name)
        return Zone(id=id_ or name, name=name or id_)


def region_of(named: str | None, labels: Sequence[Mapping[str, str]], *, zones: Sequence[Zone], notes: Notes) -> str:
    """The cluster's region: the one named by the caller, else the one of most nodes.

    Raises
    ------
    InputError
        When neither the caller nor a node tells a region.
    """
    found = [_first(each, _REGION_LABELS) or _region_of(_first(each, _ZONE_LABELS)) for each in labels]
    found += [_region_of(zone.name) for zone in zones]
    votes = Counter(region for region in found if region)
    ranked = sorted(votes, key=lambda region: (-votes[region], region))
    if not named and not ranked:
        raise InputError("input", "", "no node tells its region; name it with --region (such as --region us-east-1)")
    region = named or ranked[0]
    for other in ranked:
        if other != region:
            notes.add(f"nodes say that they are in another region than {region}, which is planned for", other)
    return region


def _first(labels: Mapping[str, str], wanted: Iterable[str]) -> str:
    return next((labels[key] for key in wanted if labels.get(key)), "")


def _zone_in(provider_id: str) -> str:
    match = _ZONE_IN_PROVIDER_ID.fullmatch(provider_id)
    return match.group(1) if match else ""


def _region_of(zone_name: str) -> str:
    match = _REGION_OF_ZONE.fullmatch(zone_name)
    return match.group(1) if match else ""
