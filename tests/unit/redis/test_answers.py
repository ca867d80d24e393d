"""The twin keeps the promises of kept answers."""

from tests.unit.redis.answers_contract import AnswersContract
from tests.unit.redis.test_twins import clock, hub, until

__all__ = ["clock", "hub", "until"]


class TestMemoryAnswers(AnswersContract):
    pass
