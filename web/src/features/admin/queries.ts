import { queryOptions } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";

/** Milliseconds between readings of what changes by itself. */
const OFTEN_MS = 5_000;

export const ADMIN = ["admin"];

export const healthQuery = queryOptions({
  queryKey: [...ADMIN, "health"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/admin/health", { signal })),
  refetchInterval: OFTEN_MS,
});

export const workersQuery = queryOptions({
  queryKey: [...ADMIN, "workers"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/admin/health/workers", { signal })),
  refetchInterval: OFTEN_MS,
});

export const riskQuery = queryOptions({
  queryKey: [...ADMIN, "risk"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/admin/risk", { signal })),
  refetchInterval: OFTEN_MS,
});

export const safeModeQuery = queryOptions({
  queryKey: [...ADMIN, "safe-mode"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/admin/safe-mode", { signal })),
});

export const modelsQuery = queryOptions({
  queryKey: [...ADMIN, "models"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/admin/models", { signal })),
});
