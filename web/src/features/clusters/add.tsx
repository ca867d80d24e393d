import { Alert, Button, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, dataOf } from "@/shared/api/client";
import { ApiError, sentence } from "@/shared/api/errors";
import { discoverQuery, keys } from "@/shared/api/queries";
import type { FoundCluster } from "@/shared/api/types";
import { REGIONS } from "@/shared/regions";
import { Install } from "@/shared/ui/install";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;

/** Connects a cluster that discovery has found, or one by its name, then shows how to install the agent. */
export function Add({ close }: { close: () => void }) {
  const client = useQueryClient();
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { name: "", region: "us-east-1" },
    validate: { name: (name) => (NAME.test(name) ? null : "As EKS allows them: letters, digits, - and _") },
  });
  const found = useFound();
  const [chosen, setChosen] = useState<FoundCluster | null>(null);
  const connect = useMutation({
    mutationFn: (values: typeof form.values) => {
      const same = chosen?.name === values.name && chosen.region === values.region;
      return dataOf(
        api.POST("/api/clusters/connect", { body: { ...values, ...(same && { account_id: chosen.account_id }) } }),
      );
    },
    onSuccess: () => client.invalidateQueries({ queryKey: keys.clusters }),
    onError: (error) => form.setErrors(error instanceof ApiError ? error.fields : {}),
  });
  return (
    <Modal
      opened
      onClose={close}
      size="lg"
      title={connect.data ? `Install the agent in ${connect.data.name}` : "Add a cluster"}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {connect.data ? (
        <Stack>
          <Install clusterId={connect.data.id} />
          <Text size="sm" c="dimmed">
            As soon as the agent reports, the cluster's light turns green. You may close this window.
          </Text>
        </Stack>
      ) : (
        <form onSubmit={form.onSubmit((values) => connect.mutate(values))} noValidate>
          <Stack>
            {connect.isError && Object.keys(form.errors).length === 0 && (
              <Alert color="red" role="alert">
                {sentence(connect.error)}
              </Alert>
            )}
            {found.length > 0 && (
              <Select
                label="Found in your AWS accounts"
                placeholder="Choose one, or enter a name below"
                searchable
                data={found.map(labelOf)}
                value={chosen && labelOf(chosen)}
                onChange={(label) => {
                  const cluster = found.find((one) => labelOf(one) === label) ?? null;
                  setChosen(cluster);
                  if (cluster) form.setValues({ name: cluster.name, region: cluster.region });
                }}
              />
            )}
            <TextInput
              label="Name of the cluster"
              description="As EKS calls it"
              data-autofocus
              key={form.key("name")}
              {...form.getInputProps("name")}
            />
            <Select
              label="Region"
              data={REGIONS}
              searchable
              key={form.key("region")}
              {...form.getInputProps("region")}
            />
            <Button type="submit" loading={connect.isPending}>
              Connect
            </Button>
          </Stack>
        </form>
      )}
    </Modal>
  );
}

const labelOf = (cluster: FoundCluster): string =>
  `${cluster.name} · ${cluster.region} · account ${cluster.aws_account_id}`;

/** Clusters that discovery has found and nobody has connected yet. */
function useFound(): FoundCluster[] {
  const query = useQuery(discoverQuery);
  return query.data?.clusters.filter((cluster) => cluster.cluster_id === null) ?? [];
}
