"""What is remembered of accepted actions."""

from datetime import timedelta

import pytest

from agent.actions.memory import DOCUMENT, LARGEST_RESULT, MOST_RESULTS, Memory
from agent.kubernetes.errors import UnavailableError
from domain.signing import wire_time
from domain.wire.messages import ResultBody
from tests.unit.agent.twin import START, TwinStore, run

UNTIL = START + timedelta(minutes=5)
DONE = ResultBody(status="completed", result={"changed": True})


async def loaded(store: TwinStore, *, capacity: int = 10) -> Memory:
    memory = Memory(store, capacity=capacity)
    await memory.load()
    return memory


def test_a_nonce_is_new_once() -> None:
    async def main() -> None:
        memory = await loaded(TwinStore())
        assert memory.remember("n", until=UNTIL, now=START)
        assert not memory.remember("n", until=UNTIL, now=START)

    run(main())


def test_what_was_committed_is_known_after_a_restart() -> None:
    async def main() -> None:
        store = TwinStore()
        memory = await loaded(store)
        memory.remember("n", until=UNTIL, now=START)
        memory.keep_result("action", DONE, until=UNTIL)
        await memory.commit("n", START)
        again = await loaded(store)
        assert not again.remember("n", until=UNTIL, now=START)
        assert again.result_of("action") == DONE

    run(main())


def test_a_memory_full_of_living_nonces_takes_no_more_and_dead_ones_make_room() -> None:
    async def main() -> None:
        memory = await loaded(TwinStore(), capacity=2)
        assert memory.remember("a", until=UNTIL, now=START)
        assert memory.remember("b", until=UNTIL, now=START)
        assert not memory.remember("c", until=UNTIL, now=START)
        assert memory.remember("c", until=UNTIL + timedelta(minutes=5), now=UNTIL)

    run(main())


def test_what_has_expired_is_stored_no_longer() -> None:
    async def main() -> None:
        store = TwinStore()
        memory = await loaded(store)
        memory.remember("old", until=START, now=START - timedelta(minutes=1))
        memory.keep_result("old", DONE, until=START)
        memory.remember("new", until=UNTIL, now=START)
        await memory.commit("new", START)
        assert store.documents[DOCUMENT] == {"nonces": {"new": wire_time(UNTIL)}, "results": {}}

    run(main())


def test_large_results_and_too_many_of_them_are_not_kept() -> None:
    async def main() -> None:
        memory = await loaded(TwinStore())
        memory.keep_result("large", ResultBody(status="completed", result={"x": "y" * LARGEST_RESULT}), until=UNTIL)
        assert memory.result_of("large") is None
        for number in range(MOST_RESULTS + 1):
            memory.keep_result(f"a{number}", DONE, until=UNTIL)
        assert memory.result_of("a0") is None
        assert memory.result_of(f"a{MOST_RESULTS}") == DONE

    run(main())


@pytest.mark.parametrize(
    "document",
    [{"nonces": 5}, {"nonces": {"n": "soon"}}, {"results": {"a": {}}}, {"results": {"a": {"until": 5}}}, {"x": 1}],
)
def test_a_damaged_document_is_no_obstacle(document: dict[str, object]) -> None:
    async def main() -> None:
        store = TwinStore()
        store.documents[DOCUMENT] = document
        memory = await loaded(store)
        assert memory.remember("n", until=UNTIL, now=START)
        await memory.commit("n", START)
        assert "n" in store.documents[DOCUMENT]["nonces"]

    run(main())


def test_a_nonce_that_cannot_be_stored_is_told() -> None:
    async def main() -> None:
        store = TwinStore()
        store.fails_with = UnavailableError(503, "ServiceUnavailable", "down")
        memory = await loaded(store)
        memory.remember("n", until=UNTIL, now=START)
        with pytest.raises(UnavailableError):
            await memory.commit("n", START)

    run(main())
