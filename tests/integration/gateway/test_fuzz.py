"""Whatever fits the description of the API, and whatever does not quite, is never answered by an internal error."""

import asyncio
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS

from serve.gateway.openapi import describe
from tests.integration.gateway.conftest import LiveHouse

EXAMPLES = 12
"""Calls of each endpoint in one run; HYPOTHESIS_PROFILE=thorough is for more."""
DESCRIPTION = describe()
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
KEPT_IN = ("/api/auth/logout", "/api/auth/password")
"""Endpoints that would end the session of the one who tries."""
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
NAMES = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
JUDGES = CHECKS.get_by_names(list(NAMES))


async def test_no_call_that_the_description_allows_fails_on_our_side(live: LiveHouse) -> None:
    owner, admin = await live.somebody(), await live.somebody(None)
    agent = await live.agent(owner)
    known = {"cluster_id": str(agent.cluster_id), "key_id": str(agent.key_id)}
    url = f"http://127.0.0.1:{live.port}"

    def attack(operation: Any, headers: dict[str, str]) -> int:
        tried = 0

        @BOUNDED
        @given(case=operation.as_strategy())
        def attempt(case: Any) -> None:
            nonlocal tried
            tried += 1
            if tried % 2:
                case.path_parameters = {**(case.path_parameters or {}), **_of(case, known)}
            case.call_and_validate(base_url=url, headers=headers, checks=JUDGES, timeout=20)

        attempt()
        return tried

    tried = 0
    for result in SCHEMA.get_all_operations():
        operation = result.ok()
        if operation.path in KEPT_IN:
            continue
        headers = agent.headers if "agent" in operation.definition.raw["tags"] else owner.headers
        headers = admin.headers if "/admin/" in operation.path else headers
        tried += await asyncio.to_thread(attack, operation, dict(headers))
    assert tried > 10 * EXAMPLES


def _of(case: Any, known: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in known.items() if f"{{{name}}}" in case.operation.path}
