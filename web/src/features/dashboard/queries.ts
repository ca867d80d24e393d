import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";
import { keys } from "@/shared/api/queries";

/** Entries of the feed read at once. */
const FEED_PAGE = 30;

export const kpiQuery = queryOptions({
  queryKey: [...keys.metrics, "kpi"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/metrics/kpi", { signal })),
});

export const projectionQuery = (back: number, ahead: number) =>
  queryOptions({
    queryKey: [...keys.metrics, "projection", back, ahead],
    queryFn: ({ signal }) => dataOf(api.GET("/api/metrics/projection", { params: { query: { back, ahead } }, signal })),
  });

export const compositionQuery = queryOptions({
  queryKey: [...keys.metrics, "composition"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/metrics/composition", { signal })),
});

export const activityQuery = infiniteQueryOptions({
  queryKey: keys.activity,
  queryFn: ({ pageParam, signal }) =>
    dataOf(
      api.GET("/api/activity/live", {
        params: { query: { limit: FEED_PAGE, ...(pageParam ? { cursor: pageParam } : {}) } },
        signal,
      }),
    ),
  initialPageParam: "",
  getNextPageParam: (last) => last.next ?? undefined,
});
