import { queryOptions } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";

export const ACCOUNTS = ["accounts"];

/** What discovery has found, and how it stands with each account. */
export const discoverQuery = queryOptions({
  queryKey: [...ACCOUNTS, "discover"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/clusters/discover", { signal })),
});
