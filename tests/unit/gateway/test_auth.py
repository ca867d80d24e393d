"""Sign-up, sign-in, refresh, sign-out, passwords, mails."""

import re

import pytest

from adapters.settings import Key
from domain.tenancy import OneTimeToken, OrganizationRole, TokenKind
from serve.auth import mail_tokens
from serve.auth.sessions import Sessions
from tests.unit.gateway.house import PASSWORD, House, house

SIGN_UP = {"email": "Ada@Example.com", "password": PASSWORD, "organization": "Example Ltd"}


def bearer(session: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['access_token']}"}


async def signed_up(spot: House) -> dict[str, str]:
    answer = await spot.http.post("/api/auth/signup", json=SIGN_UP)
    assert answer.status_code == 201, answer.text
    return answer.json()["session"]


def link_in(spot: House, page: str) -> str:
    found = re.search(rf"https://spot\.example\.com/{page}\?token=([A-Za-z0-9_-]+)", spot.mailer.sent[-1].text)
    assert found
    return found[1]


async def test_who_signs_up_is_signed_in_and_sent_to_onboarding(spot: House) -> None:
    session = await signed_up(spot)
    me = await spot.http.get("/api/auth/me", headers=bearer(session))
    assert me.json()["user"]["email"] == "ada@example.com"
    assert me.json()["organization"]["name"] == "Example Ltd"
    assert me.json()["next"] == "onboarding"


async def test_who_has_a_cluster_is_sent_to_the_dashboard(spot: House) -> None:
    owner = await spot.somebody()
    await spot.agent(owner)
    assert (await spot.http.get("/api/auth/me", headers=owner.headers)).json()["next"] == "dashboard"


