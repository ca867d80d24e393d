/** A WebSocket that is opened by a one-time ticket, answers pings and comes back after it was lost. */

import { api, dataOf } from "./client";
import { ApiError } from "./errors";

/** Seconds between attempts: doubled each time, with jitter, so that thousands of pages do not return at once. */
const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 60;
/** Closed by the service because the session or the membership ended: reading anew tells the page. */
const CLOSE_UNAUTHORIZED = 4401;

export type SocketPath = `/api/${string}`;
export type SocketState = "connecting" | "live" | "lost";

export interface SocketListener {
  /** What the socket said. */
  message(data: Readonly<Record<string, unknown>>): void;
  /** Something may have been missed: read the lists anew. */
  resync(): void;
  state(state: SocketState): void;
}

/** Follows a WebSocket until the returned function is called. */
export function follow(path: SocketPath, listener: SocketListener): () => void {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lost = 0;
  let stopped = false;
  let seen = false;

  const again = () => {
    if (stopped) return;
    listener.state("lost");
    const wait = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** lost++) * (0.5 + Math.random() / 2);
    timer = setTimeout(() => void open(), wait * 1_000);
  };

  const heard = (text: string) => {
    const data = parsed(text);
    if (data === null) return;
    if (data.type === "ping") socket?.send(JSON.stringify({ type: "pong", id: data.id }));
    else if (data.type === "ready") {
      lost = 0;
      listener.state("live");
      if (seen) listener.resync();
      seen = true;
    } else if (data.type === "resync") listener.resync();
    else if (data.type !== "pong") listener.message(data);
  };

  const open = async () => {
    listener.state("connecting");
    let ticket: string;
    try {
      ({ ticket } = await dataOf(api.POST("/api/auth/ws-ticket", { body: { opens: path } })));
    } catch (err) {
      if (err instanceof ApiError && (err.status === 401 || err.status === 403)) return listener.state("lost");
      return again();
    }
    if (stopped) return;
    const address = new URL(path, location.origin.replace(/^http/, "ws"));
    address.searchParams.set("ticket", ticket);
    socket = new WebSocket(address);
    socket.onmessage = (event: MessageEvent<string>) => heard(event.data);
    socket.onclose = (event) => {
      if (event.code === CLOSE_UNAUTHORIZED) listener.resync();
      again();
    };
  };

  void open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    socket?.close(1000);
  };
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const data: unknown = JSON.parse(text);
    return data !== null && typeof data === "object" ? (data as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
