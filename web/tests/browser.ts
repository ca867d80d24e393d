/** A Chromium for tests and screenshots: the system's when there is one, else the one packed in @sparticuz/chromium. */

import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type LaunchOptions } from "playwright-core";

const SYSTEM = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
/** Where the packed one is unpacked, once. */
const UNPACKED = fileURLToPath(new URL("../node_modules/.chromium", import.meta.url));

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Launches it; `CHROMIUM` names another one, `CHROMIUM=packed` wants the packed one. */
export async function launch(): Promise<Browser> {
  const wanted = process.env.CHROMIUM ?? "";
  const system = wanted === "packed" ? undefined : [wanted, ...SYSTEM].find(isExecutable);
  if (system) return chromium.launch({ executablePath: system, args: ["--no-sandbox"] });
  return chromium.launch(await packed());
}

/** The packed one with the libraries and, where the system has none, the font that it brings along. */
async function packed(): Promise<LaunchOptions> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error("Found no Chromium or Chrome: install one, or say in CHROMIUM where it is");
  if (!existsSync(UNPACKED)) await unpack();
  const fonts = existsSync("/etc/fonts/fonts.conf") ? {} : { FONTCONFIG_FILE: join(UNPACKED, "fonts.conf") };
  return {
    executablePath: join(UNPACKED, "chromium"),
    args: ["--no-sandbox", "--font-render-hinting=none"],
    env: { ...process.env, LD_LIBRARY_PATH: join(UNPACKED, "al2023", "lib"), ...fonts },
  };
}

/** Unpacks it beside its place and then moves it there, so that a half of it is never taken for the whole. */
async function unpack(): Promise<void> {
  mkdirSync(join(UNPACKED, ".."), { recursive: true });
  const folder = mkdtempSync(`${UNPACKED}-`);
  const before = { ...process.env };
  // It unpacks into the temporary folder, and the libraries only where it takes the machine for one that has none.
  Object.assign(process.env, { TMPDIR: folder, AWS_LAMBDA_JS_RUNTIME: "nodejs20.x" });
  try {
    const { default: archive } = await import("@sparticuz/chromium");
    await archive.executablePath();
  } finally {
    for (const name of ["TMPDIR", "AWS_LAMBDA_JS_RUNTIME", "LD_LIBRARY_PATH", "FONTCONFIG_PATH"])
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
  }
  const own = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${UNPACKED}/fonts</dir><cachedir>${UNPACKED}/fonts-cache</cachedir></fontconfig>`;
  writeFileSync(join(folder, "fonts.conf"), own);
  try {
    renameSync(folder, UNPACKED);
  } catch (err) {
    if (!existsSync(UNPACKED)) throw err;
    rmSync(folder, { recursive: true });
  }
}
