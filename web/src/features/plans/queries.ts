import { queryOptions } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";
import { keys } from "@/shared/api/queries";

export const planQuery = (clusterId: string, planId: string) =>
  queryOptions({
    queryKey: keys.plan(clusterId, planId),
    queryFn: ({ signal }) =>
      dataOf(
        api.GET("/api/clusters/{cluster_id}/plans/{plan_id}", {
          params: { path: { cluster_id: clusterId, plan_id: planId } },
          signal,
        }),
      ),
  });
