"""The lab over HTTP: upload, compare, graduate, switch; who may, what is refused, what is written down."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from actors.lab import judge
from adapters.postgres.ids import new_id
from adapters.sandbox.process import OutOfBoundsError
from domain.lab import RISK_MODEL, ModelStatus
from solvers.interruption.sequential import PairedRound, Wealth
from tests.unit.gateway.house import House, Somebody
from tests.unit.interruption.make import forest_text, model_text, tree

TEXT = {"content-type": "text/plain"}


class HereSandbox:
    """Judges in this process; ``stuck`` stands for an input that never ends."""

    def __init__(self) -> None:
        self.stuck = False
        self.runs = 0

    async def run(self, module: str, data: bytes) -> bytes:
        assert module == "actors.lab.judge"
        self.runs += 1
        if self.stuck:
            raise OutOfBoundsError("took longer than 30 s to read")
        return judge.judge(data)


@pytest.fixture
async def admin(spot: House) -> Somebody:
    return await spot.somebody(None)


@pytest.fixture
def sandbox(spot: House) -> HereSandbox:
    made = HereSandbox()
    spot.app.state.sandbox = made
    return made


async def upload(spot: House, admin: Somebody, *, version: str = "v2", body: Any = None, **headers: str) -> Any:
    return await spot.http.post(
        f"/api/admin/models/upload?version={version}&file=risk.txt",
        content=model_text(forest_text(tree(limit=3.0))).encode() if body is None else body,
        headers={**admin.headers, **TEXT, **headers},
    )


async def compared(spot: House, admin: Somebody, model_id: str, **fields: Any) -> dict[str, Any]:
    body = {"name": "newer", "model_id": model_id, **fields}
    answer = await spot.http.post("/api/lab/parallel", json=body, headers=admin.headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def played(spot: House, experiment_id: str, *, difference: float, rounds: int = 200) -> None:
    """Rounds in which the variant's errors were smaller by a share of the most that they could have been."""
    wealth = Wealth()
    for _ in range(rounds):
        wealth = wealth.after(PairedRound(difference=difference, bound=1.0, pools=10))
    async with spot.database.platform() as tx:
        found = await tx.lab.get(UUID(experiment_id))
        assert found is not None
        await tx.lab.put(replace(found, telemetry=wealth.to_json()))


async def audited(spot: House, admin: Somebody, event: str) -> dict[str, Any]:
    listed = (await spot.http.get("/api/audit", params={"event": event}, headers=admin.headers)).json()
    found: dict[str, Any] = listed["items"][0]
    return found


@pytest.mark.usefixtures("sandbox")
async def test_a_model_that_keeps_the_contract_is_registered_for_testing(spot: House, admin: Somebody) -> None:
    made = await upload(spot, admin)
    assert made.status_code == 201, made.text
    assert (made.json()["status"], made.json()["families"], made.json()["file"]) == ("testing", ["p3"], "risk.txt")
    listed = (await spot.http.get("/api/admin/models", headers=admin.headers)).json()
    assert [one["version"] for one in listed["items"]] == ["v2"]
    assert any("no CPU type" in limit for limit in listed["limits"])
    assert (await audited(spot, admin, "model_uploaded"))["actor"] == admin.user.email
    one = (await spot.http.get(f"/api/admin/models/{made.json()['id']}", headers=admin.headers)).json()
    assert (one["drift"]["rounds"], one["drift"]["log_loss"]) == (0, None)
    missing = await spot.http.get(f"/api/admin/models/{new_id()}", headers=admin.headers)
    assert missing.status_code == 404


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"\x80\x04\x95evil", "body", "is a pickle, which could run anything when read"),
        (b"\x1f\x8bzip", "body", "is compressed; give the text itself"),
        (model_text(forest_text(names=("price", "age_h"))).encode(), "horizon 1 h since_drop_h", "is missing"),
        (model_text().encode() + b"\xff", "body", "is no text"),
        (model_text(forest_text(tree(leaves=("nan", -1.0)))).encode(), "horizon 1 h, tree 0 leaf_value", "not finite"),
        (model_text(forest_text(tree(leaves=(-3.0, -1.0)))).encode(), "age_h", "must not raise the risk as it grows"),
    ],
    ids=["a pickle", "an archive", "other features", "no text", "outputs that are no numbers", "a sign turned round"],
)
async def test_whatever_breaks_the_contract_is_refused_with_the_reason_and_written_down(
    spot: House, admin: Somebody, body: bytes, field: str, reason: str
) -> None:
    refused = await upload(spot, admin, body=body)
    assert refused.status_code == 422, refused.text
    assert reason in refused.json()["detail"]
    assert refused.json()["field"] == field
    assert (await spot.http.get("/api/admin/models", headers=admin.headers)).json()["items"] == []
    entry = await audited(spot, admin, "model_refused")
    assert (entry["outcome"], reason in entry["text"]) == ("failure", True)


async def test_what_is_no_model_at_first_sight_starts_no_process(
    spot: House, admin: Somebody, sandbox: HereSandbox
) -> None:
    for body in (b"\x80\x04\x95evil", b"", b"hello"):
        assert (await upload(spot, admin, body=body)).status_code == 422
    assert sandbox.runs == 0


async def test_a_model_that_the_reader_never_finishes_is_refused(
    spot: House, admin: Somebody, sandbox: HereSandbox
) -> None:
    sandbox.stuck = True
    refused = await upload(spot, admin)
    assert (refused.status_code, "took longer than 30 s" in refused.json()["detail"]) == (422, True)


