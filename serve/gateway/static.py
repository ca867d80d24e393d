"""The portal's built files: held in memory, compressed, served beside the API by the same application.

Whatever is no endpoint and no file is a page of the portal, whose address the portal itself reads: ``index.html`` is
the answer. Files under ``assets/`` carry a hash of their content in their name and never change; all others are asked
for anew each time, which an ETag makes cheap.
"""

import asyncio
import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.gateway.requests import info_of

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere; WebSockets of this origin are within ``'self'``."""

INDEX = "index.html"
ASSETS = "assets/"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
SMALLEST_WORTH_PACKING = 1_024
"""Bytes: less fits into one packet either way."""

_TEXT = ("text/", "application/javascript", "application/json", "application/manifest+json", "image/svg+xml")
_TYPES = {".js": "text/javascript", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json"}
"""Types that the system's table may lack or name otherwise."""

NOT_BUILT = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The portal is not built</title></head>
<body><h1>The portal is not built</h1>
<p>Build it with <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, then load this page again.
The HTTP interface is there all the same: <a href="/api/docs">/api/docs</a>.</p></body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file as it is sent. ``bodies`` is by content coding, ``""`` for none, the best one first."""

    etag: bytes
    media_type: bytes
    cache_control: bytes
    bodies: Mapping[str, bytes]


Files = Mapping[str, File]


def portal_folder() -> Path:
    """Where the built files are: in the installed package, else where ``npm run build`` puts them."""
    packaged = Path(__file__).parents[1] / "portal"
    return packaged if (packaged / INDEX).is_file() else Path(__file__).parents[2] / "web" / "dist"


class Portal:
    """Answers what no endpoint does.

    Parameters
    ----------
    otherwise
        Answers what is neither file nor page: everything under ``/api``, WebSockets, other methods than GET and HEAD.
    folder
        With ``index.html``. It may be built, or built anew, while the gateway runs.
    """

    def __init__(self, otherwise: ASGIApp, folder: Path) -> None:
        self._otherwise = otherwise
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file, a page, or pass the request on."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or _is_api(scope["path"]):
            await self._otherwise(scope, receive, send)
            return
        files = await asyncio.to_thread(_current, self._folder)
        if files is None:
            await _send(
                scope, send, status=503, headers=_headers(b"text/html; charset=utf-8", b"no-store"), body=NOT_BUILT
            )
            return
        found = _find(files, scope["path"])
        if found is None:
            await self._otherwise(scope, receive, send)
            return
        info_of(scope).quiet = True
        await _send_file(scope, send, found)


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _find(files: Files, path: str) -> File | None:
    """The file of a path; the index for what looks like a page's address."""
    name = path.removeprefix("/")
    if name in files:
        return files[name]
    is_page = not name.startswith(ASSETS) and "." not in name.rpartition("/")[2]
    return files[INDEX] if is_page else None


def _current(folder: Path) -> Files | None:
    """The files as they are now, ``None`` while there is no index."""
    try:
        built_at = (folder / INDEX).stat().st_mtime_ns
    except OSError:
        return None
    return load_files(folder, built_at)


@lru_cache(maxsize=2)
def load_files(folder: Path, built_at: int) -> Files:
    """All files of a folder by their path; ``built_at`` tells one build from the next.

    Files ending in ``.br`` or ``.gz`` are packed forms of those without; what has no ``.gz`` is packed here.
    """
    del built_at
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    packed = {name for name in found if name.endswith((".br", ".gz")) and name[:-3] in found}
    hidden = {name for name in found if any(part.startswith(".") for part in name.split("/"))}
    return {name: _read(found, name) for name in found.keys() - packed - hidden}


def _read(found: Mapping[str, Path], name: str) -> File:
    plain = found[name].read_bytes()
    media_type = _TYPES.get(found[name].suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_text = media_type.startswith(_TEXT)
    bodies = {"br": found[f"{name}.br"].read_bytes()} if f"{name}.br" in found else {}
    if f"{name}.gz" in found:
        bodies["gzip"] = found[f"{name}.gz"].read_bytes()
    elif is_text and len(plain) >= SMALLEST_WORTH_PACKING:
        bodies["gzip"] = gzip.compress(plain, mtime=0)
    return File(
        etag=b'"%s"' % hashlib.sha256(plain).hexdigest()[:32].encode(),
        media_type=f"{media_type}; charset=utf-8".encode() if is_text else media_type.encode(),
        cache_control=(FOR_EVER if name.startswith(ASSETS) else ASK_AGAIN).encode(),
        bodies=bodies | {"": plain},
    )


async def _send_file(scope: Scope, send: Send, file: File) -> None:
    asked = Headers(scope=scope)
    headers = [*_headers(file.media_type, file.cache_control), (b"etag", file.etag), (b"vary", b"Accept-Encoding")]
    if _knows(asked.get("if-none-match", ""), file.etag.decode()):
        await _send(scope, send, status=304, headers=headers, body=b"")
        return
    coding = _coding(asked.get("accept-encoding", ""), file)
    if coding:
        headers.append((b"content-encoding", coding.encode()))
    await _send(scope, send, status=200, headers=headers, body=file.bodies[coding])


def _headers(media_type: bytes, cache_control: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", media_type),
        (b"cache-control", cache_control),
        (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ]


def _knows(if_none_match: str, etag: str) -> bool:
    shown = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in shown or "*" in shown


def _coding(accept_encoding: str, file: File) -> str:
    """The best content coding that both sides know."""
    accepted = {}
    for one in accept_encoding.lower().split(","):
        name, _, weight = one.strip().partition(";")
        accepted[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((name for name in file.bodies if not name or accepted.get(name, accepted.get("*", False))), "")


async def _send(scope: Scope, send: Send, *, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    if status != 304:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
