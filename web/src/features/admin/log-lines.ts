import { useEffect, useRef, useState } from "react";
import { follow, type SocketState } from "@/shared/api/socket";

/** Lines kept; older ones are let go. */
const KEPT = 5_000;
/** Milliseconds between two drawings, however fast lines come. */
const DRAW_MS = 200;

export interface LogLine {
  number: number;
  at: string;
  level: string;
  text: string;
}

type Told = Readonly<Record<string, unknown>>;

/** A line of JSON as it is shown: what happened, then what it is about. */
export function lineOf(told: Told, number: number): LogLine {
  const { timestamp, level, event, message, request_id, ...rest } = told;
  // The longest and least read of all: at the end, where a narrow screen cuts it off.
  const about = Object.entries({ ...rest, ...(request_id !== undefined && { request_id }) }).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return {
    number,
    at: typeof timestamp === "string" ? timestamp : "",
    level: typeof level === "string" ? level.toLowerCase() : "info",
    text: [event ?? message ?? "", ...about].join(" "),
  };
}

/** Follows the logs of all processes, the last 500 lines first. While paused, lines gather and are not shown. */
export function useLogs(mode: "following" | "paused"): { lines: readonly LogLine[]; state: SocketState } {
  const [state, setState] = useState<SocketState>("connecting");
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const waiting = useRef<LogLine[]>([]);
  useEffect(() => {
    let number = 0;
    return follow("/api/admin/logs", {
      state: setState,
      resync: () => undefined,
      message: (told) => {
        waiting.current.push(lineOf(told, number++));
        if (waiting.current.length > KEPT) waiting.current.shift();
      },
    });
  }, []);
  useEffect(() => {
    if (mode === "paused") return;
    const timer = setInterval(() => {
      if (waiting.current.length === 0) return;
      const come = waiting.current.splice(0);
      setLines((before) => [...before, ...come].slice(-KEPT));
    }, DRAW_MS);
    return () => clearInterval(timer);
  }, [mode]);
  return { lines, state };
}
