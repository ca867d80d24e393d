/** What happens in the organisation's clusters, put into the query cache as it comes. */

import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { keys } from "./queries";
import { follow, type SocketState } from "./socket";
import type { Cluster, ClusterDetail, ClusterRow } from "./types";

/** Milliseconds between two readings of the same list, however many events come: a burst of events costs one reading. */
const GATHER_MS = 750;
/** Milliseconds between readings while the WebSocket is away. */
export const FALLBACK_MS = 15_000;

interface ClusterPage {
  items: ClusterRow[];
  next: string | null;
  total: number;
}

/** Follows the organisation's clusters; how well that goes. */
export function useLive(wanted: "on" | "off"): SocketState {
  const client = useQueryClient();
  const [state, setState] = useState<SocketState>("connecting");
  useEffect(() => {
    if (wanted === "off") return;
    const gathered = gatherer(client);
    const stop = follow("/api/clusters/heartbeat", {
      state: setState,
      resync: () => void client.invalidateQueries(),
      message: (message) => applyMessage(client, message, gathered),
    });
    return () => {
      stop();
      gathered.stop();
    };
  }, [client, wanted]);
  // An attempt to connect is no news: it must not begin the wait anew.
  const away = state !== "live";
  useEffect(() => {
    if (wanted === "off" || !away) return;
    const timer = setInterval(() => void client.invalidateQueries(), FALLBACK_MS);
    return () => clearInterval(timer);
  }, [client, wanted, away]);
  return state;
}

type Gatherer = ReturnType<typeof gatherer>;

function gatherer(client: QueryClient) {
  const waiting = new Map<string, readonly string[]>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    for (const queryKey of waiting.values()) void client.invalidateQueries({ queryKey });
    waiting.clear();
  };
  return {
    add(key: readonly string[]) {
      waiting.set(key.join("/"), key);
      timer ??= setTimeout(flush, GATHER_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/** A heartbeat is written into the lists; anything else makes the cluster's lists be read anew. */
export function applyMessage(
  client: QueryClient,
  message: Readonly<Record<string, unknown>>,
  gathered: Gatherer,
): void {
  const id = typeof message.cluster_id === "string" ? message.cluster_id : "";
  if (message.type === "heartbeat" && id !== "") {
    beat(client, id, (message.data ?? {}) as Record<string, unknown>);
    return;
  }
  if (id !== "") gathered.add(keys.cluster(id));
  gathered.add(keys.clusters);
  gathered.add(keys.activity);
  gathered.add(keys.metrics);
}

function beat(client: QueryClient, id: string, data: Record<string, unknown>): void {
  const told: Partial<Cluster> = {
    last_heartbeat_at: typeof data.at === "string" ? data.at : new Date().toISOString(),
  };
  if (typeof data.node_count === "number" && data.node_count > 0) told.node_count = data.node_count;
  const renewed = <T extends Cluster>(cluster: T): T => {
    if (cluster.id !== id) return cluster;
    return { ...cluster, ...told, status: cluster.status === "disconnected" ? cluster.status : "active" };
  };
  client.setQueriesData<InfiniteData<ClusterPage>>({ queryKey: keys.clusters }, (lists) => {
    const known = lists?.pages.some((page) => page.items.some((cluster) => cluster.id === id));
    return lists && known
      ? { ...lists, pages: lists.pages.map((page) => ({ ...page, items: page.items.map(renewed) })) }
      : lists;
  });
  client.setQueryData<ClusterDetail>(
    keys.cluster(id),
    (detail) => detail && { ...detail, cluster: renewed(detail.cluster) },
  );
}
