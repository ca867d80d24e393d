"""What service accounts asked of the API, from its audit log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Asked:
    """One request in the words of RBAC; ``resource`` carries the subresource (``pods/eviction``)."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    allowed: bool = True


def asked_by(log: Path, user: str) -> list[Asked]:
    """All requests of a user for resources, in the order in which they were answered.

    The API server appends a line to the log before it answers, so whoever has the answer finds the line.
    """
    return list(_requests(log, user))


def _requests(log: Path, user: str) -> Iterator[Asked]:
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            # A line that is just being written ends without a line feed.
            entry = json.loads(line) if line.endswith("\n") else {}
            if entry.get("user", {}).get("username") == user and (target := entry.get("objectRef")):
                subresource = f"/{target['subresource']}" if "subresource" in target else ""
                yield Asked(
                    verb=entry["verb"],
                    group=target.get("apiGroup", ""),
                    resource=target["resource"] + subresource,
                    namespace=target.get("namespace", ""),
                    allowed=entry["annotations"].get("authorization.k8s.io/decision") == "allow",
                )
