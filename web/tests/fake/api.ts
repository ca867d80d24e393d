/** The fake API: one function from request to answer, used by unit tests, the development server and browser tests. */

import type { Job } from "@/shared/api/types";
import { COMPOSITION, kpi, projection } from "./metrics.ts";
import { uuid, type World } from "./world.ts";

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
  "POST /api/auth/ws-ticket": () => problem(503, "unavailable", "no WebSockets here"),
  "GET /api/auth/me": (world) =>
    json({
      user: {
        id: uuid(9, 1),
        email: "ada@example.com",
        name: "Ada Lovelace",
        role: world.admin ? "super_admin" : "client",
        organization_role: world.admin ? null : "owner",
        email_confirmed: true,
      },
      organization: world.admin ? null : { id: uuid(8, 1), name: "Example Ltd" },
      next: world.admin ? "admin" : world.clusters.length > 0 ? "dashboard" : "onboarding",
    }),
  "GET /api/metrics/kpi": (world) => json(kpi(world)),
  "GET /api/metrics/projection": (_, __, request) => json(projection(new URL(request.url).searchParams)),
  "GET /api/metrics/composition": () => json(COMPOSITION),
  "GET /api/activity/live": (world) => page(world.activity),
  "GET /api/clusters": (world) => page(world.clusters),
  "GET /api/clusters/:cluster_id": (world, { cluster_id }) => {
    const cluster = world.clusters.find(({ id }) => id === cluster_id);
    if (!cluster) return missing();
    const live = {
      snapshot_at: cluster.last_heartbeat_at,
      nodes: cluster.node_count,
      pods: cluster.node_count * 11,
      going: [],
      mode: "approve",
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
    return found ? json({ plan: found.summary, body: found.body }) : missing();
  },
  "POST /api/clusters/:cluster_id/plans/:plan_id/approve": (world, params) => {
    const found = world.plans.find(({ summary }) => summary.id === params.plan_id);
    if (!found) return missing();
    if (found.summary.status !== "awaiting_approval")
      return problem(409, "conflict", "the plan does not await approval");
    found.summary = { ...found.summary, status: "accepted", accepted_at: new Date().toISOString() };
    return json(job(world, params), 202);
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
