/** What the fake organisation's clusters cost and save. */

import type { Composition, Kpi, Projection } from "@/shared/api/types";
import type { World } from "./world.ts";

const MICRO = 1_000_000;
const BASELINE =
  "Savings are told against the baseline: what the nodes that ran when each cluster was connected would cost at " +
  "today's prices, bought as they were then, in proportion to what the cluster's pods request today.";
const NOW = "2026-10-15T12:00:00Z";

export function kpi(world: World): Kpi {
  const clusters: Record<string, number> = {};
  for (const { status } of world.clusters) clusters[status] = (clusters[status] ?? 0) + 1;
  const nodes = world.clusters.reduce((sum, cluster) => sum + cluster.node_count, 0);
  return {
    monthly_spend_micro_usd: 41_530 * MICRO,
    monthly_baseline_micro_usd: 98_240 * MICRO,
    monthly_net_savings_micro_usd: 56_710 * MICRO,
    savings_share: 0.577,
    spent_micro_usd: 20_100 * MICRO,
    net_savings_micro_usd: 26_400 * MICRO,
    active_nodes: nodes,
    spot_share: 0.79,
    fleet: {
      light: clusters.silent ? "red" : "green",
      clusters,
      nodes,
      ready_nodes: nodes,
      spot_nodes: Math.round(nodes * 0.79),
      unpriced_nodes: 0,
      pods: nodes * 11,
      pending_pods: 2,
    },
    open_plans: 1,
    monthly_plan_savings_micro_usd: 3_984 * MICRO,
    baseline: BASELINE,
    as_of: NOW,
  };
}

export function projection(query: URLSearchParams): Projection {
  const [back, ahead] = [Number(query.get("back") ?? 6), Number(query.get("ahead") ?? 12)];
  const months = Array.from({ length: back + 1 + ahead }, (_, place): Projection["months"][number] => {
    const at = place - back;
    const grown = Math.min(1, Math.max(0.1, (place + 1) / (back + 1)));
    const baseline = 88_000 + 900 * place + 2_600 * Math.sin(place * 1.7);
    const spot = baseline * 0.39 * grown;
    const packing = baseline * 0.185 * grown ** 1.4;
    return {
      month: new Date(Date.UTC(2026, 9 + at, 1)).toISOString().slice(0, 10),
      kind: at < 0 ? "past" : at === 0 ? "running" : "ahead",
      baseline_micro_usd: Math.round(baseline * MICRO),
      spend_micro_usd: Math.round((baseline - spot - packing) * MICRO),
      spot_saving_micro_usd: Math.round(spot * MICRO),
      packing_saving_micro_usd: Math.round(packing * MICRO),
      plan_spot_saving_micro_usd: 0,
      plan_packing_saving_micro_usd: 0,
    };
  });
  return { months, baseline: BASELINE, as_of: NOW };
}

const part = (name: string, nodes: number, usdPerH: number): Composition["families"][number] => ({
  name,
  nodes,
  cost_micro_usd_per_h: Math.round(usdPerH * MICRO),
  share: usdPerH / 56.9,
});

export const COMPOSITION: Composition = {
  nodes: 473,
  cost_micro_usd_per_h: 56.9 * MICRO,
  capacity_types: [part("spot", 374, 31.2), part("on-demand", 99, 25.7)],
  families: [
    part("m6i", 160, 17.1),
    part("c6i", 121, 13.4),
    part("r6i", 70, 9.2),
    part("m5", 52, 7.9),
    part("g5", 6, 6.1),
    part("c5", 64, 3.2),
  ],
  zones: [part("use1-az1", 180, 21.4), part("use1-az2", 151, 19.3), part("use1-az6", 142, 16.2)],
  instance_types: [
    part("m6i.2xlarge", 92, 12.1),
    part("c6i.4xlarge", 61, 9.4),
    part("r6i.xlarge", 70, 9.2),
    part("m5.xlarge", 52, 7.9),
    part("g5.2xlarge", 6, 6.1),
    part("m6i.xlarge", 68, 5),
    part("c6i.xlarge", 60, 4),
    part("c5.xlarge", 64, 3.2),
  ],
  as_of: NOW,
};
