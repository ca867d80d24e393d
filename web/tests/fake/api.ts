/** The fake API: one function from request to answer, used by unit tests, the development server and browser tests. */

import type { Account, AuditEntry, ClusterRow, Decision, Job, Policy } from "@/shared/api/types";
import { FLAGS, HEALTH, MODELS, WORKERS } from "./admin.ts";
import { COMPOSITION, kpi, projection } from "./metrics.ts";
import { sagaOf, uuid, type World } from "./world.ts";

type Params = Readonly<Record<string, string>>;
type Handler = (world: World, params: Params, request: Request) => Response | Promise<Response>;

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(status === 204 ? null : JSON.stringify(body), {
    status,
    headers: { "Content-Type": status >= 400 ? "application/problem+json" : "application/json", ...headers },
  });

export const problem = (status: number, kind: string, detail: string, rest: object = {}): Response =>
  json(
    { type: `urn:spotopt:problem:${kind}`, title: kind, status, detail, instance: "", request_id: "5f2b0c9a", ...rest },
    status,
  );

const missing = () => problem(404, "not-found", "there is no such thing");
const page = <T>(items: T[]) => json({ items, next: null });

function session(): Record<string, string> {
  return { "Set-Cookie": "spotopt_csrf=token; Path=/; SameSite=Lax" };
}

const sessionBody = () => ({
  token_type: "cookie",
  access_token: null,
  refresh_token: null,
  csrf_token: "token",
  expires_at: "2099-01-01T00:00:00Z",
  session_expires_at: "2099-01-01T00:00:00Z",
});

function job(world: World, params: Params): Job {
  const made: Job = {
    id: uuid(3, world.jobs.length + 10),
    cluster_id: params.cluster_id ?? "",
    trigger: "user",
    status: "queued",
    reason: "asked for by ada@example.com",
    plan_generation: null,
    created_at: new Date().toISOString(),
    started_at: null,
    finished_at: null,
    result: {},
    error: "",
  };
  world.jobs.unshift(made);
  return made;
}

const ACCOUNT: Account = {
  id: uuid(10, 1),
  aws_account_id: "111122223333",
  role_arn: "arn:aws:iam::111122223333:role/spot-optimizer",
  external_id: "spotopt-kW5c0Zl0mYw3",
  status: "active",
  status_reason: "",
  created_at: "2026-10-01T12:00:00Z",
  updated_at: "2026-10-01T12:05:00Z",
  verified_at: "2026-10-01T12:01:00Z",
  looked_at: "2026-10-01T12:05:00Z",
  problem: "",
  blind: {},
  changes: {},
  warnings: [],
  missing: [],
};

const DECISION: Decision = {
  saving_usd_per_h: 5.45,
  chosen: [],
  refused: [
    {
      proposal: "consolidate ip-10-0-0-21",
      rule: "cooldown",
      reason: "Its node pool was changed 3 minutes ago.",
      against: "",
      again_at: new Date(Date.now() + 120_000).toISOString(),
    },
    {
      proposal: "replace ip-10-0-0-4",
      rule: "risky_replacement",
      reason: "Every pool that fits has been interrupted within the hour.",
      against: "",
      again_at: null,
    },
  ],
  fallbacks: [],
};

