import { Button, Stack, Text } from "@mantine/core";
import { IconTerminal2 } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";
import { sentence } from "@/shared/api/errors";
import { keys } from "@/shared/api/queries";
import { Copyable } from "./copy";

/** The Helm command for a cluster, with a key made for it. Made on request, since the key is shown this once. */
export function Install({ clusterId }: { clusterId: string }) {
  const client = useQueryClient();
  const install = useMutation({
    mutationFn: () => dataOf(api.POST("/api/clusters/install", { body: { cluster_id: clusterId, label: "helm" } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.cluster(clusterId) }),
  });
  if (install.data)
    return (
      <Stack gap="xs">
        <Text fw={600}>Run this against the cluster</Text>
        <Copyable text={install.data.command} label="The Helm command" />
        <Text size="sm" c="dimmed">
          The key in it is shown this once. The agent reads the cluster and reports; it changes nothing before a plan is
          approved.
        </Text>
      </Stack>
    );
  return (
    <Stack gap="xs" align="flex-start">
      <Button
        variant="light"
        leftSection={<IconTerminal2 size={16} />}
        loading={install.isPending}
        onClick={() => install.mutate()}
      >
        Show the install command
      </Button>
      {install.isError && (
        <Text size="sm" c="var(--ink-bad)" role="alert">
          {sentence(install.error)}
        </Text>
      )}
      <Text size="sm" c="dimmed">
        Makes a key for the agent and the Helm command that carries it.
      </Text>
    </Stack>
  );
}
