import type { Cluster } from "@/shared/api/types";

export interface Arrangement {
  words: string;
  status: string;
  /** A field, with "-" before it to start from the end. */
  sort: string;
}

const BY: Record<string, (a: Cluster, b: Cluster) => number> = {
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  region: (a, b) => a.region.localeCompare(b.region),
  status: (a, b) => a.status.localeCompare(b.status),
  nodes: (a, b) => a.node_count - b.node_count,
  heartbeat: (a, b) => (a.last_heartbeat_at ?? "").localeCompare(b.last_heartbeat_at ?? ""),
};

/** The clusters that match, in the order asked for; equal ones stay by name. */
export function arranged(clusters: readonly Cluster[], { words, status, sort }: Arrangement): Cluster[] {
  const sought = words.trim().toLowerCase().split(/\s+/);
  const matches = (cluster: Cluster) => {
    const text = `${cluster.name} ${cluster.region} ${cluster.kubernetes_version}`.toLowerCase();
    return (status === "" || cluster.status === status) && sought.every((word) => text.includes(word));
  };
  const descending = sort.startsWith("-");
  const compare = BY[sort.replace(/^-/, "")] ?? BY.name;
  const byName = BY.name;
  return clusters
    .filter(matches)
    .sort((a, b) => (descending ? -1 : 1) * (compare?.(a, b) ?? 0) || (byName?.(a, b) ?? 0));
}
