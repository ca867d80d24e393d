import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";
import type { paths } from "@/shared/api/schema";

/** Entries read at once. */
const PAGE = 100;

type Query = NonNullable<paths["/api/audit"]["get"]["parameters"]["query"]>;
export type Filter = Omit<Query, "limit" | "cursor">;

export const auditQuery = (filter: Filter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET("/api/audit", {
          params: { query: { limit: PAGE, ...filter, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  });

export const diffQuery = (id: string) =>
  queryOptions({
    queryKey: ["audit", "diff", id],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/audit/{entry_id}/diff", { params: { path: { entry_id: id } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
