import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Tests in a real browser on the built portal: `npm run build` first. */
export default defineConfig({
  resolve: { alias: { "@": folder("./src"), "@tests": folder("./tests") } },
  test: {
    environment: "node",
    include: ["tests/{browser,figures,platform,screenshots}/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
