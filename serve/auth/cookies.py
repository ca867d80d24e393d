"""Sessions in cookies, for the portal: scripts cannot read them, and other sites cannot use them to change anything."""

from datetime import datetime

from starlette.responses import Response

from serve.auth.sessions import TokenPair

ACCESS_COOKIE, REFRESH_COOKIE, CSRF_COOKIE = "spotopt_access", "spotopt_refresh", "spotopt_csrf"
CSRF_HEADER = "X-CSRF-Token"
_PATHS = {ACCESS_COOKIE: "/api", REFRESH_COOKIE: "/api/auth", CSRF_COOKIE: "/"}


def set_session(response: Response, pair: TokenPair, csrf: str, *, now: datetime, https: bool) -> None:
    """Put a session into cookies. The CSRF token's is for scripts to read and to repeat in a header."""
    values = {ACCESS_COOKIE: pair.access, REFRESH_COOKIE: pair.refresh, CSRF_COOKIE: csrf}
    for name, path in _PATHS.items():
        ends_at = pair.access_expires_at if name == ACCESS_COOKIE else pair.session_expires_at
        response.set_cookie(
            name,
            values[name],
            max_age=int((ends_at - now).total_seconds()),
            path=path,
            secure=https,
            httponly=name != CSRF_COOKIE,
            samesite="lax",
        )


def clear_session(response: Response, *, https: bool) -> None:
    """Take the cookies away."""
    for name, path in _PATHS.items():
        response.delete_cookie(name, path=path, secure=https, httponly=name != CSRF_COOKIE, samesite="lax")
