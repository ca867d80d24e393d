/** Plans of any size, the same ones for the same seed. */

import type { PlanAction, PlanBody, PlanNode } from "@/shared/api/types";

const GIB = 2 ** 30;
const TYPES = [
  ["m5.xlarge", 4, 16, 0.192],
  ["m5.2xlarge", 8, 32, 0.384],
  ["c5.2xlarge", 8, 16, 0.34],
  ["r5.xlarge", 4, 32, 0.252],
] as const;
const BETTER = [
  ["c6i.4xlarge", 16, 32, 0.271],
  ["m6a.4xlarge", 16, 64, 0.259],
  ["r6i.2xlarge", 8, 64, 0.187],
  ["m6i.8xlarge", 32, 128, 0.571],
] as const;
const ZONES = [
  ["use1-az1", "us-east-1a"],
  ["use1-az2", "us-east-1b"],
  ["use1-az6", "us-east-1c"],
] as const;
const NAMESPACES = [
  "shop",
  "shop",
  "shop",
  "payments",
  "search",
  "search",
  "recommendations",
  "batch",
  "observability",
  "kube-system",
];

/** A small generator of numbers in 0..1 (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Kind = (typeof TYPES)[number] | (typeof BETTER)[number];

function node(
  name: string,
  kind: Kind,
  zone: (typeof ZONES)[number],
  rest: Pick<PlanNode, "existing" | "capacity_type">,
): PlanNode {
  const [instance_type, cpus, memory, price] = kind;
  return {
    name,
    instance_type,
    zone_id: zone[0],
    zone_name: zone[1],
    template: "general",
    price_usd_per_h: price,
    interruption_per_month: rest.capacity_type === "spot" ? 0.07 : 0,
    allocatable: {
      cpu_mcpu: cpus * 1_000 - 80,
      memory_bytes: (memory - 1) * GIB,
      pods: 58,
      ephemeral_bytes: 0,
      extended: {},
    },
    labels: {},
    taints: [],
    pods: [],
    ...rest,
  };
}

interface Shape {
  pods: number;
  seed?: number;
  generation?: number;
}

/** A plan that packs half-empty on-demand nodes onto fewer Spot nodes, with what ran before and what pods request. */
export function makePlan({ pods, seed = 1, generation = 4 }: Shape) {
  const random = numbers(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const running: PlanNode[] = [];
  const requests: Record<string, [number, number]> = {};
  const free = (one: PlanNode) =>
    (one.allocatable.cpu_mcpu ?? 0) - one.pods.reduce((sum, key) => sum + (requests[key]?.[0] ?? 0), 0);
  for (let pod = 0; pod < pods; pod += 1) {
    let home = running.at(-1);
    if (!home || free(home) < (home.allocatable.cpu_mcpu ?? 0) * 0.55) {
      const place = ZONES[running.length % ZONES.length] ?? ZONES[0];
      home = node(`ip-10-0-${running.length >> 8}-${running.length & 255}`, pick(TYPES), place, {
        existing: true,
        capacity_type: "on-demand",
      });
      running.push(home);
    }
    const namespace = pick(NAMESPACES);
    const key = `${namespace}/${namespace}-${(pod % 37).toString(36)}-${(pod * 7919).toString(36)}`;
    requests[key] = [pick([50, 100, 100, 200, 250, 500]), pick([64, 128, 256, 256, 512, 1_024]) * 2 ** 20];
    home.pods.push(key);
  }
  const kept = running.filter((_, place) => place % 7 === 0);
  const gone = running.filter((_, place) => place % 7 !== 0);
  const after: PlanNode[] = kept.map((one) => ({ ...one, pods: [...one.pods] }));
  const actions: PlanAction[] = [];
  const act = (
    step: number,
    kind: PlanAction["kind"],
    name: string,
    rest: Partial<PlanAction> & Pick<PlanAction, "reason">,
  ) =>
    actions.push({
      id: actions.length + 1,
      step,
      kind,
      node: name,
      pod: "",
      target: "",
      alternatives: [],
      binding: "",
      ...rest,
    });
  let target: PlanNode | undefined;
  for (const old of gone)
    for (const key of old.pods) {
      const size = requests[key]?.[0] ?? 0;
      if (!target || free(target) < size + (target.allocatable.cpu_mcpu ?? 0) * 0.06) {
        const place = ZONES[after.length % ZONES.length] ?? ZONES[0];
        target = node(`new-${after.length - kept.length + 1}`, pick(BETTER), place, {
          existing: false,
          capacity_type: "spot",
        });
        after.push(target);
        act(1, "launch", target.name, {
          reason: {
            code: "cheapest",
            text: `${target.instance_type} Spot in ${target.zone_name} costs $${target.price_usd_per_h} an hour and takes the pods of three nodes.`,
            figures: { price_usd_per_h: target.price_usd_per_h ?? 0 },
          },
          alternatives: [
            {
              choice: `m5.4xlarge Spot in ${target.zone_name}`,
              extra_usd_per_h: 0.041,
              verdict: "dearer for the same pods",
            },
            { choice: `${target.instance_type} on-demand`, extra_usd_per_h: 0.42, verdict: "the policy prefers Spot" },
          ],
          binding: "memory",
        });
      }
      target.pods.push(key);
      act(3, "evict", old.name, {
        pod: key,
        target: target.name,
        reason: { code: "move", text: `${key} moves to ${target.name}, where it fits.`, figures: {} },
      });
    }
  for (const old of gone) {
    act(2, "cordon", old.name, {
      reason: { code: "before-drain", text: "No new pods may come while it is emptied.", figures: {} },
    });
    act(4, "terminate", old.name, {
      reason: {
        code: "underused",
        text: `Its pods take 42 % of it; they fit elsewhere, which saves $${old.price_usd_per_h} an hour.`,
        figures: { price_usd_per_h: old.price_usd_per_h ?? 0 },
      },
    });
  }
  actions.sort((a, b) => a.step - b.step || a.id - b.id);
  const cost = running.reduce((sum, one) => sum + (one.price_usd_per_h ?? 0), 0);
  const planned = after.reduce((sum, one) => sum + (one.price_usd_per_h ?? 0), 0);
  const bound = planned * 0.962;
  const body: PlanBody = {
    schema_version: "1",
    generation,
    parent: generation - 1,
    cluster: {
      region: "us-east-1",
      zones: ZONES.map(([id, name]) => ({ id, name })),
      nodes: running.length,
      pods,
      observed_at: "2026-10-01T12:00:00Z",
      prices_as_of: "2026-10-01",
    },
    cost_usd_per_h: cost,
    planned_cost_usd_per_h: planned,
    lower_bound_usd_per_h: bound,
    gap: planned / bound - 1,
    saving_usd_per_h: cost - planned,
    saving_usd_per_month: (cost - planned) * 730,
    risk: {
      before: {
        interruptions_per_month: 0,
        loss_probability_per_month: 0,
        spot_share: 0,
        largest_pool: "",
        largest_pool_share: 0,
      },
      after: {
        interruptions_per_month: 1.4,
        loss_probability_per_month: 0.012,
        spot_share: 0.78,
        largest_pool: "c6i.4xlarge in us-east-1a",
        largest_pool_share: 0.21,
      },
    },
    nodes: after,
    actions,
    kept: kept.map((one) => ({
      node: one.name,
      reason: {
        code: "budget-exhausted",
        text: "A disruption budget allows no eviction of shop/cart just now.",
        figures: {},
      },
    })),
    unschedulable: [],
    seconds: 3.2,
    seed: 0,
    trace: [
      { seconds: 0.1, phase: "first fit", cost_usd_per_h: planned * 1.31, lower_bound_usd_per_h: bound * 0.71 },
      { seconds: 0.6, phase: "patterns", cost_usd_per_h: planned * 1.14, lower_bound_usd_per_h: bound * 0.9 },
      { seconds: 1.7, phase: "exact pricing", cost_usd_per_h: planned * 1.03, lower_bound_usd_per_h: bound * 0.985 },
      { seconds: 3.2, phase: "local search", cost_usd_per_h: planned, lower_bound_usd_per_h: bound },
    ],
    notes: ["Prices of 2 instance types are a day old."],
  };
  return { ...body, running, requests };
}
