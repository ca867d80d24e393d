import type { Cluster } from "@/shared/api/types";
import { Light, type Tone } from "@/shared/ui/light";
import { useNow } from "@/shared/ui/now";

/** Milliseconds without a heartbeat after which the light turns: three heartbeats were missed. */
const LATE_MS = 90_000;

type Seen = Pick<Cluster, "status" | "last_heartbeat_at">;

export function heartOf({ status, last_heartbeat_at: beat }: Seen, now: number): [Tone, string] {
  if (status === "disconnected") return ["idle", "Disconnected"];
  if (status === "pending" || !beat) return ["idle", "Waiting"];
  const late = now - new Date(beat).getTime() > LATE_MS;
  return status === "silent" || late ? ["bad", "Silent"] : ["good", "Connected"];
}

/** The heartbeat light: how the agent of a cluster is. */
export function Heart({ cluster }: { cluster: Seen }) {
  const [tone, word] = heartOf(cluster, useNow());
  return (
    <Light tone={tone} pulse={tone === "good" ? "yes" : "no"}>
      {word}
    </Light>
  );
}
