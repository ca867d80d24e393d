/** The hive mind as people see it: a node that AWS takes from one customer is told to the other, and to the admin. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "../browser";
import { account, signIn, typed, visitor } from "./demo";

/** Milliseconds until a node that can be taken is there, and until pages have been told. */
const TAKEN = 30_000;
const TOLD = 30_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

test("a node that AWS takes from Ada flags its pool on Ben's dashboard and on the admin's risk map", async () => {
  const ben = await visitor(browser, "ben");
  await ben.page.goto("/dashboard");
  await signIn(ben.page, account("Harbour Analytics"));
  await ben.page.getByText("Live", { exact: true }).waitFor();
  const admin = await visitor(browser, "admin");
  await admin.page.goto("/admin/risk");
  await signIn(admin.page, account("admin"));
  await admin.page.getByRole("heading", { name: "Risk map" }).waitFor();

  const [, instance = "", type = "", zone = ""] = await typed(
    "interrupt web-shop",
    /AWS takes (i-\w+) of web-shop \((\S+) in (\S+)\)/,
    TAKEN,
  );
  const feed = ben.page.locator("[data-feature=client-home-feed-unique-indep-view-live]");
  await feed.getByText(`${type} in ${zone}`).first().waitFor({ timeout: TOLD });
  expect(await feed.textContent()).not.toContain(instance);

  const map = admin.page.getByRole("row");
  const row = map.filter({ has: admin.page.getByRole("rowheader", { name: type, exact: true }) });
  await row.first().waitFor({ timeout: TOLD });
  await expect.poll(() => map.first().getByRole("columnheader").allTextContents(), { timeout: TOLD }).toContain(zone);
  const column = (await map.first().getByRole("columnheader").allTextContents()).indexOf(zone);
  const cell = row.getByRole("cell").nth(column - 1);
  await cell.locator("summary").click({ timeout: TOLD });
  await cell.getByText(instance).first().waitFor({ timeout: TOLD });
  await ben.context.close();
  await admin.context.close();
});