async def test_an_address_that_is_taken_is_a_conflict(spot: House) -> None:
    await signed_up(spot)
    again = await spot.http.post("/api/auth/signup", json=SIGN_UP)
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("password", "reason"),
    [("short", "at least"), ("Password2026!", "common"), ("ada.lovelace99", "own name"), ("x" * 300, "at most")],
)
async def test_a_weak_password_is_refused_with_a_reason(spot: House, password: str, reason: str) -> None:
    body = SIGN_UP | {"email": "ada.lovelace@example.com", "password": password}
    answer = await spot.http.post("/api/auth/signup", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.password"
    assert reason in answer.json()["errors"][0]["problem"]


async def test_an_unknown_address_and_a_wrong_password_are_answered_the_same(spot: House) -> None:
    await signed_up(spot)
    wrong = await spot.http.post("/api/auth/token", json={"email": "ada@example.com", "password": "not this one"})
    unknown = await spot.http.post("/api/auth/token", json={"email": "bob@example.com", "password": "not this one"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["detail"] == unknown.json()["detail"]


async def test_an_access_token_ends_and_the_refresh_token_continues_the_session(spot: House) -> None:
    session = await signed_up(spot)
    await spot.clock.advance(16 * 60)
    assert (await spot.http.get("/api/auth/me", headers=bearer(session))).status_code == 401
    next_one = await spot.http.post("/api/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert next_one.status_code == 200
    assert (await spot.http.get("/api/auth/me", headers=bearer(next_one.json()))).status_code == 200
    assert next_one.json()["session_expires_at"] == session["session_expires_at"]


async def test_a_refresh_token_used_twice_ends_the_session(spot: House) -> None:
    session = await signed_up(spot)
    first = await spot.http.post("/api/auth/refresh", json={"refresh_token": session["refresh_token"]})
    stolen = await spot.http.post("/api/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert stolen.status_code == 401
    mine = await spot.http.post("/api/auth/refresh", json={"refresh_token": first.json()["refresh_token"]})
    assert mine.status_code == 401
    assert (await spot.http.get("/api/auth/me", headers=bearer(first.json()))).status_code == 401


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(spot: House) -> None:
    session = await signed_up(spot)
    as_refresh = await spot.http.post("/api/auth/refresh", json={"refresh_token": session["access_token"]})
    as_access = await spot.http.get("/api/auth/me", headers={"Authorization": f"Bearer {session['refresh_token']}"})
    assert as_refresh.status_code == as_access.status_code == 401


async def test_signing_out_voids_all_tokens_of_the_session(spot: House) -> None:
    session = await signed_up(spot)
    newer = (await spot.http.post("/api/auth/refresh", json={"refresh_token": session["refresh_token"]})).json()
    assert (await spot.http.post("/api/auth/logout", headers=bearer(newer))).status_code == 204
    for tokens in (session, newer):
        assert (await spot.http.get("/api/auth/me", headers=bearer(tokens))).status_code == 401
    left = await spot.http.post("/api/auth/refresh", json={"refresh_token": newer["refresh_token"]})
    assert left.status_code == 401


async def test_a_new_password_voids_other_sessions_and_the_answer_holds_a_new_one(spot: House) -> None:
    session = await signed_up(spot)
    body = {"current": PASSWORD, "password": "copper lantern meadow 4"}
    await spot.clock.advance(1)
    answer = await spot.http.post("/api/auth/password", json=body, headers=bearer(session))
    assert answer.status_code == 200
    assert (await spot.http.get("/api/auth/me", headers=bearer(session))).status_code == 401
    assert (await spot.http.get("/api/auth/me", headers=bearer(answer.json()))).status_code == 200


async def test_a_password_is_reset_once_by_the_link_in_the_mail(spot: House) -> None:
    session = await signed_up(spot)
    await spot.clock.advance(1)
    asked = await spot.http.post("/api/auth/password/reset", json={"email": "ada@example.com"})
    assert asked.status_code == 202
    await spot.clock.advance(0)
    body = {"token": link_in(spot, "reset"), "password": "copper lantern meadow 4"}
    assert (await spot.http.post("/api/auth/password/confirm", json=body)).status_code == 200
    assert (await spot.http.post("/api/auth/password/confirm", json=body)).status_code == 422
    assert (await spot.http.get("/api/auth/me", headers=bearer(session))).status_code == 401
    again = await spot.http.post("/api/auth/token", json={"email": "ada@example.com", "password": body["password"]})
    assert again.status_code == 200


async def test_a_reset_for_an_address_that_nobody_has_is_answered_the_same_and_sends_nothing(spot: House) -> None:
    answer = await spot.http.post("/api/auth/password/reset", json={"email": "nobody@example.com"})
    await spot.clock.advance(0)
    assert answer.status_code == 202
    assert spot.mailer.sent == []


async def test_an_address_is_confirmed_by_the_link_in_the_mail() -> None:
    async with house(confirmation_required=True) as spot:
        answer = await spot.http.post("/api/auth/signup", json=SIGN_UP)
        assert answer.json()["session"] is None
        await spot.clock.advance(0)
        sign_in = {"email": "ada@example.com", "password": PASSWORD}
        before = await spot.http.post("/api/auth/token", json=sign_in)
        assert before.status_code == 403
        assert before.json()["type"] == "urn:spotopt:problem:email-unconfirmed"
        confirmed = await spot.http.post("/api/auth/confirm", json={"token": link_in(spot, "confirm")})
        assert confirmed.status_code == 200
        assert (await spot.http.post("/api/auth/token", json=sign_in)).status_code == 200


async def test_an_invitation_brings_somebody_into_the_organisation_once(spot: House) -> None:
    owner = await spot.somebody()
    token = "invitation-token-0123456789"
    now = spot.clock.now()
    invitation = OneTimeToken(
        id=owner.user.id,
        kind=TokenKind.INVITE,
        token_hash=mail_tokens.digest_of(token),
        email="bob@example.com",
        created_at=now,
        expires_at=now.replace(year=now.year + 1),
        organization_id=owner.home,
        organization_role=OrganizationRole.VIEWER,
    )
    async with spot.database.platform() as tx:
        await tx.tokens.issue(invitation)
    body = {"token": token, "password": PASSWORD, "name": "Bob"}
    answer = await spot.http.post("/api/auth/invite/accept", json=body)
    assert answer.status_code == 201
    me = (await spot.http.get("/api/auth/me", headers=bearer(answer.json()))).json()
    assert (me["user"]["organization_role"], me["organization"]["id"]) == ("viewer", str(owner.home))
    assert (await spot.http.post("/api/auth/invite/accept", json=body)).status_code == 422


async def test_a_session_in_cookies_needs_its_csrf_token_to_change_anything(spot: House) -> None:
    owner = await spot.somebody()
    sign_in = {"email": owner.user.email, "password": PASSWORD, "session": "cookie"}
    answer = await spot.http.post("/api/auth/token", json=sign_in)
    assert answer.json()["access_token"] is None
    cookies = answer.headers.get_list("set-cookie")
    assert all("Secure" in one and "SameSite=lax" in one for one in cookies)
    assert [("HttpOnly" in one) for one in cookies if one.startswith("spotopt_access")] == [True]
    body = {"name": "web", "region": "us-east-1"}
    assert (await spot.http.get("/api/clusters")).status_code == 200
    planted = await spot.http.post("/api/clusters/connect", json=body)
    assert (planted.status_code, planted.json()["type"]) == (403, "urn:spotopt:problem:csrf")
    wrong = await spot.http.post("/api/clusters/connect", json=body, headers={"X-CSRF-Token": "0" * 64})
    assert wrong.status_code == 403
    mine = {"X-CSRF-Token": answer.json()["csrf_token"]}
    assert (await spot.http.post("/api/clusters/connect", json=body, headers=mine)).status_code == 201
    assert (await spot.http.post("/api/auth/refresh", json={})).status_code == 403
    assert (await spot.http.post("/api/auth/refresh", json={}, headers=mine)).status_code == 200


async def test_attempts_to_sign_in_are_limited_by_account() -> None:
    async with house(sign_in_rate_limit="3/minute") as spot:
        body = {"email": "ada@example.com", "password": "wrong password"}
        answers = [await spot.http.post("/api/auth/token", json=body) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert answers[-1].headers["ratelimit-remaining"] == "0"


async def test_a_token_signed_by_an_older_key_still_opens(spot: House) -> None:
    owner = await spot.somebody()

    older = Sessions(spot.services.keys.session[1:], spot.services.settings, spot.clock)
    _, pair = older.open(owner.user)
    answer = await spot.http.get("/api/auth/me", headers={"Authorization": f"Bearer {pair.access}"})
    assert answer.status_code == 200


async def test_a_token_signed_by_a_key_that_is_not_ours_opens_nothing(spot: House) -> None:

    owner = await spot.somebody()
    forged = Sessions((Key(id="new", secret=b"x" * 32),), spot.services.settings, spot.clock)
    _, pair = forged.open(owner.user)
    answer = await spot.http.get("/api/auth/me", headers={"Authorization": f"Bearer {pair.access}"})
    assert answer.status_code == 401
