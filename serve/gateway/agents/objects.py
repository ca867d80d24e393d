"""Sets of Kubernetes objects on their way to the hosts."""

from domain.delta import Delta, ObjectSet, key_of
from domain.errors import InputError
from domain.wire.messages import DeltaObjects, FullObjects


def packed(objects: FullObjects) -> bytes:
    """A whole set, packed for the host and checked against the hash it names.

    Raises
    ------
    InputError
        When an object has no kind or name, appears twice or is too large, or the hash is another one.
    """
    whole = ObjectSet.of(objects.items)
    if whole.hash != objects.hash:
        raise InputError("objects", "hash", f"is not that of the items, which is {whole.hash}")
    return whole.to_bytes()


def delta_of(objects: DeltaObjects) -> Delta:
    """A change as the domain's value.

    Raises
    ------
    InputError
        When an object has no kind or name.
    """
    for item in objects.upserts:
        key_of(item)
    return Delta(base=objects.base, result=objects.hash, upserts=tuple(objects.upserts), deletes=tuple(objects.deletes))
