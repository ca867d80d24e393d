"""The description of the API: complete, and as committed."""

from pathlib import Path

from serve.gateway.openapi import text_of
from tests.unit.gateway.house import House
from tests.unit.gateway.operations import CLOSED, DESCRIPTION, NEEDED, OPERATIONS, is_agents

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"


def test_the_committed_description_is_that_of_the_code() -> None:
    stale = "docs/openapi.json is stale: python -m serve.gateway.openapi docs/openapi.json"
    assert COMMITTED.read_text(encoding="utf-8") == text_of(DESCRIPTION), stale


def test_every_endpoint_is_described_with_what_it_needs() -> None:
    for method, path in CLOSED:
        assert DESCRIPTION["paths"][path][method.lower()]["security"], path


def test_every_change_of_an_organisation_needs_more_than_a_viewer() -> None:
    changes = {path for method, path in CLOSED if method != "GET" and not is_agents(path)}
    assert changes - set(NEEDED) == {
        "/api/auth/confirm/resend",
        "/api/auth/logout",
        "/api/auth/password",
        "/api/auth/ws-ticket",
        "/api/admin/safe-mode",
        "/api/admin/models/upload",
        "/api/lab/parallel",
        "/api/lab/parallel-config",
        "/api/lab/graduate",
        "/api/lab/live-switch",
    }


def test_every_endpoint_has_a_summary_and_tells_its_problems() -> None:
    for method, path in OPERATIONS:
        operation = DESCRIPTION["paths"][path][method.lower()]
        assert operation["description"], path
        assert "application/problem+json" in operation["responses"]["429"]["content"], path


def test_every_reference_of_the_description_leads_somewhere() -> None:
    text = text_of(DESCRIPTION)
    named = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= set(DESCRIPTION["components"]["schemas"])


async def test_description_and_documentation_are_served_with_policies_of_their_own(spot: House) -> None:
    served = await spot.http.get("/api/openapi.json")
    assert served.json() == DESCRIPTION
    page = await spot.http.get("/api/docs")
    assert "SwaggerUIBundle" in page.text
    assert "script-src" in page.headers["content-security-policy"]
    assert served.headers["content-security-policy"].startswith("default-src 'none'")
