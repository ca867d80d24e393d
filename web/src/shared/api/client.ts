/** The HTTP client: typed by the API's own description, bound to the session in cookies. */

import createClient from "openapi-fetch";
import { ApiError, NetworkError } from "./errors";
import type { paths } from "./schema";
import { csrfToken, endSession, refreshSession } from "./session";

/** Milliseconds after which an answer is not waited for any more; the slowest routes answer within 5 s. */
const TIMEOUT_MS = 15_000;

/** Routes whose 401 says "wrong password" or "no session to refresh", not "the session has ended". */
const SIGN_IN_ROUTES = ["/api/auth/token", "/api/auth/signup", "/api/auth/refresh", "/api/auth/password/"];

export const api = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "", fetch: send });

/** The data of an answer; whatever else came is thrown as an `ApiError`. */
export async function dataOf<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok) throw ApiError.of(response, error);
  return data as T;
}

async function send(request: Request): Promise<Response> {
  const again = request.clone();
  const response = await attempt(request);
  const path = new URL(request.url).pathname;
  if (response.status !== 401 || SIGN_IN_ROUTES.some((route) => path.startsWith(route))) return response;
  if (await refreshSession(attempt)) return attempt(again);
  endSession();
  return response;
}

async function attempt(request: Request): Promise<Response> {
  const headers = new Headers(request.headers);
  if (!["GET", "HEAD"].includes(request.method)) headers.set("X-CSRF-Token", csrfToken());
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    return await globalThis.fetch(new Request(request, { headers, signal, credentials: "same-origin" }));
  } catch (err) {
    if (request.signal.aborted) throw err;
    throw new NetworkError("Spot Optimizer cannot be reached", { cause: err });
  }
}
