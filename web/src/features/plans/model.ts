/** The two fleets of a plan as the map draws them: what runs now, and what will. */

import type { PlanBody, PlanNode } from "@/shared/api/types";

export type NodeState = "stays" | "goes" | "new";

export interface MapNode {
  name: string;
  instanceType: string;
  zone: string;
  capacityType: "spot" | "on-demand" | "unknown";
  usdPerH: number | null;
  vcpus: number;
  mcpu: number;
  bytes: number;
  state: NodeState;
  /** Places in the list of pods, largest first. */
  pods: number[];
  /** For each of them the share of the node it takes. */
  shares: number[];
  /** How full the node is, 0..1. */
  fill: number;
  /** Why it goes, comes or stays. */
  why: string;
}

export interface MapPod {
  key: string;
  namespace: string;
  /** Whether it has another node afterwards. */
  moves: boolean;
  mcpu: number;
  bytes: number;
}

export interface PlanMap {
  pods: MapPod[];
  /** Namespaces, the one with most pods first. */
  namespaces: string[];
  before: MapNode[];
  after: MapNode[];
  /** Whether pods are drawn by what they request; else all are drawn alike. */
  sized: boolean;
}

/** What newer plans carry: the nodes as they were, and thousandths of a CPU and bytes that each pod requests. */
export interface Background {
  running?: readonly PlanNode[];
  requests?: Readonly<Record<string, readonly [number, number]>>;
}

/** What a vCPU of a general-purpose type costs an hour on demand: tells the size of a node by its price. */
const USD_PER_VCPU_H = 0.05;

type Draft = Omit<MapNode, "pods" | "shares" | "fill"> & { keys: string[] };

export function mapOf(body: PlanBody & Background): PlanMap {
  const whys = reasons(body);
  const stays = new Set(body.nodes.filter((node) => node.existing).map((node) => node.name));
  const after = body.nodes.map((node) => draft(node, node.existing ? "stays" : "new", whys));
  const before = body.running
    ? body.running.map((node) => draft(node, stays.has(node.name) ? "stays" : "goes", whys))
    : remembered(body, after, whys);
  return assembled(before, after, body.requests);
}

function reasons(body: PlanBody): Map<string, string> {
  const whys = new Map(body.kept.map((kept) => [kept.node, kept.reason.text]));
  for (const action of body.actions)
    if (action.kind === "launch" || action.kind === "terminate") whys.set(action.node, action.reason.text);
  return whys;
}

function draft(node: PlanNode, state: NodeState, whys: Map<string, string>): Draft {
  const { cpu_mcpu = 0, memory_bytes = 0 } = node.allocatable;
  return {
    name: node.name,
    instanceType: node.instance_type,
    zone: node.zone_name || node.zone_id,
    capacityType: node.capacity_type,
    usdPerH: node.price_usd_per_h,
    vcpus: Math.max(1, Math.ceil(cpu_mcpu / 1_000)),
    mcpu: cpu_mcpu,
    bytes: memory_bytes,
    state,
    keys: [...node.pods],
    why: whys.get(node.name) ?? "",
  };
}

/** What ran before, as far as the plan itself tells: moves are undone, and nodes that go are as large as their price. */
function remembered(body: PlanBody, after: readonly Draft[], whys: Map<string, string>): Draft[] {
  const came = new Set<string>();
  const left = new Map<string, string[]>();
  for (const { kind, node, pod = "" } of body.actions) {
    if (kind !== "evict") continue;
    came.add(pod);
    left.set(node, [...(left.get(node) ?? []), pod]);
  }
  const stayed = after
    .filter((node) => node.state === "stays")
    .map((node) => ({ ...node, keys: [...node.keys.filter((key) => !came.has(key)), ...(left.get(node.name) ?? [])] }));
  const gone = body.actions
    .filter((action) => action.kind === "terminate")
    .map((action): Draft => {
      const price = action.reason.figures?.price_usd_per_h ?? null;
      return {
        name: action.node,
        instanceType: "",
        zone: "",
        capacityType: "unknown",
        usdPerH: price,
        vcpus: Math.max(1, Math.round((price ?? 0) / USD_PER_VCPU_H)),
        mcpu: 0,
        bytes: 0,
        state: "goes",
        keys: left.get(action.node) ?? [],
        why: whys.get(action.node) ?? "",
      };
    });
  return [...stayed, ...gone];
}

function assembled(before: Draft[], after: Draft[], requests: Background["requests"]): PlanMap {
  const index = new Map<string, number>();
  const where = new Map<string, string>();
  const pods: MapPod[] = [];
  for (const { name, keys } of before) for (const key of keys) where.set(key, name);
  for (const { name, keys } of [...before, ...after])
    for (const key of keys) {
      let place = index.get(key);
      if (place === undefined) {
        const [mcpu = 0, bytes = 0] = requests?.[key] ?? [];
        place = pods.push({ key, namespace: key.split("/", 1)[0] ?? "", moves: false, mcpu, bytes }) - 1;
        index.set(key, place);
      }
      const pod = pods[place];
      if (pod && where.get(key) !== name) pod.moves = true;
    }
  const most = Math.max(1, ...[...before, ...after].map((node) => node.keys.length / node.vcpus));
  const filled = (node: Draft): MapNode => {
    const { keys, ...rest } = node;
    const share = (place: number) => {
      const pod = pods[place];
      if (!requests || !pod || node.mcpu === 0) return 1 / (most * node.vcpus);
      return Math.max(pod.mcpu / node.mcpu, pod.bytes / Math.max(1, node.bytes), 1e-4);
    };
    const places = keys.map((key) => index.get(key) ?? 0).sort((a, b) => share(b) - share(a) || a - b);
    return {
      ...rest,
      pods: places,
      shares: places.map(share),
      fill: filledShare(
        places.map((place) => pods[place]),
        node,
        sum(places, share),
      ),
    };
  };
  return {
    pods,
    namespaces: byFrequency(pods),
    before: before.map(filled),
    after: after.map(filled),
    sized: requests !== undefined,
  };
}

/** How much of a node is taken: of the resource that is taken most. */
function filledShare(pods: readonly (MapPod | undefined)[], node: Draft, otherwise: number): number {
  if (node.mcpu === 0 || pods.every((pod) => !pod?.mcpu && !pod?.bytes)) return Math.min(1, otherwise);
  const cpu = sum(pods, (pod) => pod?.mcpu ?? 0) / node.mcpu;
  const memory = sum(pods, (pod) => pod?.bytes ?? 0) / Math.max(1, node.bytes);
  return Math.min(1, Math.max(cpu, memory));
}

function byFrequency(pods: readonly MapPod[]): string[] {
  const counts = new Map<string, number>();
  for (const { namespace } of pods) counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b)).map(([name]) => name);
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
