"""One control plane for the whole run; each test has a namespace and nodes of its own, gone when it ends."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.kube.client import Kube
from tests.kube.control_plane import ControlPlane
from tests.kube.helm import Helm, case, of_kind
from tests.kube.home import RIGHTS, ROLES, Home
from tests.kube.objects import make_namespace
from tests.kube.programs import NotBuiltError, Programs, build
from tests.kube.service import Service, served

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
            print(f"left out, as there is no control plane to test against: {err}", flush=True)  # noqa: T201
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
def restarted(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane for a test that ends parts of it, which must serve again whatever the test does."""
    yield control_plane
    control_plane.start_missing()


@pytest.fixture
def home(programs: Programs, control_plane: ControlPlane, kube: Kube, namespace: str, tmp_path: Path) -> Iterator[Home]:
    """A home for an agent, with the rights of the chart's smallest values."""
    found = Helm(program=programs.helm, home=tmp_path).render(case("minimal"), namespace=namespace)
    rights = [one for one in found if one["kind"] in RIGHTS]
    for one in rights:
        kube.apply(one)
    (account,) = [one["metadata"]["name"] for one in of_kind(rights, "ServiceAccount")]
    service = Service()
    with served(service) as port:
        yield Home(
            kube=kube,
            namespace=namespace,
            account=account,
            login=control_plane.service_account(namespace, account),
            roles=[one for one in rights if one["kind"] in ROLES],
            service=service,
            port=port,
            folder=tmp_path,
        )


@pytest.fixture
def kubeconfig(control_plane: ControlPlane) -> Path:
    """An admin's kubeconfig, for programs."""
    return control_plane.kubeconfig()
