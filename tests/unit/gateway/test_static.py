"""The portal's files: what is served from which path, how long it is kept, and under which policy."""

import gzip
import os
from pathlib import Path

import pytest

from serve.gateway.static import CONTENT_SECURITY_POLICY, Portal
from tests.unit.gateway.house import House

SCRIPT = b"export const words = 'spot';\n" * 200


@pytest.fixture
def built(tmp_path: Path, spot: House) -> Path:
    """A built portal, served by the gateway."""
    files = {
        "index.html": b"<!doctype html><title>Spot</title>",
        "favicon.svg": b"<svg/>",
        "assets/index-abc123.js": SCRIPT,
        "assets/index-abc123.js.br": b"brotli",
        "assets/inter-def456.woff2": b"\x00font",
        ".vite/manifest.json": b"{}",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    serve_from(spot, tmp_path)
    return tmp_path


def serve_from(spot: House, folder: Path) -> None:
    default = spot.app.router.default
    assert isinstance(default, Portal)
    spot.app.router.default = Portal(default._otherwise, folder)


@pytest.mark.parametrize("path", ["/", "/index.html", "/clusters", "/clusters/7?tab=plans", "/admin/risk/"])
@pytest.mark.usefixtures("built")
async def test_pages_are_the_index_and_asked_for_anew_each_time(spot: House, path: str) -> None:
    answer = await spot.http.get(path)
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>Spot</title>")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.usefixtures("built")
async def test_files_with_a_hash_in_their_name_are_kept_for_ever(spot: House) -> None:
    answer = await spot.http.get("/assets/index-abc123.js", headers={"Accept-Encoding": "identity"})
    assert answer.content == SCRIPT
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (await spot.http.get("/favicon.svg")).headers["cache-control"] == "no-cache"
    assert (await spot.http.get("/assets/inter-def456.woff2")).headers["content-type"] == "font/woff2"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone-1.js",
        "/assets/gone",
        "/robots.txt",
        "/.vite/manifest.json",
        "/../pyproject.toml",
        "/assets/%2e%2e/x.py",
    ],
)
@pytest.mark.usefixtures("built")
async def test_files_that_are_not_there_are_no_pages(spot: House, path: str) -> None:
    assert (await spot.http.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/unknown", "/api/clusters/7/unknown"])
@pytest.mark.usefixtures("built")
async def test_the_api_never_answers_with_a_page(spot: House, path: str) -> None:
    answer = await spot.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.usefixtures("built")
async def test_only_reading_is_answered_and_wrong_methods_of_endpoints_are_still_told(spot: House) -> None:
    assert (await spot.http.post("/clusters")).status_code == 404
    assert (await spot.http.delete("/api/auth/me")).status_code == 405


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("br, gzip", "br"),
        ("gzip", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("*", "br"),
        ("identity", None),
        ("", None),
    ],
    ids=str,
)
@pytest.mark.usefixtures("built")
async def test_text_is_sent_in_the_best_packing_that_both_know(spot: House, accepted: str, coding: str | None) -> None:
    async with spot.http.stream("GET", "/assets/index-abc123.js", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert raw == {"br": b"brotli", "gzip": gzip.compress(SCRIPT, mtime=0), None: SCRIPT}[coding]


@pytest.mark.usefixtures("built")
async def test_what_the_browser_has_is_not_sent_again(spot: House) -> None:
    etag = (await spot.http.get("/")).headers["etag"]
    again = await spot.http.get("/clusters", headers={"If-None-Match": f'W/"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await spot.http.get("/", headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.usefixtures("built")
async def test_head_tells_all_but_the_body(spot: House) -> None:
    answer = await spot.http.head("/favicon.svg")
    assert (answer.content, answer.headers["content-length"]) == (b"", "6")


@pytest.mark.usefixtures("built")
async def test_pages_run_nothing_inline_and_nothing_from_elsewhere(spot: House) -> None:
    headers = (await spot.http.get("/")).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["strict-transport-security"].startswith("max-age=31536000")


async def test_a_new_build_is_served_at_once(spot: House, built: Path) -> None:
    assert (await spot.http.get("/")).text.endswith("<title>Spot</title>")
    index = built / "index.html"
    index.write_text("<!doctype html><title>Newer</title>")
    os.utime(index, ns=(1, 1))
    assert (await spot.http.get("/")).text.endswith("<title>Newer</title>")


async def test_without_a_build_the_page_says_how_to_make_one(spot: House, tmp_path: Path) -> None:
    serve_from(spot, tmp_path)
    answer = await spot.http.get("/clusters")
    assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
    assert "npm run build" in answer.text
    assert (await spot.http.get("/api/openapi.json")).status_code == 200
