/** What more than one feature reads, and how the cache is keyed: the first part of a key is the resource. */

import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";
import { api, dataOf } from "./client";
import { ApiError, isPassing } from "./errors";
import type { paths } from "./schema";

/** Rows of a page of a list; the most the API gives. */
const PAGE = 200;
/** Attempts after the first when the service is away for a moment. */
const RETRIES = 2;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => isPassing(error) && failures < RETRIES,
        retryDelay: (failures, error) =>
          error instanceof ApiError && error.retryAfterS !== null ? error.retryAfterS * 1_000 : 500 * 2 ** failures,
      },
      mutations: { retry: false },
    },
  });
}

export const keys = {
  me: ["me"] as const,
  clusters: ["clusters"] as const,
  cluster: (id: string) => ["cluster", id] as const,
  plans: (id: string) => ["cluster", id, "plans"] as const,
  plan: (id: string, planId: string) => ["cluster", id, "plans", planId] as const,
  jobs: (id: string) => ["cluster", id, "jobs"] as const,
  policy: (id: string) => ["cluster", id, "policy"] as const,
  accounts: ["accounts"] as const,
  metrics: ["metrics"] as const,
  activity: ["activity"] as const,
};

export const meQuery = queryOptions({
  queryKey: keys.me,
  queryFn: ({ signal }) => dataOf(api.GET("/api/auth/me", { signal })),
  staleTime: 60_000,
});

type ClusterQuery = NonNullable<paths["/api/clusters"]["get"]["parameters"]["query"]>;
export type ClusterFilter = Pick<ClusterQuery, "q" | "status" | "sort" | "order">;

/** The clusters of the organisation that match, page after page. */
export const clustersQuery = (filter: ClusterFilter = {}) =>
  infiniteQueryOptions({
    queryKey: [...keys.clusters, filter],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET("/api/clusters", {
          params: { query: { limit: PAGE, ...filter, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  });

export const clusterQuery = (id: string) =>
  queryOptions({
    queryKey: keys.cluster(id),
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/clusters/{cluster_id}", { params: { path: { cluster_id: id } }, signal })),
  });

export const policyQuery = (id: string) =>
  queryOptions({
    queryKey: keys.policy(id),
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/policies/{cluster_id}", { params: { path: { cluster_id: id } }, signal })),
  });

export const jobsQuery = (id: string) =>
  queryOptions({
    queryKey: keys.jobs(id),
    queryFn: ({ signal }) =>
      dataOf(
        api.GET("/api/clusters/{cluster_id}/jobs", {
          params: { path: { cluster_id: id }, query: { limit: 50 } },
          signal,
        }),
      ),
  });

export const plansQuery = (id: string) =>
  queryOptions({
    queryKey: keys.plans(id),
    queryFn: ({ signal }) =>
      dataOf(
        api.GET("/api/clusters/{cluster_id}/plans", {
          params: { path: { cluster_id: id }, query: { limit: 50 } },
          signal,
        }),
      ),
  });

/** What discovery has found, and how it stands with each AWS account. */
export const discoverQuery = queryOptions({
  queryKey: [...keys.accounts, "discover"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/clusters/discover", { signal })),
});
