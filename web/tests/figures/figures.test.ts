/** The bars of the portal, measured on the built site in a real browser. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPage, openPortal, PLAN, type Portal } from "../portal";

/** Milliseconds and share: bars of the first page. */
const MOST_LCP_MS = 1_500;
const MOST_SHIFT = 0.05;
/** Milliseconds of a frame at 60 a second, with what a clock of whole milliseconds may add. */
const FRAME_MS = 18;

let portal: Portal;
beforeAll(async () => {
  portal = await openPortal({ clusters: 2_000, pods: 5_000 });
});
afterAll(() => portal.stop());

const WATCH = `
  window.painted = 0; window.shifted = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.painted = entry.startTime; }).observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value; }).observe({ type: "layout-shift", buffered: true });
`;

test.each(["/signin", "/dashboard", "/clusters", PLAN])("%s paints in time and nothing jumps", async (path) => {
  const context = await portal.visit({ viewport: { width: 1_440, height: 900 } });
  await context.addInitScript(WATCH);
  const page = await openPage(portal, context, path);
  await page.waitForLoadState("networkidle");
  const { painted, shifted } = await page.evaluate(() => {
    const { painted, shifted } = window as unknown as { painted: number; shifted: number };
    return { painted, shifted };
  });
  console.log(`${path}: largest paint ${Math.round(painted)} ms, layout shift ${shifted.toFixed(4)}`);
  expect(painted).toBeGreaterThan(0);
  expect(painted).toBeLessThanOrEqual(MOST_LCP_MS);
  expect(shifted).toBeLessThanOrEqual(MOST_SHIFT);
  await context.close();
});

/** Milliseconds of each frame while the page is scrolled to its end and back. */
async function framesWhileScrolling(page: Page): Promise<number[]> {
  return page.evaluate(async () => {
    const frames: number[] = [];
    const far = document.documentElement.scrollHeight - window.innerHeight;
    let last = await new Promise<number>(requestAnimationFrame);
    for (let step = 0; step < 180; step += 1) {
      window.scrollTo(0, far * (0.5 - 0.5 * Math.cos((Math.PI * step) / 90)));
      const now = await new Promise<number>(requestAnimationFrame);
      frames.push(now - last);
      last = now;
    }
    return frames;
  });
}

test.each([
  ["two thousand clusters", "/clusters"],
  ["a plan of five thousand pods", PLAN],
])("%s scroll at sixty frames a second", async (what, path) => {
  const context = await portal.visit({ viewport: { width: 1_440, height: 900 } });
  const page = await openPage(portal, context, path);
  const frames = (await framesWhileScrolling(page)).sort((a, b) => a - b);
  const at = (share: number) => frames[Math.floor(share * (frames.length - 1))] ?? 0;
  console.log(
    `${what}: frames of ${at(0.5).toFixed(1)} ms at the median, ${at(0.95).toFixed(1)} ms at the 95th percentile`,
  );
  expect(at(0.5)).toBeLessThanOrEqual(FRAME_MS);
  await context.close();
});
