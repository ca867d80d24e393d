"""The whole life of a model as an admin lives it: uploaded, compared, graduated, taken back, written down."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from actors.lab.rounds import ModelJudge
from actors.scoring.models import ModelCopy
from actors.scoring.service import ScoringService
from adapters.clock import VirtualClock
from adapters.postgres.ids import new_id
from adapters.redis import keys
from domain.commands import EvidenceKind
from domain.lab import ModelStatus
from domain.market import Pool
from domain.work import PoolEvidence
from tests.unit.gateway.house import AgentOf, House, Somebody
from tests.unit.gateway.test_lab import TEXT, HereSandbox
from tests.unit.scoring.world import ADVISED, P3, P3_NEXT_DOOR, ScoringWorld, text_of

POOLS = (P3, P3_NEXT_DOOR)
MOST_ROUNDS = 60
"""More than either finding needs with models that differ as much as these."""


@dataclass(slots=True, kw_only=True)
class Life:
    """A gateway, the process that scores, and another one that only serves.

    The scoring process has a clock of its own, which runs ahead: whoever signed in stays so.
    """

    spot: House
    admin: Somebody
    clock: VirtualClock
    scoring: ScoringService
    judge: ModelJudge
    elsewhere: ModelCopy
    agent: AgentOf

    async def asked(self, method: str, path: str, **given: Any) -> Any:
        """Ask as the admin."""
        headers = {**self.admin.headers, **given.pop("headers", {})}
        answer = await self.spot.http.request(method, f"/api{path}", headers=headers, **given)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def uploaded(self, version: str, margin: float) -> Any:
        return await self.asked(
            "POST", f"/admin/models/upload?version={version}", content=text_of(margin), headers=TEXT
        )

    async def hour(self, *, lost: bool) -> str:
        """An hour in which nodes run in both pools, and AWS takes them in its middle or not."""
        for half in range(2):
            if lost and half:
                await self._lose()
            await self._pass(minutes=30)
        return await self.judge.run()

    async def finding(self, experiment: Any, *, lost: bool, wanted: str) -> Any:
        """Play rounds until the comparison says it."""
        for _ in range(MOST_ROUNDS):
            await self.hour(lost=lost)
            (shown,) = (await self.asked("GET", "/lab/parallel-results", params={"experiment_id": experiment}))["items"]
            if shown["finding"] == wanted:
                return shown
        raise AssertionError(shown)

    async def watched(self, hours: int) -> None:
        for _ in range(2 * hours):
            await self._pass(minutes=30)

    async def _pass(self, *, minutes: float) -> None:
        end = self.clock.now() + timedelta(minutes=minutes)
        while self.clock.now() < end:
            await self.clock.advance(600.0)
            await self.scoring.listen()
        self.scoring.risk("us-east-1", cluster_id=self.agent.cluster_id, running=POOLS)

    async def _lose(self) -> None:
        seen = [self._evidence(pool) for pool in POOLS]
        async with self.spot.database.platform() as tx:
            await tx.pools.add_evidence(seen)

    def _evidence(self, pool: Pool) -> PoolEvidence:
        return PoolEvidence(
            id=new_id(), organization_id=self.agent.organization_id, cluster_id=self.agent.cluster_id, pool=pool,
            kind=EvidenceKind.INTERRUPTION, instance_id=str(new_id()), known=True, at=self.clock.now(),
        )  # fmt: skip


@pytest.fixture
async def life(spot: House) -> Life:
    spot.app.state.sandbox = HereSandbox()
    clock = VirtualClock(spot.clock.now())
    services = replace(spot.services, clock=clock)
    scoring = ScoringService(services, ADVISED)
    world = ScoringWorld(services=services, clock=clock, scoring=scoring)
    await world.add_model("old", text_of(0.0), status=ModelStatus.PRODUCTION)
    await scoring.start()
    agent = await spot.agent(await spot.somebody())
    made = Life(
        spot=spot, admin=await spot.somebody(None), clock=clock, scoring=scoring, judge=ModelJudge(services, scoring),
        elsewhere=ModelCopy(services), agent=agent,
    )  # fmt: skip
    await made.watched(hours=7)  # before that the prior speaks
    return made


async def test_a_model_is_uploaded_compared_graduated_and_taken_back_when_the_world_changes(life: Life) -> None:
    model = await life.uploaded("new", -3.0)
    begun = await life.asked(
        "POST", "/lab/parallel", json={"name": "calmer", "model_id": model["id"], "mode": "share", "share": 1.0}
    )
    served = await life.elsewhere.refresh()
    assert (served.of(life.agent.cluster_id).version, served.production.version) == ("new", "old")

    async with life.spot.hub.bus.subscribe(keys.lab_telemetry(begun["id"])) as told:
        better = await life.finding(begun["id"], lost=False, wanted="better")
        assert orjson.loads((await anext(told)).body)["rounds"] == 1
    assert better["evidence_better"] >= better["evidence_needed"]

    await life.asked("POST", "/lab/graduate", json={"experiment_id": begun["id"]})
    assert (await life.elsewhere.refresh()).production.version == "new"
    (watch,) = [one for one in (await life.asked("GET", "/lab/parallel-results"))["items"] if one["mode"] == "watch"]

    for _ in range(MOST_ROUNDS):
        if "new gave way to old" in await life.hour(lost=True):
            break
    assert (await life.elsewhere.refresh()).production.version == "old"
    (ended,) = (await life.asked("GET", "/lab/parallel-results", params={"experiment_id": watch["id"]}))["items"]
    assert (ended["status"], ended["finding"]) == ("stopped", "worse")
    drift = (await life.asked("GET", f"/admin/models/{model['id']}"))["drift"]
    assert drift["drops"] > 0
    assert drift["log_loss"] > drift["log_loss_of_the_mean"]

    rows = (await life.asked("GET", "/audit", params={"resource_type": "model"}))["items"]
    assert [row["event"] for row in reversed(rows)] == ["model_uploaded", "model_graduated", "model_demoted"]
    assert [row["actor"] == "System" for row in reversed(rows)] == [False, False, True]


async def test_a_model_that_gave_way_may_be_compared_again(life: Life) -> None:
    model = await life.uploaded("new", -3.0)
    async with life.spot.database.platform() as tx:
        await tx.models.set_status(UUID(model["id"]), ModelStatus.RETIRED)
    begun = await life.asked("POST", "/lab/parallel", json={"name": "once more", "model_id": model["id"]})
    assert begun["variant_model_id"] == model["id"]
