"""Signed actions: accepted once, by the right agent, in time, unaltered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from domain.signing import (
    ACTION_LIFETIME,
    ActionRefusedError,
    BoundedNonces,
    Refusal,
    SignedAction,
    SigningKey,
    derive_signing_key,
    hkdf_sha256,
    sign,
    verify,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
CLUSTER = "11111111-1111-4111-8111-111111111111"
KEY = derive_signing_key("token", CLUSTER)
ACTION = SignedAction(
    cluster=CLUSTER,
    id="a-1",
    type="cordon_node",
    payload={"node": "ip-10-0-12-99.ec2.internal"},
    expires_at=NOW + ACTION_LIFETIME,
    nonce="n-1",
)

RFC_5869 = (
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    (
        "0b" * 22,
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
)
"""Appendix A.1 to A.3: key material, salt, info, output."""


def refusal_of(
    action: SignedAction, *, cluster: str = CLUSTER, at: datetime = NOW, nonces: BoundedNonces | None = None
) -> Refusal | None:
    try:
        verify(action, {KEY.id: KEY}, cluster=cluster, now=at, nonces=nonces or BoundedNonces())
    except ActionRefusedError as error:
        return error.refusal
    return None


@pytest.mark.parametrize(("material", "salt", "info", "output"), RFC_5869)
def test_hkdf_gives_what_the_rfc_says(material: str, salt: str, info: str, output: str) -> None:
    made = hkdf_sha256(
        bytes.fromhex(material), salt=bytes.fromhex(salt), info=bytes.fromhex(info), length=len(output) // 2
    )
    assert made.hex() == output


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=40), st.integers(1, 300))
def test_hkdf_agrees_with_the_library_of_the_service(material: bytes, salt: bytes, info: bytes, length: int) -> None:
    theirs = HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(material)
    assert hkdf_sha256(material, salt=salt, info=info, length=length) == theirs


@pytest.mark.parametrize("length", [0, 8161])
def test_hkdf_refuses_lengths_that_it_cannot_give(length: int) -> None:
    with pytest.raises(ValueError, match="8160"):
        hkdf_sha256(b"k", salt=b"", info=b"", length=length)


def test_both_sides_derive_the_same_key_and_no_two_clusters_share_one() -> None:
    assert derive_signing_key("token", CLUSTER) == KEY
    others = [derive_signing_key("token", "other"), derive_signing_key("token2", CLUSTER)]
    assert len({KEY.secret, *(key.secret for key in others)}) == 3
    assert len({KEY.id, *(key.id for key in others)}) == 3


def test_a_key_does_not_show_its_secret() -> None:
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)


def test_a_signed_action_is_accepted() -> None:
    assert refusal_of(sign(ACTION, KEY, now=NOW)) is None


def test_an_unsigned_action_is_refused() -> None:
    assert refusal_of(ACTION) is Refusal.UNSIGNED
    assert refusal_of(replace(sign(ACTION, KEY, now=NOW), signature="")) is Refusal.UNSIGNED


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a-2"},
        {"type": "drain_node"},
        {"payload": {"node": "another"}},
        {"payload": {}},
        {"payload": {"node": 1.5}},
        {"payload": {"node": float("nan")}},
        {"expires_at": NOW + timedelta(minutes=6)},
        {"nonce": "n-2"},
        {"signature": "0" * 64},
        {"signature": "é" * 64},
        {"signature": "\ud800"},
    ],
)
def test_an_altered_action_is_refused(change: dict[str, Any]) -> None:
    assert refusal_of(replace(sign(ACTION, KEY, now=NOW), **change)) is Refusal.ALTERED


def test_an_expired_action_is_refused() -> None:
    signed = sign(ACTION, KEY, now=NOW)
    assert refusal_of(signed, at=signed.expires_at) is Refusal.EXPIRED
    assert refusal_of(signed, at=signed.expires_at - timedelta(milliseconds=1)) is None


def test_an_action_for_another_cluster_is_refused() -> None:
    other = derive_signing_key("token", "other")
    foreign = sign(replace(ACTION, cluster="other"), other, now=NOW)
    assert refusal_of(foreign) is Refusal.FOREIGN
    assert refusal_of(replace(foreign, cluster=CLUSTER)) is Refusal.FOREIGN
    assert refusal_of(replace(foreign, cluster=CLUSTER, key_id=KEY.id)) is Refusal.ALTERED


def test_a_key_of_another_cluster_is_of_no_use_even_where_it_is_known() -> None:
    other = derive_signing_key("token", "other")
    forged = SigningKey(id=other.id, cluster=CLUSTER, secret=other.secret)
    action = sign(ACTION, forged, now=NOW)
    with pytest.raises(ActionRefusedError, match="foreign"):
        verify(action, {other.id: other}, cluster=CLUSTER, now=NOW, nonces=BoundedNonces())


def test_a_repeated_action_is_refused() -> None:
    nonces, signed = BoundedNonces(), sign(ACTION, KEY, now=NOW)
    assert refusal_of(signed, nonces=nonces) is None
    assert refusal_of(signed, nonces=nonces) is Refusal.REPEATED


def test_a_refused_action_does_not_use_up_its_nonce() -> None:
    nonces, signed = BoundedNonces(), sign(ACTION, KEY, now=NOW)
    assert refusal_of(replace(signed, type="drain_node"), nonces=nonces) is Refusal.ALTERED
    assert refusal_of(signed, nonces=nonces) is None


def test_a_full_memory_of_nonces_accepts_nothing_until_some_expire() -> None:
    nonces = BoundedNonces(capacity=1)
    assert nonces.remember("a", until=NOW + timedelta(minutes=1), now=NOW)
    assert not nonces.remember("b", until=NOW + timedelta(minutes=1), now=NOW)
    assert nonces.remember("b", until=NOW + timedelta(minutes=3), now=NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"cluster": "other"}, "cannot sign"),
        ({"expires_at": NOW}, "must expire within"),
        ({"expires_at": NOW + timedelta(hours=2)}, "must expire within"),
        ({"nonce": ""}, "nonce"),
        ({"payload": {"a": [{"b": 0.5}]}}, "fractions"),
        ({"payload": {"a": NOW}}, "no JSON"),
    ],
)
def test_what_could_not_be_verified_is_not_signed(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        sign(replace(ACTION, **change), KEY, now=NOW)


def test_the_order_of_the_payload_and_fractions_of_a_millisecond_do_not_matter() -> None:
    one = sign(replace(ACTION, payload={"node": "n", "instance_id": "i"}), KEY, now=NOW)
    two = sign(replace(ACTION, payload={"instance_id": "i", "node": "n"}), KEY, now=NOW)
    assert one.signature == two.signature
    assert one.expires_at.microsecond == 123_000


payloads = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(payload=payloads, other=payloads)
def test_any_payload_is_bound_by_its_signature(payload: dict[str, Any], other: dict[str, Any]) -> None:
    signed = sign(replace(ACTION, payload=payload), KEY, now=NOW)
    assert refusal_of(signed) is None
    if repr(sorted(payload.items())) != repr(sorted(other.items())) and payload != other:
        assert refusal_of(replace(signed, payload=other)) is Refusal.ALTERED
