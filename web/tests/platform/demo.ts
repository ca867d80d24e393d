/** The demo that these tests are about: what it says, what one types into it, and what is kept when a test fails. */

import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { onTestFailed } from "vitest";

/** Files that `spotopt demo --json` writes to and reads from, and a folder for what is kept. */
const { DEMO_SAYS = "", DEMO_HEARS = "", DEMO_EVIDENCE = "" } = process.env;
const POLL_MS = 200;

export interface Account {
  who: string;
  email: string;
  password: string;
}

interface Said {
  event: string;
  text?: string;
  url?: string;
  accounts?: Account[];
}

function said(): Said[] {
  if (DEMO_SAYS === "") throw new Error("started by tests/e2e/test_demo.py, which says where the demo is");
  return readFileSync(DEMO_SAYS, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Said);
}

function where(): Said {
  const found = said().find(({ event }) => event === "where");
  if (!found) throw new Error("the demo has not said where it is");
  return found;
}

export const address = (): string => where().url ?? "";

/** Somebody whom the demo has signed up: `admin`, or the name of an organisation. */
export function account(who: string): Account {
  const found = where().accounts?.find((one) => one.who === who);
  if (!found) throw new Error(`the demo knows no ${who}`);
  return found;
}

/** Types a line into the demo's terminal. */
export const type = (line: string): void => appendFileSync(DEMO_HEARS, `${line}\n`);

/** Types a line, and waits for what the demo says to it. */
export async function typed(line: string, answer: RegExp, withinMs: number): Promise<RegExpExecArray> {
  const before = said().length;
  type(line);
  const until = Date.now() + withinMs;
  for (;;) {
    for (const { text = "" } of said().slice(before)) {
      const found = answer.exec(text);
      if (found) return found;
    }
    if (Date.now() > until) throw new Error(`the demo said nothing like ${answer} within ${withinMs / 1_000} s`);
    await pause(POLL_MS);
  }
}

/** Somebody in front of a browser. What goes wrong on the page is noted; a picture is kept when the test fails. */
export async function visitor(browser: Browser, name: string): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({
    baseURL: address(),
    locale: "en-GB",
    timezoneId: "UTC",
    viewport: { width: 1_440, height: 900 },
  });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => void wrong.push(String(error)));
  page.on("console", (message) => void (message.text().includes("Content Security") && wrong.push(message.text())));
  onTestFailed(async () => {
    mkdirSync(DEMO_EVIDENCE, { recursive: true });
    const path = `${DEMO_EVIDENCE}/${name}.png`;
    await page.screenshot({ path, fullPage: true });
    console.error(`${name} was at ${page.url()}, see ${path}${wrong.map((line) => `\n  ${line}`).join("")}`);
  });
  return { page, context };
}

export async function signIn(page: Page, { email, password }: Pick<Account, "email" | "password">): Promise<void> {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}
