"""Redis keeps the promises of kept answers."""

from tests.unit.redis.answers_contract import AnswersContract


class TestRedisAnswers(AnswersContract):
    pass
