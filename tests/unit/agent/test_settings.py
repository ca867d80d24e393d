"""The environment: what is missing or malformed is named, and secrets are never shown."""

from pathlib import Path

import pytest

from agent.settings import read_node_settings, read_settings
from domain.errors import InputError

ENVIRONMENT = {
    "API_URL": "https://spot.example.com/",
    "CLUSTER_ID": "3f2b7c1e-0d64-4a8e-9c55-2b1f6f0a9d10",
    "API_TOKEN": "spotopt_example_token",
    "NAMESPACE": "spot-optimizer",
    "POD_NAME": "agent-6f7c9d5b8-x2x7k",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
}


def test_what_kubernetes_gives_to_a_pod_is_enough_beside_four_variables() -> None:
    settings = read_settings(ENVIRONMENT)
    assert settings.api_url == "https://spot.example.com"
    assert settings.kubernetes.url == "https://10.96.0.1:443"
    assert settings.kubernetes.token_file is not None
    assert settings.instance == "agent-6f7c9d5b8-x2x7k"
    assert (settings.collection_interval_s, settings.dry_run, settings.port) == (None, False, 8080)
    assert not settings.karpenter


def test_an_address_that_ends_in_api_is_the_same_address() -> None:
    assert (
        read_settings(ENVIRONMENT | {"API_URL": "https://spot.example.com/api"}).api_url == "https://spot.example.com"
    )


def test_an_ipv6_api_server_gets_its_brackets() -> None:
    assert read_settings(ENVIRONMENT | {"KUBERNETES_SERVICE_HOST": "fd00::1"}).kubernetes.url == "https://[fd00::1]:443"


@pytest.mark.parametrize("name", ["API_URL", "CLUSTER_ID", "API_TOKEN", "NAMESPACE"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    environment = {key: text for key, text in ENVIRONMENT.items() if key != name}
    with pytest.raises(InputError) as error:
        read_settings(environment if value is None else environment | {name: value})
    assert (error.value.field, error.value.problem.startswith("is missing")) == (name, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_URL", "spot.elsewhere.example"),
        ("API_URL", "https://user:secret@spot.example.com"),
        ("API_URL", "https://spot.example.com?x=1"),
        ("CLUSTER_ID", "my cluster"),
        ("API_TOKEN", "two words"),
        ("API_TOKEN", "spotopt_é"),
        ("NAMESPACE", "Not_A_Namespace"),
        ("LOG_LEVEL", "loud"),
        ("COLLECTION_INTERVAL", "4"),
        ("COLLECTION_INTERVAL", "30s"),
        ("HEARTBEAT_INTERVAL", "3601"),
        ("DRY_RUN", "perhaps"),
        ("KARPENTER", "sometimes"),
        ("PORT", "65536"),
        ("KUBE_API_URL", "here"),
    ],
)
def test_a_malformed_variable_is_named_and_its_value_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InputError) as error:
        read_settings(ENVIRONMENT | {name: value})
    assert error.value.field == name
    assert value not in str(error.value)


def test_a_process_outside_of_a_cluster_must_say_where_the_api_is() -> None:
    environment = {key: text for key, text in ENVIRONMENT.items() if not key.startswith("KUBERNETES")}
    with pytest.raises(InputError) as error:
        read_settings(environment)
    assert error.value.field == "KUBE_API_URL"
    assert read_settings(environment | {"KUBE_API_URL": "http://127.0.0.1:8001"}).kubernetes.token_file is None


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("spotopt_from_a_file\n")
    environment = ENVIRONMENT | {"API_TOKEN": "", "API_TOKEN_FILE": str(file)}
    assert read_settings(environment).token == "spotopt_from_a_file"
    file.unlink()
    with pytest.raises(InputError) as error:
        read_settings(environment)
    assert error.value.field == "API_TOKEN_FILE"


def test_the_key_is_not_shown_by_the_settings() -> None:
    assert "example_token" not in repr(read_settings(ENVIRONMENT))


def test_the_process_on_a_node_needs_no_key_but_its_nodes_name() -> None:
    environment = {key: text for key, text in ENVIRONMENT.items() if key.startswith("KUBERNETES")}
    with pytest.raises(InputError) as error:
        read_node_settings(environment)
    assert error.value.field == "NODE_NAME"
    assert read_node_settings(environment | {"NODE_NAME": "n1"}).metadata_url == "http://169.254.169.254"
