/** A Chromium for tests and screenshots: the system's when there is one, else the one packed in @sparticuz/chromium. */

import { accessSync, constants } from "node:fs";
import packed from "@sparticuz/chromium";
import { type Browser, chromium } from "playwright-core";

const SYSTEM = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Launches it; `CHROMIUM` names another one. */
export async function launch(): Promise<Browser> {
  const system = [process.env.CHROMIUM ?? "", ...SYSTEM].find(isExecutable);
  if (system) return chromium.launch({ executablePath: system, args: ["--no-sandbox"] });
  return chromium.launch({
    executablePath: await packed.executablePath(),
    args: ["--no-sandbox", "--font-render-hinting=none"],
  });
}