function clusters({ clusters: all }: World, query: URLSearchParams): Response {
  const words = (query.get("q") ?? "").toLowerCase();
  const statuses = query.getAll("status");
  const found = all.filter(
    (one) => one.name.includes(words) && (statuses.length === 0 || statuses.includes(one.status)),
  );
  const by = query.get("sort") ?? "created";
  const value = (row: ClusterRow): string | number => {
    const figures: Record<string, string | number> = {
      nodes: row.node_count,
      pods: row.fleet?.pods ?? -1,
      spot_share: row.fleet?.spot_share ?? -1,
      cost: row.fleet?.cost_micro_usd_per_h ?? -1,
      saving: row.fleet?.saving_micro_usd_per_h ?? -1,
      heartbeat: row.last_heartbeat_at ?? "",
      region: row.region,
      status: row.status,
    };
    return figures[by] ?? row.name;
  };
  const compare = (a: ClusterRow, b: ClusterRow) =>
    typeof value(a) === "number"
      ? Number(value(a)) - Number(value(b))
      : String(value(a)).localeCompare(String(value(b)), undefined, { numeric: true });
  found.sort((a, b) => (query.get("order") === "asc" ? 1 : -1) * compare(a, b));
  const [skip, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit") ?? 50)];
  const next = skip + limit < found.length ? String(skip + limit) : null;
  return json({ items: found.slice(skip, skip + limit), next, total: found.length });
}

function policyOf(world: World, cluster: ClusterRow): Policy {
  return {
    cluster_id: cluster.id,
    version: world.policyVersion,
    updated_at: cluster.updated_at,
    sections: { strategy: { mode: cluster.mode, rebalance: "ignore", allocation: "capacity-optimized" } },
    defaults: { strategy: { mode: "recommend", rebalance: "ignore", allocation: "capacity-optimized" } },
  };
}

const routes: Record<string, Handler> = {
  "POST /api/auth/token": async (world, _, request) => {
    const { password } = (await request.json()) as { password: string };
    if (password === "wrong") return problem(401, "unauthenticated", "the e-mail address or the password is wrong");
    world.signedIn = true;
    return json(sessionBody(), 200, session());
  },
  "POST /api/auth/signup": async (world, _, request) => {
    const { password } = (await request.json()) as { password: string };
    if (password.includes("password"))
      return problem(422, "invalid-input", "body.password is a common word", {
        errors: [{ field: "body.password", problem: "is a common word" }],
      });
    world.signedIn = true;
    return json(
      { user_id: uuid(9, 1), organization_id: uuid(8, 1), confirmation_sent: true, session: sessionBody() },
      201,
      session(),
    );
  },
  "POST /api/auth/refresh": () => problem(401, "unauthenticated", "the session has ended"),
  "POST /api/auth/logout": (world) => {
    world.signedIn = false;
    return json(null, 204, { "Set-Cookie": "spotopt_csrf=; Path=/; Max-Age=0" });
  },
  "POST /api/auth/ws-ticket": () => json({ ticket: "ticket", expires_in_s: 30 }),
  "GET /api/auth/me": (before, _, request) => {
    // The development server has one world for all: a cookie makes this visitor the admin.
    const world = {
      ...before,
      admin: before.admin || request.headers.get("Cookie")?.includes("fake_admin=1") === true,
    };
    return json({
      user: {
        id: uuid(9, 1),
        email: "ada@example.com",
        name: "Ada Lovelace",
        role: world.admin ? "super_admin" : "client",
        organization_role: world.admin ? null : world.viewer ? "viewer" : "owner",
        email_confirmed: true,
      },
      organization: world.admin ? null : { id: uuid(8, 1), name: "Example Ltd" },
      next: world.admin ? "admin" : world.clusters.length > 0 ? "dashboard" : "onboarding",
    });
  },
  "POST /api/connect/link": async (_, __, request) => {
    const { aws_account_id } = (await request.json()) as { aws_account_id: string };
    return json({
      account_id: uuid(10, 1),
      external_id: "spotopt-kW5c0Zl0mYw3",
      role_arn: `arn:aws:iam::${aws_account_id}:role/spot-optimizer`,
      quick_create_url: "https://console.aws.amazon.com/cloudformation/home",
      template_url: "/api/connect/template.yaml",
      steps: [
        "Sign in to the AWS account.",
        "Open the link below and create the stack.",
        "Come back and test the role.",
      ],
    });
  },
  "POST /api/connect/verify": () => {
    const permission = (action: string, answer: string, why: string) => ({
      action,
      need: "see",
      why,
      answer,
      detail: "",
    });
    return json({
      account: ACCOUNT,
      lets_in: true,
      may_act: false,
      permissions: [
        permission("ec2:DescribeInstances", "granted", "to see which nodes there are"),
        permission("eks:ListClusters", "granted", "to find clusters"),
        permission("ec2:CreateFleet", "missing", "to launch nodes"),
      ],
    });
  },
  "GET /api/clusters/discover": () => {
    const found = (name: string, region: string, nodes: number) => ({
      account_id: ACCOUNT.id,
      aws_account_id: ACCOUNT.aws_account_id,
      region,
      name,
      status: "ACTIVE",
      kubernetes_version: "1.33",
      node_count: nodes,
      spot_count: 2,
      seen_at: ACCOUNT.updated_at,
      cluster_id: null,
    });
    return json({
      clusters: [found("web-shop", "us-east-1", 24), found("batch", "eu-central-1", 9)],
      accounts: [ACCOUNT],
    });
  },
  "POST /api/onboard/skip": () => json({}),
  "GET /api/settings/accounts": () => json([ACCOUNT]),
  "GET /api/audit": (world, _, request) => {
    const query = new URL(request.url).searchParams;
    const matches = (name: "actor" | "event" | "outcome") => (row: AuditEntry) =>
      (query.get(name) ?? row[name]) === row[name];
    return page(world.audit.filter(matches("actor")).filter(matches("event")).filter(matches("outcome")));
  },
  "GET /api/audit/:entry_id/diff": (world, { entry_id }) => {
    const entry = world.audit.find(({ id }) => id === entry_id);
    const changes = entry?.changed ? [{ field: "binpack.aggressiveness", before: 40, after: 60 }] : [];
    return entry ? json({ entry, changes, before: {}, after: {} }) : missing();
  },
  "GET /api/admin/health": () => json(HEALTH),
  "GET /api/admin/health/workers": () => json(WORKERS),
  "GET /api/admin/risk": () => json({ flags: FLAGS, at: HEALTH.at }),
  "GET /api/admin/safe-mode": (world) => json({ on: world.safeMode }),
  "POST /api/admin/safe-mode": async (world, _, request) => {
    const { on } = (await request.json()) as { on: boolean };
    world.safeMode = on;
    return json({ on });
  },
  "GET /api/admin/models": () =>
    json({ items: MODELS, next: null, limits: ["Outcomes are known for regions with customers only."] }),
  "GET /api/metrics/kpi": (world) => json(kpi(world)),
  "GET /api/metrics/projection": (_, __, request) => json(projection(new URL(request.url).searchParams)),
  "GET /api/metrics/composition": () => json(COMPOSITION),
  "GET /api/activity/live": (world) => page(world.activity),
  "GET /api/clusters": (world, _, request) => clusters(world, new URL(request.url).searchParams),
  "GET /api/clusters/:cluster_id": (world, { cluster_id }) => {
    const cluster = world.clusters.find(({ id }) => id === cluster_id);
    if (!cluster) return missing();
    const live = {
      snapshot_at: cluster.last_heartbeat_at,
      nodes: cluster.node_count,
      pods: cluster.node_count * 11,
      going: [],
      mode: cluster.mode,
      safe_mode: false,
      planning: false,
      accepted_generation: 3,
      proposed_generation: 4,
      executing_generation: null,
      used: { cpu_mcpu: cluster.node_count * 1_700, memory_bytes: cluster.node_count * 7 * 2 ** 30 },
      story: [
        { at: cluster.updated_at, cause: "a", event: "a", text: "The agent sent a snapshot." },
        { at: cluster.updated_at, cause: "b", event: "b", text: "Plan 4 awaits approval." },
      ],
    };
    return json({ cluster, live: cluster.status === "pending" ? null : live });
  },
  "GET /api/clusters/:cluster_id/verify": () =>
    json({
      ok: true,
      checks: [
        { name: "Agent", state: "ok", detail: "heard from 10 s ago" },
        { name: "Snapshot", state: "ok", detail: "57 nodes" },
      ],
    }),
  "GET /api/policies/:cluster_id": (world, { cluster_id }) => {
    const cluster = world.clusters.find(({ id }) => id === cluster_id);
    return cluster ? json(policyOf(world, cluster)) : missing();
  },
  "PATCH /api/policies/strategy": async (world, _, request) => {
    const { cluster_id, mode } = (await request.json()) as { cluster_id: string; mode: string };
    const cluster = world.clusters.find(({ id }) => id === cluster_id);
    if (!cluster) return missing();
    if (world.viewer) return problem(403, "forbidden", "this needs the role member or above");
    if (request.headers.get("If-Match") !== `"${world.policyVersion}"`)
      return problem(412, "precondition-failed", `the policy has version ${world.policyVersion} by now`);
    world.policyVersion += 1;
    cluster.mode = mode;
    return json(policyOf(world, cluster));
  },
  "GET /api/clusters/:cluster_id/keys": () => json([]),
  "POST /api/clusters/connect": async (world, _, request) => {
    const body = (await request.json()) as { name: string; region: string };
    const first = world.clusters[0];
    const cluster = {
      ...first,
      ...body,
      id: uuid(1, world.clusters.length + 100),
      status: "pending" as const,
      last_heartbeat_at: null,
      node_count: 0,
      kubernetes_version: "",
      agent_version: "",
    };
    world.clusters.push(cluster as World["clusters"][number]);
    return json(cluster, 201);
  },
  "POST /api/clusters/install": async (_, __, request) => {
    const { cluster_id } = (await request.json()) as { cluster_id: string };
    const command = `helm upgrade --install spot-optimizer-agent oci://example.com/charts/spot-optimizer-agent \\\n  --namespace spot-optimizer --create-namespace \\\n  --set clusterId=${cluster_id} --set apiToken=so_2f4b9a5e`;
    return json({ cluster_id, key_id: uuid(5, 1), api_key: "so_2f4b9a5e", command });
  },
  "GET /api/clusters/:cluster_id/jobs": (world, { cluster_id }) =>
    page(world.jobs.filter((one) => one.cluster_id === cluster_id)),
  "POST /api/clusters/:cluster_id/optimize": (world, params) => json(job(world, params), 202),
  "GET /api/clusters/:cluster_id/plans": (world, { cluster_id }) =>
    page(world.plans.filter(({ summary }) => summary.cluster_id === cluster_id).map(({ summary }) => summary)),
  "GET /api/clusters/:cluster_id/plans/:plan_id": (world, { plan_id }) => {
    const found = world.plans.find(({ summary }) => summary.id === plan_id);
    if (!found) return missing();
    const waits = found.summary.status === "awaiting_approval";
    return json({
      plan: found.summary,
      body: found.body,
      stale_at: waits ? new Date(Date.now() + 9 * 60_000).toISOString() : null,
      decision: DECISION,
      saga: found.saga,
    });
  },
  "POST /api/clusters/:cluster_id/plans/:plan_id/approve": (world, params) => {
    const found = world.plans.find(({ summary }) => summary.id === params.plan_id);
    if (!found) return missing();
    if (found.summary.status !== "awaiting_approval")
      return problem(409, "conflict", "the plan does not await approval");
    found.summary = { ...found.summary, status: "accepted", accepted_at: new Date().toISOString() };
    found.saga = sagaOf(found.body, new Date().toISOString(), 6);
    return json(job(world, params), 202);
  },
  "POST /api/clusters/:cluster_id/plans/:plan_id/discard": (world, params) => {
    const found = world.plans.find(({ summary }) => summary.id === params.plan_id);
    if (!found) return missing();
    found.summary = { ...found.summary, status: "rejected", status_reason: "discarded by ada@example.com" };
    return json(found.summary);
  },
};

const OPEN = new Set(["/api/auth/token", "/api/auth/signup", "/api/auth/refresh"]);

/** Answers as the platform would. */
export async function answer(world: World, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (world.broken.has(pathname)) return problem(500, "internal-error", "something is wrong on our side");
  const signedIn = world.signedIn || request.headers.get("Cookie")?.includes("spotopt_csrf=token") === true;
  if (!signedIn && !OPEN.has(pathname)) return problem(401, "unauthenticated", "sign in first");
  for (const [route, handler] of Object.entries(routes)) {
    const [method, path = ""] = route.split(" ");
    const params = method === request.method ? matched(path, pathname) : null;
    if (params) return handler(world, params, request);
  }
  return missing();
}

function matched(route: string, path: string): Params | null {
  const wanted = route.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [place, part] of wanted.entries()) {
    if (part.startsWith(":")) params[part.slice(1)] = decodeURIComponent(given[place] ?? "");
    else if (part !== given[place]) return null;
  }
  return params;
}
