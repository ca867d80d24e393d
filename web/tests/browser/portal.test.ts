import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLUSTER, openPage, openPortal, PAGES, PLAN, type Portal } from "../portal";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let portal: Portal;
beforeAll(async () => {
  portal = await openPortal();
});
afterAll(() => portal.stop());

/** What axe finds serious, by rule and place. */
async function violations(page: Page): Promise<string[]> {
  // Evaluated rather than loaded: the page's policy forbids inline scripts.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const axe = (
      window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
      }
    ).axe;
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)} ${nodes[0]?.failureSummary}`);
  });
}

describe.each(["light", "dark"] as const)("in %s colours", (colorScheme) => {
  test.each(Object.keys(PAGES))("%s keeps to the policy, says no error, and satisfies axe", async (name) => {
    const context = await portal.visit({ colorScheme, viewport: { width: 1_440, height: 900 } });
    const said: string[] = [];
    context.on("console", (message) => void (message.type() === "error" && said.push(message.text())));
    context.on("weberror", (error) => void said.push(String(error.error())));
    const page = await openPage(portal, context, PAGES[name] ?? "/");
    expect(await violations(page)).toEqual([]);
    expect(said).toEqual([]);
    await context.close();
  });
});

test.each(Object.keys(PAGES))("%s fits on 360 pixels", async (name) => {
  const context = await portal.visit({ viewport: { width: 360, height: 780 } });
  const page = await openPage(portal, context, PAGES[name] ?? "/");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await context.close();
});

test("a cluster is opened and closed by the keyboard alone, and the focus comes back", async () => {
  const context = await portal.visit();
  const page = await openPage(portal, context, "/clusters");
  await page.getByRole("link", { name: "web-shop" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(new URL(page.url()).pathname).toBe("/clusters");
  await context.close();
});

test("a link to a cluster opens its drawer, tab and filters included", async () => {
  const context = await portal.visit();
  const page = await openPage(portal, context, `${CLUSTER}?tab=plans&q=web`);
  await page.getByRole("tab", { name: "Plans", selected: true }).waitFor();
  expect(await page.getByPlaceholder("Part of the name").inputValue()).toBe("web");
  await context.close();
});

test("when the WebSocket is lost the page says so and comes back to live", async () => {
  const context = await portal.visit();
  let times = 0;
  await context.routeWebSocket(/\/api\/clusters\/heartbeat/, (socket) => {
    times += 1;
    if (times === 1) void socket.close({ code: 1013 });
    else socket.send(JSON.stringify({ type: "ready" }));
  });
  const page = await openPage(portal, context, "/clusters");
  await page.getByText("Live", { exact: true }).waitFor();
  expect(times).toBe(2);
  await context.close();
});

test("the map tells of the node that is pointed at, and of the next one by the arrow keys", async () => {
  const context = await portal.visit({ viewport: { width: 1_440, height: 900 } });
  const page = await openPage(portal, context, PLAN);
  const map = page.getByLabel(/^Now, us-east-1a/);
  await map.focus();
  await page.keyboard.press("ArrowRight");
  const tip = page.locator("[aria-live=polite] dl");
  await tip.waitFor();
  expect(await tip.textContent()).toMatch(/On-demand/);
  await context.close();
});