async def test_two_gigabytes_are_refused_before_they_have_come(
    spot: House, admin: Somebody, sandbox: HereSandbox
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2 << 30:
            sent += 1 << 20
            yield b"x" * (1 << 20)

    streamed = await upload(spot, admin, body=endless())
    assert (streamed.status_code, sent <= 18 << 20) == (413, True)
    promised = await upload(spot, admin, body=b"x", **{"content-length": str(2 << 30)})
    assert promised.status_code == 413
    packed = await upload(spot, admin, body=b"x", **{"content-encoding": "gzip"})
    assert packed.status_code == 415
    assert sandbox.runs == 0


@pytest.mark.usefixtures("sandbox")
async def test_the_same_text_or_version_is_not_registered_twice(spot: House, admin: Somebody) -> None:
    await upload(spot, admin)
    assert (await upload(spot, admin)).status_code == 409
    assert (await upload(spot, admin, version="v3")).status_code == 409
    assert (await upload(spot, admin, version="../etc")).status_code == 422


@pytest.mark.usefixtures("sandbox")
async def test_a_variant_graduates_when_the_evidence_allows_it_and_is_watched_from_then_on(
    spot: House, admin: Somebody
) -> None:
    model = (await upload(spot, admin)).json()
    begun = await compared(spot, admin, model["id"], mode="share", share=0.25)
    assert (begun["mode"], begun["share"], begun["finding"]) == ("share", 0.25, "open")
    wanted = {"experiment_id": begun["id"]}
    early = await spot.http.post("/api/lab/graduate", json=wanted, headers=admin.headers)
    assert (early.status_code, "after 0 rounds" in early.json()["detail"]) == (409, True)
    await played(spot, begun["id"], difference=0.3)
    shown = (await spot.http.get("/api/lab/parallel-results", params=wanted, headers=admin.headers)).json()["items"][0]
    assert (shown["finding"], shown["rounds"]) == ("better", 200)
    done = await spot.http.post("/api/lab/graduate", json=wanted, headers=admin.headers)
    assert done.json()["status"] == "graduated", done.text
    async with spot.database.platform() as tx:
        production = await tx.models.production(RISK_MODEL)
        (watch,) = await tx.lab.running()
        before = await tx.models.get(watch.control_model_id)
    assert production is not None
    assert before is not None
    assert (str(production.id), watch.mode, watch.variant_model_id) == (model["id"], "watch", production.id)
    assert before.status is ModelStatus.RETIRED
    assert (await audited(spot, admin, "model_graduated"))["resource"] == model["id"]
    again = await spot.http.post("/api/lab/graduate", json=wanted, headers=admin.headers)
    assert again.status_code == 409


@pytest.mark.usefixtures("sandbox")
async def test_a_comparison_is_reconfigured_and_stopped(spot: House, admin: Somebody) -> None:
    model = (await upload(spot, admin)).json()
    begun = await compared(spot, admin, model["id"])
    twice = await spot.http.post(
        "/api/lab/parallel", json={"name": "again", "model_id": model["id"]}, headers=admin.headers
    )
    assert twice.status_code == 409
    body: dict[str, Any] = {"experiment_id": begun["id"], "share": 0.5}
    changed = await spot.http.post("/api/lab/parallel-config", json=body, headers=admin.headers)
    assert (changed.json()["mode"], changed.json()["share"]) == ("share", 0.5)
    stopped = await spot.http.post("/api/lab/parallel-config", json=body | {"stop": True}, headers=admin.headers)
    assert stopped.json()["status"] == "stopped"
    ended = await spot.http.post("/api/lab/parallel-config", json=body, headers=admin.headers)
    assert ended.status_code == 409
    diff = await audited(spot, admin, "experiment_stopped")
    assert diff["resource"] == begun["id"]
    nowhere = await spot.http.get(
        "/api/lab/parallel-results", params={"experiment_id": str(new_id())}, headers=admin.headers
    )
    assert nowhere.status_code == 404


@pytest.mark.usefixtures("sandbox")
async def test_a_cluster_is_switched_at_once_and_back(spot: House, admin: Somebody) -> None:
    model = (await upload(spot, admin)).json()
    agent = await spot.agent(await spot.somebody())
    body = {"cluster_id": str(agent.cluster_id), "model_id": model["id"]}
    async with spot.hub.bus.subscribe("models:changes") as told:
        assert (await spot.http.post("/api/lab/live-switch", json=body, headers=admin.headers)).status_code == 200
        assert (await anext(told)).channel == "models:changes"  # type: ignore[union-attr]
    async with spot.database.platform() as tx:
        (switch,) = await tx.models.switches()
    assert (switch.cluster_id, str(switch.model_id)) == (agent.cluster_id, model["id"])
    back = {"cluster_id": str(agent.cluster_id)}
    assert (await spot.http.post("/api/lab/live-switch", json=back, headers=admin.headers)).status_code == 200
    assert (await spot.http.post("/api/lab/live-switch", json=back, headers=admin.headers)).status_code == 422
    unknown = body | {"instance_id": "i-0ff"}
    refused = await spot.http.post("/api/lab/live-switch", json=unknown, headers=admin.headers)
    assert refused.json()["field"] == "body.instance_id"
    nobody = {"cluster_id": str(new_id()), "model_id": model["id"]}
    assert (await spot.http.post("/api/lab/live-switch", json=nobody, headers=admin.headers)).status_code == 404


@pytest.mark.parametrize("path", ["/api/admin/models", "/api/lab/parallel-results"])
async def test_the_lab_is_for_admins_alone(spot: House, path: str) -> None:
    owner = await spot.somebody()
    assert (await spot.http.get(path, headers=owner.headers)).status_code == 403
