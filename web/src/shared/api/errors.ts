/** What can go wrong with a call, sorted by what the page does next. */

import { asSentence } from "@/shared/format";

interface Problem {
  type?: string;
  title?: string;
  detail?: string;
  errors?: { field: string; problem: string }[];
  request_id?: string;
}

/** The service answered with a problem (RFC 9457). `fields` has a sentence for each wrong field. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    message: string,
    readonly status: number,
    readonly kind: string,
    readonly fields: Readonly<Record<string, string>>,
    readonly requestId: string,
    readonly retryAfterS: number | null,
  ) {
    super(message);
  }

  static of(response: Response, body: unknown): ApiError {
    const problem: Problem = body !== null && typeof body === "object" ? (body as Problem) : {};
    const fields = (problem.errors ?? []).map(({ field, problem: wrong }) => [field.replace(/^body\./, ""), wrong]);
    const retryAfter = Number(response.headers.get("Retry-After"));
    return new ApiError(
      problem.detail || problem.title || `The service answered ${response.status}`,
      response.status,
      (problem.type ?? "").replace("urn:spotopt:problem:", ""),
      Object.fromEntries(fields),
      problem.request_id ?? "",
      retryAfter > 0 ? retryAfter : null,
    );
  }
}

/** The service did not answer. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
}

/** Whether the same call may succeed later without anybody doing anything. */
export function isPassing(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ApiError && [429, 502, 503, 504].includes(error.status));
}

/** A sentence for people. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text === "" ? "Something went wrong." : asSentence(text);
}
