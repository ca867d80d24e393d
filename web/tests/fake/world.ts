/** What the fake API knows: one organisation with its clusters, plans and audit log. */

import type { Activity, AuditEntry, ClusterRow, Job, PlanBody, PlanSummary, Saga } from "@/shared/api/types";
import { makePlan } from "./plans.ts";

const MICRO = 1_000_000;
const MINUTE_MS = 60_000;

export interface World {
  signedIn: boolean;
  admin: boolean;
  safeMode: boolean;
  /** The server refuses this person's changes. */
  viewer: boolean;
  policyVersion: number;
  clusters: ClusterRow[];
  plans: { summary: PlanSummary; body: PlanBody; saga: Saga | null }[];
  jobs: Job[];
  audit: AuditEntry[];
  activity: Activity[];
  /** Paths that answer 500, for tests of failures. */
  broken: Set<string>;
}

interface Shape {
  clusters?: number;
  pods?: number;
  signedIn?: boolean;
  now?: number;
}

const NAMES = [
  "web-shop",
  "batch-nightly",
  "ml-training",
  "edge-tiny",
  "legacy-mess",
  "search",
  "payments",
  "data-platform",
];
const REGIONS = ["us-east-1", "eu-central-1", "us-west-2", "ap-southeast-1"];
export const uuid = (kind: number, place: number) =>
  `${kind.toString(16).padStart(8, "0")}-0000-4000-8000-${place.toString(16).padStart(12, "0")}`;

export function makeWorld({ clusters = 8, pods = 420, signedIn = false, now = Date.now() }: Shape = {}): World {
  const ago = (minutes: number) => new Date(now - minutes * MINUTE_MS).toISOString();
  const made = Array.from({ length: clusters }, (_, place): ClusterRow => {
    const status = place % 11 === 4 ? "silent" : place % 13 === 7 ? "pending" : "active";
    return {
      id: uuid(1, place),
      name: place < NAMES.length ? (NAMES[place] ?? "") : `cluster-${place}`,
      region: REGIONS[place % REGIONS.length] ?? "us-east-1",
      status,
      account_id: null,
      vpc_id: "",
      endpoint: "",
      kubernetes_version: status === "pending" ? "" : `1.${31 + (place % 3)}`,
      created_at: ago(60 * 24 * 30),
      updated_at: ago(60),
      last_heartbeat_at: status === "pending" ? null : ago(status === "silent" ? 47 : 0.2),
      agent_version: status === "pending" ? "" : "0.4.0",
      node_count: status === "pending" ? 0 : 8 + ((place * 37) % 120),
      mode: ["approve", "automatic", "recommend"][place % 3] ?? "approve",
      fleet: status === "pending" ? null : fleetOf(8 + ((place * 37) % 120), ago(1)),
      plan:
        place % 4 === 0 && status !== "pending"
          ? {
              id: uuid(2, 0),
              generation: 4,
              status: "awaiting_approval",
              created_at: ago(3),
              saving_micro_usd_per_h: 5_450_000,
            }
          : null,
    };
  });
  const plans = [
    stored(makePlan({ pods, generation: 4 }), { place: 0, status: "awaiting_approval", created_at: ago(3) }),
    stored(makePlan({ pods: Math.min(pods, 240), seed: 2, generation: 3 }), {
      place: 1,
      status: "done",
      created_at: ago(60 * 26),
    }),
    stored(makePlan({ pods: Math.min(pods, 300), seed: 3, generation: 2 }), {
      place: 2,
      status: "rejected",
      created_at: ago(60 * 50),
    }),
  ];
  return {
    signedIn,
    admin: false,
    safeMode: false,
    viewer: false,
    policyVersion: 1,
    clusters: made,
    plans,
    jobs: jobsOf(ago),
    audit: auditOf(ago),
    activity: activityOf(ago),
    broken: new Set(),
  };
}

function fleetOf(nodes: number, observed_at: string): NonNullable<ClusterRow["fleet"]> {
  const spot_nodes = Math.round(nodes * (0.45 + ((nodes * 13) % 50) / 100));
  const cost = nodes * 98_000 + spot_nodes * 20_000;
  return {
    observed_at,
    nodes,
    spot_nodes,
    ready_nodes: nodes,
    unpriced_nodes: 0,
    pods: nodes * 11,
    pending_pods: 0,
    spot_share: spot_nodes / nodes,
    cost_micro_usd_per_h: cost,
    baseline_micro_usd_per_h: cost + spot_nodes * 150_000,
    saving_micro_usd_per_h: spot_nodes * 150_000,
  };
}

function stored(
  body: PlanBody,
  { place, ...rest }: { place: number; status: PlanSummary["status"]; created_at: string },
) {
  const micro = (usd: number) => Math.round(usd * MICRO);
  const summary: PlanSummary = {
    id: uuid(2, place),
    cluster_id: uuid(1, 0),
    generation: body.generation,
    parent: body.parent,
    status_reason: "",
    cost_micro_usd_per_h: micro(body.cost_usd_per_h),
    planned_cost_micro_usd_per_h: micro(body.planned_cost_usd_per_h),
    lower_bound_micro_usd_per_h: micro(body.lower_bound_usd_per_h),
    observed_at: rest.created_at,
    accepted_at: null,
    job_id: null,
    ...rest,
  };
  return { summary, body, saga: rest.status === "done" ? sagaOf(body, rest.created_at) : null };
}

