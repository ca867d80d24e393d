/** Pictures of every page for docs/screenshots, light and dark, small and large: `npm run screenshots`. */

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openPage, openPortal, PAGES, type Portal } from "../portal";

const TARGET = process.env.SCREENSHOTS ?? fileURLToPath(new URL("../../../docs/screenshots", import.meta.url));
const SIZES = { large: { width: 1_440, height: 900 }, small: { width: 360, height: 780 } };

let portal: Portal;
beforeAll(async () => {
  mkdirSync(TARGET, { recursive: true });
  portal = await openPortal();
});
afterAll(() => portal.stop());

describe.each(Object.entries(SIZES))("%s", (size, viewport) => {
  describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
    test.each(Object.entries(PAGES))("%s", async (name, path) => {
      const context = await portal.visit({ colorScheme, viewport });
      const page = await openPage(portal, context, path);
      await page.evaluate(() => document.fonts.ready);
      await page.screenshot({ path: `${TARGET}/${name}-${colorScheme}-${size}.png` });
      await context.close();
    });
  });
});
