// Packs what is text, so that the gateway sends it without packing it itself: Brotli and gzip beside each file.
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

/** Bytes; less fits into one packet either way. As in serve/gateway/static.py. */
const SMALLEST = 1024;
const TEXT = /\.(css|html|js|svg|webmanifest)$/;

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const brotli = promisify(brotliCompress);
const zip = promisify(gzip);
const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };

for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !TEXT.test(path)) continue;
  const plain = await readFile(path);
  if (plain.length < SMALLEST) continue;
  await writeFile(`${path}.br`, await brotli(plain, { params }));
  await writeFile(`${path}.gz`, await zip(plain, { level: 9 }));
}
// A gateway that runs reads all files anew when the index is younger than those it has.
await utimes(join(dist, "index.html"), new Date(), new Date());
