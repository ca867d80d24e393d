/** The whole way of somebody new, on the real platform: from signing up to savings. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "../browser";
import { typed, visitor } from "./demo";

const AWS_ACCOUNT = "777788889999";
const CLUSTER = "bakery";
/** Milliseconds until a state must be reached, on a busy machine; a quiet one needs a fifth. */
const SOON = 30_000;
const DISCOVERED = 60_000;
const CONNECTED = 90_000;
const PLANNED = 90_000;
const CARRIED_OUT = 240_000;
const WHOLE = 480_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

async function signUp(page: Page): Promise<void> {
  await page.addInitScript(watchScans, SCAN);
  await page.goto("/");
  await page.getByRole("link", { name: "Make an account" }).click();
  await page.getByLabel("Organisation").fill("Bread & Butter Ltd");
  await page.getByLabel("Your name").fill("Cleo");
  await page.getByLabel("E-mail address").fill(`cleo-${Date.now()}@bakery.example`);
  await page.getByLabel("Password", { exact: true }).fill("violet harbour trumpet lemon");
  await page.getByRole("button", { name: "Make the account" }).click();
}

async function linkAccount(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Begin" }).click();
  await page.getByRole("button", { name: /^Production/ }).click();
  await page.getByLabel("AWS account number").fill(AWS_ACCOUNT);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("button", { name: "Test the role" }).click();
  await page.getByText("The role works").waitFor({ timeout: DISCOVERED });
  await page.getByRole("button", { name: "Look for clusters" }).click();
}

const SCAN = "client-onboard-bar-reuse-indep-view-scan";

/** Notes whatever the bar of a discovery says: an account that is nearly empty is looked through within a second. */
const watchScans = (feature: string) => {
  const seen = new Set<string>();
  Object.assign(window, { scansSeen: () => [...seen] });
  const note = () => {
    const said = document.querySelector(`[data-feature=${feature}]`)?.textContent;
    if (said) seen.add(said);
  };
  new MutationObserver(note).observe(document, { subtree: true, childList: true, characterData: true });
};

async function discover(page: Page): Promise<void> {
  await page
    .getByText(`Looked through account ${AWS_ACCOUNT}: 1 cluster, 3 instances`)
    .waitFor({ timeout: DISCOVERED });
  const seen = await page.evaluate(() => (window as unknown as { scansSeen(): string[] }).scansSeen());
  expect(seen.some((text) => /^Looking through account \d+, [a-z0-9-]+: /.test(text))).toBe(true);
  const found = page.getByRole("list", { name: "Clusters found" }).getByRole("listitem").filter({ hasText: CLUSTER });
  await found.getByText("us-east-1, Kubernetes 1.33, 3 nodes").waitFor({ timeout: SOON });
  await found.getByRole("button", { name: "Connect" }).click();
}

async function install(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Show the install command" }).click();
  const command = (await page.getByLabel("The Helm command", { exact: true }).textContent()) ?? "";
  expect(command).toMatch(/^helm upgrade --install .* --set apiToken=/);
  await typed(command, new RegExp(`${CLUSTER}: its agent starts`), SOON);
  await page.getByText(`${CLUSTER} is connected`).waitFor({ timeout: CONNECTED });
  await page.getByRole("link", { name: "To the cluster" }).click();
  await page.waitForURL(/\/clusters\/[0-9a-f-]{36}/);
}

/** Plans of this cluster are to wait for approval. */
async function askFirst(page: Page): Promise<void> {
  const drawer = page.getByRole("dialog");
  await drawer.getByText("Connected").waitFor({ timeout: SOON });
  await drawer.getByText("Approve", { exact: true }).click();
  await drawer.getByText(/A plan is carried out once somebody approves it/).waitFor({ timeout: SOON });
  await drawer.getByRole("radio", { name: "Approve", checked: true }).waitFor({ state: "attached", timeout: SOON });
}

/** Until a plan awaits approval. */
async function optimise(page: Page): Promise<void> {
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: "Optimise now" }).click();
  await drawer.getByRole("tab", { name: "Plans" }).click();
  await drawer
    .getByRole("link", { name: /Plan \d+.*Awaits approval.*saves/ })
    .first()
    .click({ timeout: PLANNED });
}

async function readPlan(page: Page): Promise<void> {
  await page.getByRole("heading", { name: /^Plan \d+$/ }).waitFor({ timeout: SOON });
  await page.getByText("Saves each month").waitFor();
  await page.getByText(/Proven: no allowed fleet costs less than \$\d/).waitFor();
  await page.getByText(/^at most [\d.]+%$/).waitFor();
  await page.getByRole("tab", { name: "Steps" }).click();
  await page
    .getByText(/takes pods of/)
    .first()
    .waitFor();
  await page.getByRole("tab", { name: "Proof and risk" }).click();
  await page.getByText("How near to the best").waitFor();
}

async function carryOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("dialog").getByText("will be launched").waitFor();
  await page.getByRole("button", { name: "Carry it out" }).click();
  await page.getByRole("tab", { name: "Progress" }).click({ timeout: SOON });
  for (const step of ["Launch", "Wait until ready", "Drain", "Terminate"])
    await page
      .getByRole("listitem")
      .filter({ hasText: step })
      .filter({ hasText: "Done" })
      .first()
      .waitFor({ timeout: CARRIED_OUT });
  await page.getByRole("status").filter({ hasText: "Carried out" }).waitFor({ timeout: CARRIED_OUT });
}

async function readSavings(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Dashboard" }).click();
  const savings = page.locator("[data-feature=client-home-kpi-reuse-indep-view-savings]");
  await savings.getByText("Net savings").waitFor({ timeout: SOON });
  await savings
    .getByText(/^\$[1-9][\d,.]*$/)
    .first()
    .waitFor({ timeout: CONNECTED });
  await page.getByText(/Plan \d+ was carried out/).waitFor({ timeout: SOON });
}

test("somebody signs up, connects a cluster, has it optimised, and sees what that saves", {
  timeout: WHOLE,
}, async () => {
  const { page, context } = await visitor(browser, "journey");
  const began = Date.now();
  for (const step of [signUp, linkAccount, discover, install, askFirst, optimise, readPlan, carryOut, readSavings]) {
    await step(page);
    console.log(`${step.name}: done after ${((Date.now() - began) / 1_000).toFixed(1)} s`);
  }
  await context.close();
});
