"""What kept answers promise, over the twin (unit) and over a real server (integration)."""

from adapters.redis.hub import Hub
from tests.unit.redis.builders import Until


class AnswersContract:
    async def test_an_answer_is_kept_for_its_owner_alone_until_its_time_is_over(self, hub: Hub, until: Until) -> None:
        stamp = (await hub.answers.get("a", "kpi")).stamp
        await hub.answers.put("a", "kpi", b"1 2|3", stamp=stamp, ttl_s=0.2)
        assert (await hub.answers.get("a", "kpi")).body == b"1 2|3"
        assert (await hub.answers.get("a", "list")).body is None
        assert (await hub.answers.get("b", "kpi")).body is None

        async def gone() -> bool:
            return (await hub.answers.get("a", "kpi")).body is None

        await until(gone)

    async def test_dropping_ends_all_answers_of_one_owner(self, hub: Hub) -> None:
        for owner in ("a", "b"):
            for name in ("kpi", "list"):
                kept = await hub.answers.get(owner, name)
                await hub.answers.put(owner, name, b"1", stamp=kept.stamp, ttl_s=60)
        await hub.answers.drop("a")
        found = [(await hub.answers.get(owner, name)).body for owner in ("a", "b") for name in ("kpi", "list")]
        assert found == [None, None, b"1", b"1"]

    async def test_an_answer_made_before_a_drop_and_kept_after_it_does_not_count(self, hub: Hub) -> None:
        before = await hub.answers.get("a", "kpi")
        await hub.answers.drop("a")
        await hub.answers.put("a", "kpi", b"old", stamp=before.stamp, ttl_s=60)
        assert (await hub.answers.get("a", "kpi")).body is None
