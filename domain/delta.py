"""Sets of Kubernetes objects, their hash, and what changed between two of them.

Why the hash is a sum
---------------------
The hash of a set is the sum of its objects' hashes (SHA-256 cut to 128 bits) modulo 2**128. A sum does not depend on
the order, and it changes with one subtraction and one addition when one object does, so that both sides keep it up to
date without sorting or reading the other 500. Somebody who may choose the objects could build two sets of one sum; what
it guards against is a lost or repeated delta between an agent and the service, and an agent can mislead only about its
own cluster, with or without a hash.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from domain.canonical import KubeObject, canonical_json
from domain.errors import InputError, RejectedError

MAX_OBJECTS = 100_000
"""Objects of one cluster. Kubernetes supports 5 000 nodes and 150 000 pods; sets that large would need pages."""

MAX_OBJECT_BYTES = 256 << 10
"""One redacted object; etcd takes at most 1.5 MB of a whole one."""

_BYTES_PER_HASH = 16
_MODULUS = 1 << (8 * _BYTES_PER_HASH)
_LEVEL = 6
_MAX_INFLATED_BYTES = 256 << 20
_DICTIONARY = (
    b'","status":{"allocatable":{"cpu":"7910m","ephemeral-storage":"76224326324","hugepages-1Gi":"0",'
    b'"hugepages-2Mi":"0","memory":"30959616Ki","pods":"58"},"capacity":{"cpu":"8","ephemeral-storage":"'
    b'{"reason":"KubeletHasSufficientMemory","status":"False","type":"MemoryPressure"},{"reason":'
    b'"KubeletHasNoDiskPressure","status":"False","type":"DiskPressure"},{"reason":"KubeletHasSufficientPID",'
    b'"status":"False","type":"PIDPressure"},{"reason":"KubeletReady","status":"True","type":"Ready"}]}}'
    b'"labels":{"alpha.eksctl.io/nodegroup-name":"karpenter.sh/nodepool":"eks.amazonaws.com/capacityType":"SPOT",'
    b'"eks.amazonaws.com/nodegroup":"kubernetes.io/arch":"amd64","kubernetes.io/hostname":"ip-10-0-'
    b'"kubernetes.io/os":"linux","node.kubernetes.io/instance-type":"topology.ebs.csi.aws.com/zone":"'
    b'topology.k8s.aws/zone-id":"topology.kubernetes.io/region":"us-east-1","topology.kubernetes.io/zone":"'
    b'"spec":{"providerID":"aws:///us-east-1a/i-0"requiredDuringSchedulingIgnoredDuringExecution":{'
    b'"nodeSelectorTerms":[{"matchExpressions":[{"key":"operator":"In","values":["'
    b'"topologySpreadConstraints":[{"labelSelector":{"matchLabels":{"app.kubernetes.io/name":"},"maxSkew":1,'
    b'"topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"DoNotSchedule"}]'
    b'{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"ownerReferences":[{"controller":true,"kind":'
    b'"Deployment","name":"spec":{"replicas":'
    b'{"apiVersion":"v1","kind":"Pod","metadata":{"annotations":{},"labels":{"app.kubernetes.io/instance":"'
    b'app.kubernetes.io/name":"app.kubernetes.io/part-of":"app.kubernetes.io/version":"app":"pod-template-hash":"'
    b'},"name":"namespace":"default","ownerReferences":[{"controller":true,"kind":"ReplicaSet","name":"'
    b'"kind":"DaemonSet","name":"kind":"StatefulSet","name":""}],"uid":"'
    b'"},"spec":{"containers":[{"name":"ports":[{"containerPort":8080,"protocol":"TCP"}],"resources":{"limits":{'
    b'"memory":"256Mi"},"requests":{"cpu":"100m","memory":"256Mi"}}}],"nodeName":"ip-10-0-'
    b'.ec2.internal","priority":0,"schedulerName":"default-scheduler","terminationGracePeriodSeconds":30,'
    b'"tolerations":[{"effect":"NoExecute","key":"node.kubernetes.io/not-ready","operator":"Exists",'
    b'"tolerationSeconds":300},{"effect":"NoExecute","key":"node.kubernetes.io/unreachable","operator":"Exists",'
    b'"tolerationSeconds":300}],"volumes":[{"name":"{"name":"kube-api-access-'
    b'"}]},"status":{"conditions":[{"status":"True","type":"PodReadyToStartContainers"},{"status":"True","type":'
    b'"Initialized"},{"status":"True","type":"Ready"},{"status":"True","type":"ContainersReady"},{"status":"True",'
    b'"type":"PodScheduled"}],"containerStatuses":[{"allocatedResources":{"cpu":"100m","memory":"256Mi"},"name":"'
    b'"resources":{"limits":{"memory":"256Mi"},"requests":{"cpu":"100m","memory":"256Mi"}}}],"phase":"Running"}}'
)
"""What Kubernetes objects have in common, for compression in memory; it never leaves the process."""


class BaseMismatchError(RejectedError):
    """A delta was made against another set, or does not lead to the set it names: all objects are needed."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"the delta names the set {self.expected}, this is {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What turns the set with hash ``base`` into the one with hash ``result``. ``deletes`` are keys."""

    base: str
    result: str
    upserts: tuple[KubeObject, ...]
    deletes: tuple[str, ...]


class ObjectSet:
    """Objects by key, each packed: a pod takes 250 bytes instead of 10 KB of Python objects (measured). Never changes.

    Equal sets have equal objects, in whatever order they came.
    """

    __slots__ = ("_packed", "_total")

    def __init__(self, packed: Mapping[str, bytes], total: int) -> None:
        self._packed = packed
        self._total = total

    @classmethod
    def of(cls, objects: Iterable[KubeObject]) -> "ObjectSet":
        """A set of redacted objects.

        Raises
        ------
        InputError
            When an object has no kind or name, appears twice or is too large, or when there are too many.
        """
        packed: dict[str, bytes] = {}
        total = 0
        for obj in objects:
            key, raw = key_of(obj), _raw(obj)
            if key in packed:
                raise InputError(key, "", "appears twice")
            packed[key] = _pack(raw)
            total += _hash(raw)
            _refuse_too_many(len(packed))
        return cls(packed, total % _MODULUS)

    @property
    def hash(self) -> str:
        """Of the whole set: 32 hexadecimal digits."""
        return f"{self._total:032x}"

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, key: str) -> bool:
        return key in self._packed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectSet) and self._packed == other._packed

    def __hash__(self) -> int:
        return hash(self._total)

    def objects(self, kind: str = "") -> Iterator[KubeObject]:
        """All objects, or those of one kind, unpacked one after the other."""
        prefix = f"{kind}/" if kind else ""
        return (json.loads(_unpack(packed)) for key, packed in self._packed.items() if key.startswith(prefix))

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return sum(key.startswith(f"{kind}/") for key in self._packed)

    def equals(self, other: "ObjectSet", kind: str) -> bool:
        """Whether both hold the same objects of a kind."""
        return self._of_kind(kind) == other._of_kind(kind)  # noqa: SLF001 - the same class

    def _of_kind(self, kind: str) -> dict[str, bytes]:
        return {key: packed for key, packed in self._packed.items() if key.startswith(f"{kind}/")}

    def changed_from(self, old: "ObjectSet") -> Delta:
        """What leads from ``old`` to this set."""
        mine, theirs = self._packed, old._packed  # noqa: SLF001 - the same class
        upserts = tuple(json.loads(_unpack(packed)) for key, packed in mine.items() if theirs.get(key) != packed)
        deletes = tuple(sorted(theirs.keys() - mine.keys()))
        return Delta(base=old.hash, result=self.hash, upserts=upserts, deletes=deletes)

    def changed_by(self, delta: Delta) -> "ObjectSet":
        """The set after the delta; see `apply_delta`."""
        if delta.base != self.hash:
            raise BaseMismatchError(delta.base, self.hash)
        packed = dict(self._packed)
        total = self._total
        for key in delta.deletes:
            total -= _hash_of_packed(packed.pop(key, None))
        for obj in delta.upserts:
            key, raw = key_of(obj), _raw(obj)
            total += _hash(raw) - _hash_of_packed(packed.get(key))
            packed[key] = _pack(raw)
        _refuse_too_many(len(packed))
        result = ObjectSet(packed, total % _MODULUS)
        if delta.result != result.hash:
            raise BaseMismatchError(delta.result, result.hash)
        return result

    def to_bytes(self) -> bytes:
        """The whole set packed for storage, five times smaller than in memory."""
        return zlib.compress(b"\n".join(_unpack(packed) for packed in self._packed.values()), _LEVEL)

    @classmethod
    def from_bytes(cls, stored: bytes) -> "ObjectSet":
        """A set from storage.

        Raises
        ------
        InputError
            When it is damaged.
        """
        try:
            inflater = zlib.decompressobj()
            lines = inflater.decompress(stored, _MAX_INFLATED_BYTES)
            if not inflater.eof:
                raise InputError("stored objects", "", "are cut short or too large")
            return cls.of(json.loads(line) for line in lines.splitlines())
        except (zlib.error, ValueError) as err:
            raise InputError("stored objects", "", f"are damaged: {err}") from err


EMPTY = ObjectSet({}, 0)
"""What the service holds before an agent has sent anything."""


def make_delta(old: ObjectSet, new: ObjectSet) -> Delta:
    """What leads from one set to another."""
    return new.changed_from(old)


def apply_delta(old: ObjectSet, delta: Delta) -> ObjectSet:
    """The set after the delta.

    Raises
    ------
    BaseMismatchError
        When the delta was made against another set, or does not lead to the hash it names: ask for all objects.
    InputError
        When an object has no kind or name or is too large, or when there would be too many.
    """
    return old.changed_by(delta)


def key_of(obj: KubeObject) -> str:
    """``Kind/namespace/name``, unique in a cluster; the namespace is empty for kinds without one.

    Raises
    ------
    InputError
        When the object has no kind or no name.
    """
    kind, metadata = obj.get("kind"), obj.get("metadata")
    names = metadata if isinstance(metadata, dict) else {}
    name, namespace = names.get("name"), names.get("namespace") or ""
    if not isinstance(kind, str) or not kind:
        raise InputError("object", "kind", "is missing")
    if not isinstance(name, str) or not name or not isinstance(namespace, str):
        raise InputError(f"object of kind {kind}", "metadata.name", "is missing")
    return f"{kind}/{namespace}/{name}"


def _refuse_too_many(count: int) -> None:
    if count > MAX_OBJECTS:
        raise InputError("objects", "", f"are more than {MAX_OBJECTS}")


def _raw(obj: KubeObject) -> bytes:
    try:
        raw = canonical_json(obj)
    except ValueError as err:
        raise InputError(key_of(obj), "", str(err)) from err
    if len(raw) > MAX_OBJECT_BYTES:
        raise InputError(key_of(obj), "", f"has {len(raw)} bytes, more than {MAX_OBJECT_BYTES}")
    return raw


def _hash(raw: bytes) -> int:
    return int.from_bytes(hashlib.sha256(raw).digest()[:_BYTES_PER_HASH], "big")


def _hash_of_packed(packed: bytes | None) -> int:
    return 0 if packed is None else _hash(_unpack(packed))


def _pack(raw: bytes) -> bytes:
    deflater = zlib.compressobj(_LEVEL, zdict=_DICTIONARY)
    return deflater.compress(raw) + deflater.flush()


def _unpack(packed: bytes) -> bytes:
    inflater = zlib.decompressobj(zdict=_DICTIONARY)
    return inflater.decompress(packed) + inflater.flush()
