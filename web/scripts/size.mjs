// Fails when the first page costs more than the bar allows: JavaScript that a cold cache loads, compressed with gzip.
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

/** Bytes; the bar of the first page, on a cold cache. */
const MOST_BYTES = 250 * 1024;
/** Pages that people arrive at first, by the module of their route. */
const FIRST_PAGES = [
  "src/features/auth/sign-in.tsx",
  "src/features/dashboard/dashboard.tsx",
  "src/features/clusters/clusters.tsx",
];

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(await readFile(new URL(".vite/manifest.json", dist), "utf8"));

/** The files that an entry pulls in by itself, without what is lazy. */
function staticFiles(key, found = new Set()) {
  const chunk = manifest[key];
  if (!chunk || found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const next of chunk.imports ?? []) staticFiles(next, found);
  return found;
}

const sizeOf = async (file) => gzipSync(await readFile(new URL(file, dist)), { level: 9 }).length;
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
let failed = false;
for (const page of FIRST_PAGES) {
  if (!manifest[page]) throw new Error(`${page} is no chunk of the build`);
  const files = [...staticFiles(page, staticFiles("index.html"))].filter((file) => file.endsWith(".js"));
  const bytes = (await Promise.all(files.map(sizeOf))).reduce((sum, size) => sum + size, 0);
  failed ||= bytes > MOST_BYTES;
  console.log(`${page.padEnd(40)} ${kib(bytes).padStart(10)} of ${kib(MOST_BYTES)} in ${files.length} files`);
}
if (failed) {
  console.error("A first page loads more JavaScript than it may: make a part of it lazy.");
  process.exit(1);
}
