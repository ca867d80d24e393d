/** The session: its tokens are in cookies that scripts cannot read; here is what keeps it alive and tells of its end. */

const CSRF_COOKIE = "spotopt_csrf";
/** When any tab refreshed the session last, in milliseconds: a refresh token works once, and tabs share it. */
const REFRESHED_AT = "spotopt-refreshed-at";

type Attempt = (request: Request) => Promise<Response>;
type Listener = () => void;

const listeners = new Set<Listener>();

/** The token that a session in cookies repeats with whatever changes something; empty without a session. */
export function csrfToken(): string {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${CSRF_COOKIE}=`));
  return found ? decodeURIComponent(found.slice(CSRF_COOKIE.length + 1)) : "";
}

/** Whether there may be a session: the cookie that scripts can read lasts as long as the session does. */
export function maybeSignedIn(): boolean {
  return csrfToken() !== "";
}

/** Calls back when the session has ended behind our back. Returns how to stop. */
export function onSessionEnd(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function endSession(): void {
  for (const listener of listeners) listener();
}

/** Gets the next tokens, in one tab at a time; true when the request that was refused may be tried again. */
export async function refreshSession(attempt: Attempt): Promise<boolean> {
  if (!maybeSignedIn()) return false;
  const refusedAt = Date.now();
  const refresh = async () => {
    if (Number(localStorage.getItem(REFRESHED_AT) ?? 0) >= refusedAt) return true;
    const response = await attempt(
      new Request(new URL("/api/auth/refresh", location.origin), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "{}",
      }),
    );
    if (response.ok) localStorage.setItem(REFRESHED_AT, String(Date.now()));
    return response.ok;
  };
  return navigator.locks ? navigator.locks.request("spotopt-refresh", refresh) : refresh();
}
