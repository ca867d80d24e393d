"""Reading a live cluster, against an API server of our own."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from adapters.kubernetes.live import Patience, fetch_objects
from adapters.kubernetes.snapshot import RESOURCES, snapshot_from_objects
from domain.errors import InputError, TransientError
from tests.integration.kubernetes.fake_api import Answer, FakeApi, serving, status, write_kubeconfig

QUICK = Patience(page_size=2, timeout_s=5.0, tries=3, first_wait_s=0.001, longest_wait_s=0.002)


def pod(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "managedFields": [{"manager": "x"}]},
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}],
        },
        "status": {"phase": "Running"},
    }


def node() -> dict[str, Any]:
    zone = {"topology.kubernetes.io/region": "us-east-1", "topology.kubernetes.io/zone": "us-east-1a"}
    allocatable = {"cpu": "4", "memory": "8Gi", "pods": "58"}
    return {"metadata": {"name": "n1", "labels": zone}, "status": {"allocatable": allocatable}}


def cluster(pods: int = 5) -> FakeApi:
    return FakeApi(objects={"nodes": [node()], "pods": [pod(f"p{n}") for n in range(pods)]})


def fetch(
    api: FakeApi, folder: Path, *, context: str | None = None, patience: Patience = QUICK, **config: Any
) -> list[dict[str, Any]]:
    with serving(api) as server:
        kubeconfig = write_kubeconfig(folder / "config", server, **config)
        return asyncio.run(fetch_objects(context, kubeconfig, patience=patience))


def test_every_resource_is_listed_page_by_page(tmp_path: Path) -> None:
    api = cluster()
    objects = fetch(api, tmp_path)
    assert {plural for plural, _ in api.asked} == set(RESOURCES)
    assert [token for plural, token in api.asked if plural == "pods"] == ["", "2", "4"]
    assert [o["metadata"]["name"] for o in objects if o["kind"] == "Pod"] == ["p0", "p1", "p2", "p3", "p4"]
    assert api.authorizations == {"Bearer secret"}


def test_what_is_read_makes_a_snapshot_and_carries_no_ballast(tmp_path: Path) -> None:
    objects = fetch(cluster(), tmp_path)
    assert len(snapshot_from_objects(objects).pods) == 5
    assert "managedFields" not in next(o for o in objects if o["kind"] == "Pod")["metadata"]


def test_the_named_context_is_used(tmp_path: Path) -> None:
    assert fetch(cluster(), tmp_path, context="other", current=None)


def test_a_listing_whose_token_expires_begins_again(tmp_path: Path) -> None:
    expired: list[str] = []

    def once(plural: str, token: str) -> Answer | None:
        if plural == "pods" and token == "2" and not expired:
            expired.append(token)
            return status(410, "The provided continue parameter is too old")
        return None

    api = cluster()
    api.trouble = once
    objects = fetch(api, tmp_path)
    assert [token for plural, token in api.asked if plural == "pods"] == ["", "2", "", "2", "4"]
    assert len([o for o in objects if o["kind"] == "Pod"]) == 5


def test_a_token_that_always_expires_gives_up(tmp_path: Path) -> None:
    api = cluster()
    api.trouble = lambda _plural, token: status(410, "too old") if token else None
    with pytest.raises(TransientError, match="listing pods takes longer"):
        fetch(api, tmp_path)


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_passing_failure_is_tried_again(code: int, tmp_path: Path) -> None:
    failures = [code, code]
    api = cluster()
    api.trouble = lambda _plural, _token: status(failures.pop(), "busy") if failures else None
    assert fetch(api, tmp_path)


def test_a_lasting_failure_gives_up_and_says_what_the_server_said(tmp_path: Path) -> None:
    api = FakeApi(trouble=lambda _plural, _token: status(503, "etcd is down"))
    with pytest.raises(TransientError, match="etcd is down"):
        fetch(api, tmp_path)
    assert len(api.asked) == QUICK.tries


@pytest.mark.parametrize(("plural", "group"), [("pods", "''"), ("poddisruptionbudgets", "'policy'")])
def test_a_denial_names_the_verb_and_the_resource_to_grant(plural: str, group: str, tmp_path: Path) -> None:
    api = cluster()
    api.trouble = lambda asked, _token: status(403, "forbidden: User u") if asked == plural else None
    with pytest.raises(InputError) as caught:
        fetch(api, tmp_path)
    assert caught.value.field == f"list {plural}"
    assert f"grant the verb list on {plural} (API group {group})" in caught.value.problem
    assert "forbidden: User u" in caught.value.problem


def test_credentials_that_are_not_accepted_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not accept its credentials"):
        fetch(FakeApi(trouble=lambda _plural, _token: status(401, "Unauthorized")), tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>sign in</html>"),
        (200, {"items": 3}),
        (200, {"items": [3]}),
        (200, b"[]"),
        status(404, "not found"),
    ],
)
def test_an_answer_that_is_no_list_is_refused(answer: Answer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the server answers"):
        fetch(FakeApi(trouble=lambda _plural, _token: answer), tmp_path)


def test_a_server_that_cannot_be_reached_is_a_passing_failure(tmp_path: Path) -> None:
    with serving(FakeApi()) as server:
        pass
    kubeconfig = write_kubeconfig(tmp_path / "config", server)
    with pytest.raises(TransientError, match=server):
        asyncio.run(fetch_objects(None, kubeconfig, patience=QUICK))


def test_a_server_that_does_not_answer_in_time_is_a_passing_failure(tmp_path: Path) -> None:
    over = threading.Event()

    def hang(_plural: str, _token: str) -> Answer | None:
        over.wait(10)
        return None

    with serving(FakeApi(trouble=hang)) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server)
        try:
            with pytest.raises(TransientError, match="no answer in time"):
                asyncio.run(fetch_objects(None, kubeconfig, patience=Patience(timeout_s=0.05, tries=1)))
        finally:
            over.set()


def refused(kubeconfig: Path, context: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        asyncio.run(fetch_objects(context, kubeconfig, patience=QUICK))
    return str(caught.value)


def test_an_unknown_context_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
    assert "context nope: is not in" in refused(kubeconfig, "nope")
    assert "other, test" in refused(kubeconfig, "nope")


def test_no_current_context_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1", current=None)
    assert "name one of other, test with --context" in refused(kubeconfig)


def test_no_kubeconfig_is_refused_with_how_to_name_one(tmp_path: Path) -> None:
    assert "--kubeconfig or KUBECONFIG" in refused(tmp_path / "missing")


@pytest.mark.parametrize("text", ["", "{", "[]", "contexts: 3", "contexts: [{}]", "42"])
def test_a_malformed_kubeconfig_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    assert "kubeconfig" in refused(file)


def test_a_context_without_its_cluster_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text('{"contexts": [{"name": "a", "context": {"cluster": "gone"}}], "current-context": "a"}')
    assert "context a" in refused(file)


def test_a_sign_in_command_that_is_not_installed_is_named(tmp_path: Path) -> None:
    command = {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "no-such-command-here"}}
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1", user=command)
    assert "no-such-command-here is not installed" in refused(kubeconfig)
