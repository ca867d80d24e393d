/** A first visit to a running platform, as a customer makes it: `SPOTOPT_URL=http://127.0.0.1:8080 npm run test:platform`. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "../browser";

const ADDRESS = process.env.SPOTOPT_URL;
const PASSWORD = "violet harbour trumpet lemon";

let browser: Browser;
beforeAll(async () => {
  if (!ADDRESS) throw new Error("SPOTOPT_URL must say where the platform is");
  browser = await launch();
});
afterAll(() => browser?.close());

async function signIn(page: Page, email: string): Promise<void> {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("somebody signs up, connects a cluster, sees it live, and comes back after the session has ended", async () => {
  const context = await browser.newContext({ baseURL: ADDRESS ?? "", locale: "en-GB" });
  const page = await context.newPage();
  const broken: string[] = [];
  page.on("pageerror", (error) => void broken.push(String(error)));
  page.on("console", (message) => void (message.text().includes("Content Security") && broken.push(message.text())));
  const email = `ada-${Date.now()}@example.com`;

  await page.goto("/");
  await page.getByRole("link", { name: "Make an account" }).click();
  await page.getByLabel("Organisation").fill("Example Ltd");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByRole("button", { name: "Begin" }).click();
  await page.getByRole("button", { name: /Lab/ }).click();
  await page.getByLabel("Name of the cluster").fill("web-shop");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("button", { name: "Show the install command" }).click();
  await page.getByText("helm upgrade").waitFor();

  await page.goto("/clusters");
  await page.getByRole("link", { name: "web-shop" }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();

  await context.clearCookies({ name: "spotopt_access" });
  await page.goto("/clusters?sort=-cost");
  await page.getByRole("link", { name: "web-shop" }).waitFor();

  await context.clearCookies({ name: /spotopt_(access|refresh)/ });
  await page.getByRole("button", { name: "Saved" }).click();
  await page.getByText("Your session has ended").waitFor();
  await signIn(page, email);
  await page.getByRole("link", { name: "web-shop" }).waitFor();
  expect(page.url()).toContain("/clusters?sort=saving");
  expect(broken).toEqual([]);
});
