/** The built portal on a free port with the fake API and the Content-Security-Policy, and a browser to look at it. */

import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { preview } from "vite";
import { launch } from "./browser";
import { uuid } from "./fake/world";

export const CLUSTER = `/clusters/${uuid(1, 0)}`;
export const PLAN = `${CLUSTER}/plans/${uuid(2, 0)}`;
export const DONE_PLAN = `${CLUSTER}/plans/${uuid(2, 1)}`;

/** Every page by a name that files can have. */
export const PAGES: Record<string, string> = {
  "sign-in": "/signin",
  "sign-up": "/signup",
  "onboarding-welcome": "/onboarding",
  "onboarding-mode": "/onboarding?step=mode",
  "onboarding-account": "/onboarding?step=aws&mode=production",
  "onboarding-clusters": "/onboarding?step=discovery&mode=production",
  "onboarding-agent": `/onboarding?step=install&mode=lab&cluster=${uuid(1, 0)}`,
  dashboard: "/dashboard",
  clusters: "/clusters",
  cluster: CLUSTER,
  "cluster-plans": `${CLUSTER}?tab=plans`,
  "plan-map": PLAN,
  "plan-steps": `${PLAN}?tab=actions`,
  "plan-left-alone": `${PLAN}?tab=left`,
  "plan-proof": `${PLAN}?tab=proof`,
  "plan-progress": `${DONE_PLAN}?tab=progress`,
  audit: "/audit",
  "audit-entry": `/audit?entry=${uuid(4, 4)}`,
  "admin-health": "/admin",
  "admin-logs": "/admin/logs",
  "admin-risk": "/admin/risk",
  "admin-models": "/admin/models",
};

export interface Portal {
  address: string;
  browser: Browser;
  /** A visitor who is signed in, with live updates that have begun. */
  visit(options?: BrowserContextOptions): Promise<BrowserContext>;
  stop(): Promise<void>;
}

interface Size {
  clusters?: number;
  pods?: number;
}

export async function openPortal({ clusters = 8, pods = 420 }: Size = {}): Promise<Portal> {
  Object.assign(process.env, { FAKE_API: "1", FAKE_CLUSTERS: String(clusters), FAKE_PODS: String(pods) });
  const server = await preview({ preview: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
  const address = server.resolvedUrls?.local[0]?.replace(/\/$/, "") ?? "";
  const browser = await launch();
  return {
    address,
    browser,
    visit: async (options = {}) => {
      const context = await browser.newContext({
        baseURL: address,
        locale: "en-GB",
        timezoneId: "UTC",
        reducedMotion: "reduce",
        ...options,
      });
      await context.addCookies([{ name: "spotopt_csrf", value: "token", url: address }]);
      await context.routeWebSocket(/\/api\//, (socket) => {
        socket.send(JSON.stringify({ type: "ready" }));
        if (socket.url().includes("/admin/logs")) for (const line of LOG) socket.send(JSON.stringify(line));
        if (socket.url().includes("/connect/stream")) socket.send(JSON.stringify(SCAN));
      });
      return context;
    },
    stop: async () => {
      await browser.close();
      await server.close();
    },
  };
}

const SCAN = {
  type: "progress",
  account_id: uuid(10, 1),
  aws_account_id: "111122223333",
  region: "eu-central-1",
  phase: "instances",
  done: 11,
  total: 15,
  clusters: 2,
  instances: 33,
};

const LOG = Array.from({ length: 60 }, (_, place) => ({
  timestamp: new Date(Date.UTC(2026, 9, 1, 12, 0, place)).toISOString(),
  level: ["info", "info", "info", "warning", "error"][place % 5],
  event: ["snapshot taken", "plan made", "heartbeat", "AWS answered late", "mail was not sent"][place % 5],
  cluster: ["web-shop", "batch-nightly", "ml-training"][place % 3],
  seconds: place / 10,
}));

/** Opens a page as whom it is for, and waits until nothing more comes. */
export async function openPage({ address }: Portal, context: BrowserContext, path: string): Promise<Page> {
  if (path.startsWith("/admin")) await context.addCookies([{ name: "fake_admin", value: "1", url: address }]);
  const page = await context.newPage();
  await page.goto(path, { waitUntil: "networkidle" });
  await page.locator("h1").first().waitFor();
  return page;
}
