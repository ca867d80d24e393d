/** Serves the fake API: `FAKE_API=1 npm run dev`. FAKE_CLUSTERS and FAKE_PODS say how much there is. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { answer } from "./api.ts";
import { makeWorld } from "./world.ts";

export function fakeApi(): Plugin {
  const { FAKE_CLUSTERS: clusters = "8", FAKE_PODS: pods = "420" } = process.env;
  const world = makeWorld({ clusters: Number(clusters), pods: Number(pods) });
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse, next: () => void) => {
    if (!incoming.url?.startsWith("/api/")) return next();
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const method = incoming.method ?? "GET";
    const request = new Request(new URL(incoming.url, "http://localhost"), {
      method,
      headers: Object.entries(incoming.headers).flatMap(([name, value]): [string, string][] =>
        typeof value === "string" ? [[name, value]] : [],
      ),
      ...(method === "GET" ? {} : { body: Buffer.concat(chunks) }),
    });
    const response = await answer(world, request);
    outgoing.statusCode = response.status;
    for (const [name, value] of response.headers) if (name !== "set-cookie") outgoing.setHeader(name, value);
    outgoing.setHeader("set-cookie", response.headers.getSetCookie());
    outgoing.end(await response.text());
  };
  return {
    name: "fake-api",
    configureServer: (server) => void server.middlewares.use((req, res, next) => void serve(req, res, next)),
    configurePreviewServer: (server) => void server.middlewares.use((req, res, next) => void serve(req, res, next)),
  };
}
