import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";
import { sentence } from "@/shared/api/errors";
import { keys } from "@/shared/api/queries";
import type { Cluster } from "@/shared/api/types";

/** Has a cluster looked at now; a repeated request of the same click makes one run. */
export function useOptimize(cluster: Pick<Cluster, "id" | "name">) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      dataOf(
        api.POST("/api/clusters/{cluster_id}/optimize", {
          params: { path: { cluster_id: cluster.id }, header: { "Idempotency-Key": crypto.randomUUID() } },
        }),
      ),
    onSuccess: () => notifications.show({ color: "teal", title: cluster.name, message: "A plan is being made." }),
    onError: (error) =>
      notifications.show({ color: "red", title: `${cluster.name} was not optimised`, message: sentence(error) }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.cluster(cluster.id) }),
  });
}
