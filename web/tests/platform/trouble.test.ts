/** What goes wrong for people, on the real platform, and how they get on from there. */

import type { Browser, WebSocketRoute } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "../browser";
import { account, signIn, visitor } from "./demo";

const ADA = "Larkspur Goods";
/** Milliseconds: the page reads anew every 15 s while the WebSocket is away, and waits up to 8 s for its fourth attempt. */
const READ_ANEW = 25_000;
const BACK = 30_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

test("a wrong password is told as such, and the right one leads to where one wanted to be", async () => {
  const { page, context } = await visitor(browser, "wrong-password");
  await page.goto("/audit?range=7d");
  await signIn(page, { ...account(ADA), password: "not this one" });
  await page
    .getByRole("alert")
    .getByText(/password/i)
    .waitFor();
  await signIn(page, account(ADA));
  await page.getByRole("heading", { name: "Audit" }).waitFor();
  expect(page.url()).toContain("/audit?range=7d");
  await context.close();
});

test("a session is renewed unnoticed, and one that has ended brings back to the same page after signing in", async () => {
  const { page, context } = await visitor(browser, "session");
  await page.goto("/clusters?sort=-cost");
  await signIn(page, account(ADA));
  await page.getByRole("link", { name: "web-shop" }).waitFor();

  await context.clearCookies({ name: "spotopt_access" });
  await page.reload();
  await page.getByRole("link", { name: "web-shop" }).waitFor();

  await context.clearCookies({ name: /spotopt_(access|refresh)/ });
  await page.getByRole("button", { name: "Saved" }).click();
  await page.getByText("Your session has ended").waitFor();
  await signIn(page, account(ADA));
  await page.getByRole("link", { name: "web-shop" }).waitFor();
  expect(page.url()).toMatch(/\/clusters\?sort=-?saving$/);
  await context.close();
});

test("while the WebSocket is away the lists are read anew all the same, and then it is live again", async () => {
  const { page, context } = await visitor(browser, "lost-socket");
  const sockets: WebSocketRoute[] = [];
  let away = false;
  await context.routeWebSocket(/\/api\/clusters\/heartbeat/, (socket) => {
    if (away) return void socket.close({ code: 1013 });
    socket.connectToServer();
    sockets.push(socket);
  });
  await page.goto("/clusters");
  await signIn(page, account(ADA));
  await page.getByText("Live", { exact: true }).waitFor();

  away = true;
  for (const socket of sockets) await socket.close({ code: 1013 });
  await page.getByText("Reconnecting").waitFor();
  await page.waitForResponse((answer) => answer.url().includes("/api/clusters?") && answer.ok(), {
    timeout: READ_ANEW,
  });
  away = false;
  await page.getByText("Live", { exact: true }).waitFor({ timeout: BACK });
  await context.close();
});

test("an API that fails is told with a way to try again, which works once it is well", async () => {
  const { page, context } = await visitor(browser, "error");
  await page.goto("/dashboard");
  await signIn(page, account(ADA));
  await page.getByRole("heading", { name: "Dashboard" }).waitFor();
  const broken = {
    type: "urn:spotopt:problem:internal-error",
    title: "Internal Server Error",
    status: 500,
    detail: "something is wrong on our side",
    instance: "/api/clusters",
    request_id: "0",
  };
  await context.route(/\/api\/clusters\?/, (route) => route.fulfill({ status: 500, json: broken }));
  await page.getByRole("link", { name: "Clusters" }).first().click();
  const alert = page.getByRole("alert").filter({ hasText: "The clusters could not be read" });
  await alert.waitFor({ timeout: BACK });
  await context.unroute(/\/api\/clusters\?/);
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("link", { name: "web-shop" }).waitFor();
  await context.close();
});
