"""Where an agent of the chart lives in a test: its namespace and account with the chart's rights, and the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.interruptions.notices import interruption_condition
from domain.wire.messages import ActionModel, ResultBody
from tests.kube.agent_process import AgentProcess, running
from tests.kube.client import JsonObject, Kube, Login
from tests.kube.objects import ENDS_AFTER, instance_id, make_namespace
from tests.kube.service import Service

ROLES = ("ClusterRole", "Role")
RIGHTS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
SHORT = {ENDS_AFTER: "200ms"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where an agent of the chart lives: its namespace, its account with the chart's rights, and the service."""

    kube: Kube
    namespace: str
    account: str
    login: Login
    roles: list[JsonObject]
    service: Service
    port: int
    folder: Path

    @contextmanager
    def agent(self, name: str = "agent-0") -> Iterator[AgentProcess]:
        """A running agent."""
        url = f"http://127.0.0.1:{self.port}"
        with running(self.login, self.folder, namespace=self.namespace, service=url, name=name) as process:
            yield process

    def also(self, name: str) -> str:
        """Another namespace, with its default service account."""
        namespace = f"{self.namespace}-{name}"
        self.kube.create(make_namespace(namespace))
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        self.kube.wait(lambda: self.kube.http.get(account).status_code, until=lambda status: status == 200)
        return namespace

    def pods(self) -> list[JsonObject]:
        return self.kube.items(f"/api/v1/namespaces/{self.namespace}/pods")

    def run(self, deployment: JsonObject) -> list[JsonObject]:
        """The pods of a Deployment, when all of them run."""
        self.kube.create(deployment)
        app, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
        return self.kube.wait(
            lambda: [pod for pod in self.pods() if pod["metadata"]["labels"].get("app") == app],
            until=lambda pods: [pod["status"]["phase"] for pod in pods] == ["Running"] * wanted,
        )


def carried_out(home: Home, agent: AgentProcess, action: ActionModel) -> ResultBody:
    """The result of an action."""
    home.service.hand_out(action)
    agent.wait(lambda: action.action_id in home.service.results)
    return home.service.results[action.action_id]


def do(home: Home, agent: AgentProcess, kind: str, **payload: object) -> ResultBody:
    return carried_out(home, agent, home.service.sign(kind, payload))


def seen(home: Home, kind: str) -> dict[str, JsonObject]:
    return {one["metadata"]["name"]: one for one in home.service.objects.objects(kind)}


def holder(home: Home) -> str:
    """Which agent leads; nobody before there is a lease."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{home.namespace}/leases"
    return next((lease["spec"]["holderIdentity"] for lease in home.kube.items(path)), "")


def interrupt(home: Home, name: str) -> None:
    """Say what the container on a node says when AWS takes it."""
    now = datetime.now(UTC)
    told = interruption_condition("terminate", now + timedelta(minutes=2), instance_id=instance_id(name), now=now)
    home.kube.strategic(f"/api/v1/nodes/{name}/status", {"status": {"conditions": [told]}})


def nodes_of(home: Home) -> set[str]:
    """Where the pods are that nobody has asked to end."""
    return {pod["spec"].get("nodeName", "") for pod in home.pods() if "deletionTimestamp" not in pod["metadata"]}
