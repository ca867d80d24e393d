"""The list of actors, and the names by which the gateway asks for them."""

from actors.runtime import ActorSpec
from adapters.settings import load_settings
from serve.operations.layout import actors
from serve.operations.workers import actor_names


def specs() -> tuple[ActorSpec, ...]:
    return actors(load_settings({"cluster_hosts": 3, "event_consumers": 1}))


def test_the_settings_say_how_many_hosts_and_consumers_there_are() -> None:
    names = [spec.name for spec in specs()]
    assert [name for name in names if name.startswith("ClusterHost")] == [
        "ClusterHost-0",
        "ClusterHost-1",
        "ClusterHost-2",
    ]
    assert [name for name in names if name.startswith("EventConsumer")] == ["EventConsumer-0"]


def test_health_pages_ask_for_exactly_the_actors_that_are_started() -> None:
    assert actor_names(load_settings({"cluster_hosts": 3, "event_consumers": 1})) == tuple(s.name for s in specs())


def test_every_actor_can_be_asked_whether_it_lives() -> None:
    assert all(callable(getattr(spec.made_by, "ping", None)) for spec in specs())
