"""Simulations over HTTP: asked for, computed, followed; nobody sees those of others, and no file of ours is read."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.simulation.asked import SILENT, carry_out
from domain.simulation import SimulationStatus
from serve.routes.simulations import starter
from tests.unit.gateway.house import House, Somebody

SCENARIO: dict[str, Any] = {
    "name": "mine",
    "region": "us-east-1",
    "hours": 6,
    "market": {"recorded": {"folder": "."}},
    "workload": {"deployments": [{"name": "shop", "replicas": 3, "cpu": 0.5, "memory_gib": 1}]},
    "policies": [{"policy": "on-demand"}, {"policy": "karpenter"}],
}
RECORDING = {"zone": "us-east-1a", "instance_type": "m5.large", "tick_s": 600, "available": [1, 1, 0, 1, 1, 1] * 10}
BODY = {"scenario": SCENARIO, "replications": 3, "recordings": [RECORDING]}


class StarterTwin:
    """Remembers what was to be computed."""

    def __init__(self) -> None:
        self.started: list[tuple[UUID, UUID]] = []

    def start(self, simulation_id: UUID, organization_id: UUID) -> None:
        self.started.append((simulation_id, organization_id))


@pytest.fixture
def computing(spot: House) -> StarterTwin:
    twin = StarterTwin()
    spot.app.dependency_overrides[starter] = lambda: twin
    return twin


async def ask(spot: House, owner: Somebody, **changes: Any) -> Any:
    return await spot.http.post("/api/simulations", json=BODY | changes, headers=owner.headers)


async def test_a_recording_of_ones_own_is_replayed(spot: House, computing: StarterTwin) -> None:
    owner = await spot.somebody()
    asked = await ask(spot, owner)
    assert asked.status_code == 202, asked.text
    assert asked.json()["status"] == "queued"
    ((simulation, organization),) = computing.started
    await carry_out(spot.services, simulation, organization)
    found = (await spot.http.get(f"/api/simulations/{simulation}", headers=owner.headers)).json()
    assert (found["status"], found["done"]) == ("completed", 3)
    figures = found["summary"]["policies"]["karpenter"]
    assert figures["saving"]["mean"] > 0
    assert figures["interruptions"]["mean"] > 0
    listed = (await spot.http.get("/api/simulations", headers=owner.headers)).json()
    assert [item["id"] for item in listed["items"]] == [str(simulation)]


async def test_prices_that_come_with_a_recording_are_what_is_paid(spot: House, computing: StarterTwin) -> None:
    owner = await spot.somebody()
    dear = RECORDING | {"available": [1] * 60, "prices": [{"at_h": 0, "usd_per_h": 0.5}, {"at_h": 3, "usd_per_h": 0.9}]}
    always = SCENARIO | {"policies": [{"policy": "refill"}]}
    await ask(spot, owner, scenario=always, recordings=[dear], replications=1)
    ((simulation, organization),) = computing.started
    await carry_out(spot.services, simulation, organization)
    async with spot.database.tenant(organization) as tx:
        found = await tx.simulations.get(simulation)
    assert found is not None
    figures = found.summary["policies"]["refill"]
    assert figures["cost_usd"]["mean"] / figures["spot_h"]["mean"] == pytest.approx((0.5 + 0.9) / 2)


OTHER_ZONE = RECORDING | {"zone": "us-east-1b"}
PRICES = [{"at_h": 1, "usd_per_h": 0.5}, {"at_h": 1, "usd_per_h": 0.9}]


@pytest.mark.parametrize(
    ("recordings", "told"),
    [
        ([RECORDING, RECORDING], "m5.large in us-east-1a is recorded twice"),
        ([RECORDING, OTHER_ZONE | {"tick_s": 300}], "must have one tick_s, not 300, 600"),
        ([RECORDING, OTHER_ZONE | {"prices": PRICES[:1]}], "must have prices all of them, or none"),
        ([RECORDING | {"prices": PRICES}], "must be in the order of their times"),
        ([RECORDING | {"prices": [{"at_h": 0, "usd_per_h": -1}]}], "greater than 0"),
        ([RECORDING | {"available": [1, -1]}], "greater than or equal to 0"),
    ],
    ids=range(6),
)
async def test_recordings_that_do_not_fit_are_refused(
    spot: House, computing: StarterTwin, recordings: list[dict[str, Any]], told: str
) -> None:
    answer = await ask(spot, await spot.somebody(), recordings=recordings)
    assert answer.status_code == 422
    assert told in answer.text
    assert not computing.started


async def test_one_whose_process_died_goes_on_from_what_is_done(spot: House, computing: StarterTwin) -> None:
    owner = await spot.somebody()
    path = f"/api/simulations/{(await ask(spot, owner)).json()['id']}"
    ((simulation, organization),) = computing.started
    async with spot.database.tenant(organization) as tx:
        await tx.simulations.keep(simulation, 0, b"[]", done=2, now=spot.clock.now() - SILENT - timedelta(seconds=1))
    found = await spot.http.get(path, headers=owner.headers)
    assert found.json()["done"] == 2
    assert len(computing.started) == 2
    await spot.http.get(path, headers=owner.headers)
    assert len(computing.started) == 2


async def test_what_cannot_be_simulated_ends_as_failed_with_the_reason(spot: House, computing: StarterTwin) -> None:
    owner = await spot.somebody()
    unknown = RECORDING | {"instance_type": "x9.large"}
    await ask(spot, owner, recordings=[unknown])
    ((simulation, organization),) = computing.started
    await carry_out(spot.services, simulation, organization)
    async with spot.database.tenant(organization) as tx:
        found = await tx.simulations.get(simulation)
    assert found is not None
    assert found.status is SimulationStatus.FAILED
    assert "x9.large" in found.error


@pytest.mark.parametrize(
    ("scenario", "field"),
    [
        ({"market": {"recorded": {"folder": "../../etc"}}}, "market.recorded.folder"),
        ({"market": {"recorded": {"folder": "."}, "prices": "/etc/passwd"}}, "market.prices"),
        ({"ours": {"model_file": "/etc/passwd"}}, "ours.model_file"),
        ({"hours": 8_784, "clusters": {"tenants": 100}}, "replications"),
        ({"region": "us-east-1", "hurs": 3}, "hurs"),
    ],
    ids=range(5),
)
async def test_a_scenario_that_names_files_or_asks_too_much_is_refused(
    spot: House, computing: StarterTwin, scenario: dict[str, Any], field: str
) -> None:
    answer = await ask(spot, await spot.somebody(), scenario=SCENARIO | scenario)
    assert answer.status_code == 422
    assert field in answer.text
    assert not computing.started


async def test_an_organisation_has_few_under_way_and_none_of_others(spot: House, computing: StarterTwin) -> None:
    owner, other = await spot.somebody(), await spot.somebody()
    made = [await ask(spot, owner) for _ in range(3)]
    assert [each.status_code for each in made] == [202, 202, 409]
    path = f"/api/simulations/{made[0].json()['id']}"
    assert (await spot.http.get(path, headers=other.headers)).status_code == 404
    assert (await spot.http.get("/api/simulations", headers=other.headers)).json()["items"] == []
    assert (await spot.http.get(path)).status_code == 401
