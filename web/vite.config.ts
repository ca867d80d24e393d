import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { fakeApi } from "./tests/fake/plugin.ts";

/** Where a running platform is, for `npm run dev`. */
const PLATFORM = process.env.SPOTOPT_URL ?? "http://127.0.0.1:8000";

/** As the platform sends it (serve/gateway/static.py): nothing inline, nothing from elsewhere. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [react(), ...(process.env.FAKE_API ? [fakeApi()] : [])],
  resolve: { alias: { "@": folder("./src"), "@tests": folder("./tests") } },
  server: { proxy: process.env.FAKE_API ? {} : { "/api": { target: PLATFORM, ws: true } } },
  preview: {
    headers: { "Content-Security-Policy": CONTENT_SECURITY_POLICY },
    proxy: process.env.FAKE_API ? {} : { "/api": { target: PLATFORM, ws: true } },
  },
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}", "tests/unit/**/*.test.{ts,tsx}"],
    setupFiles: ["tests/setup.ts"],
    css: { modules: { classNameStrategy: "non-scoped" } },
    restoreMocks: true,
    testTimeout: 20_000,
  },
});