function jobsOf(ago: (minutes: number) => string): Job[] {
  const job = (place: number, minutes: number, rest: Partial<Job>): Job => ({
    id: uuid(3, place),
    cluster_id: uuid(1, 0),
    trigger: "schedule",
    status: "completed",
    reason: "regular look",
    plan_generation: 4 - place,
    created_at: ago(minutes),
    started_at: ago(minutes),
    finished_at: ago(minutes - 0.1),
    result: {},
    error: "",
    ...rest,
  });
  return [
    job(0, 3, {}),
    job(1, 64, { trigger: "user", reason: "asked for by ada@example.com" }),
    job(2, 130, { status: "failed", error: "the agent has not reported for 40 minutes", plan_generation: null }),
  ];
}

function auditOf(ago: (minutes: number) => string): AuditEntry[] {
  const events = [
    ["ada@example.com", "sign_in", "user", "success", ""],
    ["System (Boto3)", "launch_spot", "instance", "success", "Launched c6i.4xlarge Spot in us-east-1a"],
    ["System (Queued for Agent)", "drain_node", "node", "success", "Drained ip-10-0-0-17"],
    ["System", "pool_flagged", "pool", "success", "Global Risk: c5.xlarge in us-east-1a flagged"],
    ["ada@example.com", "policy_changed", "policy", "success", "Bin packing 40 → 60"],
    ["bob@example.com", "plan_approved", "plan", "refused", "The plan was stale"],
  ] as const;
  return Array.from({ length: 60 }, (_, place): AuditEntry => {
    const [actor, event, resource_type, outcome, text] = events[place % events.length] ?? events[0];
    return {
      id: uuid(4, place),
      seq: 60 - place,
      at: ago(place * 17 + 1),
      actor,
      on_behalf_of: "",
      event,
      resource_type,
      resource: uuid(1, place % 5),
      outcome,
      text,
      ip: "203.0.113.7",
      user_agent: "Mozilla/5.0",
      request_id: `req${place}`,
      changed: event === "policy_changed",
      hash: "5f2b0c9a1d3e4f60",
    };
  });
}

function activityOf(ago: (minutes: number) => string): Activity[] {
  const entry = (place: number, kind: Activity["kind"], text: string, rest: Partial<Activity> = {}): Activity => ({
    id: uuid(6, place),
    at: ago(place * place * 2 + 1),
    kind,
    what: "",
    text,
    cluster_id: uuid(1, place % 3),
    cluster_name: NAMES[place % 3] ?? "",
    subject: "",
    status: "",
    reason: "",
    plan_id: null,
    generation: null,
    saving_micro_usd_per_h: null,
    ...rest,
  });
  const plan = (place: number) => ({
    plan_id: uuid(2, place),
    generation: 4 - place,
    cluster_id: uuid(1, 0),
    cluster_name: NAMES[0] ?? "",
  });
  return [
    entry(0, "plan_made", "Plan 4 was made", { ...plan(0), saving_micro_usd_per_h: 5_450_000 }),
    entry(1, "event", "AWS takes ip-10-0-0-17", { reason: "Spot interruption: two minutes' notice" }),
    entry(2, "flag", "Everybody avoids c5.xlarge in use1-az6: AWS takes nodes there", {
      cluster_id: null,
      cluster_name: "",
    }),
    entry(3, "aws", "Launch c6i.4xlarge Spot in us-east-1a"),
    entry(4, "action", "Empty ip-10-0-0-17"),
    entry(5, "aws", "Terminate ip-10-0-0-17"),
    entry(6, "plan_ended", "Plan 3 was carried out", plan(1)),
    entry(7, "event", "shop/cart-7d9f was killed for want of memory"),
    entry(8, "plan_ended", "Plan 2 was discarded", plan(2)),
  ];
}

/** A plan being carried out, or carried out. */
export function sagaOf(body: PlanBody, begun: string, done = Number.POSITIVE_INFINITY): Saga {
  const kinds = { launch: "launch", cordon: "cordon", evict: "drain", terminate: "terminate" } as const;
  const start = Date.parse(begun);
  const at = (seconds: number) => new Date(start + seconds * 1_000).toISOString();
  const chosen = body.actions.filter((action) => action.kind !== "evict").slice(0, 40);
  const steps = chosen.map((action, place): Saga["steps"][number] => ({
    step_id: String(action.id),
    track: action.node,
    kind: kinds[action.kind],
    subject: action.node,
    status: place < done ? "done" : "asked",
    attempt: 1,
    tries: 1,
    asked_at: at(place * 4),
    due_at: at(place * 4 + 300),
    retry_at: null,
    ended_at: place < done ? at(place * 4 + 3.2) : null,
    error: "",
  }));
  const over = done >= steps.length;
  return {
    id: uuid(7, 0),
    status: over ? "done" : "running",
    reason: "",
    created_at: begun,
    updated_at: begun,
    ended_at: over ? at(steps.length * 4) : null,
    steps: over ? steps : steps.slice(0, done + 3),
  };
}
