"""One control plane for the whole run; each test has a namespace and nodes of its own, gone when it ends."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.kube.client import Kube
from tests.kube.control_plane import ControlPlane
from tests.kube.objects import make_namespace
from tests.kube.programs import NotBuiltError, Programs, build

_numbers = count(1)


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> Programs:
    """The programs, built once; without Go every test that needs them is left out."""
    captured = pytestconfig.pluginmanager.getplugin("capturemanager")
    with captured.global_and_fixture_disabled():
        print("\nlooking for a Kubernetes control plane; the first build takes many minutes", flush=True)  # noqa: T201
    try:
        return build()
    except NotBuiltError as err:
        pytest.skip(str(err))


@pytest.fixture(scope="session")
def control_plane(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane. A test that restarts its parts leaves all of them running."""
    with ControlPlane(programs, tmp_path_factory.mktemp("kube")) as plane:
        yield plane


@pytest.fixture
def kube(control_plane: ControlPlane) -> Iterator[Kube]:
    """The API for an admin. Nodes that the test has made go with it."""
    yield control_plane.kube
    control_plane.kube.delete("/api/v1/nodes")


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    """A namespace of this test's own, with its default service account."""
    name = f"test-{next(_numbers)}"
    kube.create(make_namespace(name))
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    kube.wait(lambda: kube.http.get(account).status_code, until=lambda status: status == 200)
    yield name
    kube.delete(f"/api/v1/namespaces/{name}")
    # The next test must not find pods that take their time to end; new ones are refused by now.
    kube.delete(f"/api/v1/namespaces/{name}/pods", grace_s=0)


@pytest.fixture
def kubeconfig(control_plane: ControlPlane) -> Path:
    """An admin's kubeconfig, for programs."""
    return control_plane.kubeconfig()
