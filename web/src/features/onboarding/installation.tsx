import { Alert, Button, Select, Stack, Text, TextInput, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, dataOf } from "@/shared/api/client";
import { ApiError, sentence } from "@/shared/api/errors";
import { clusterQuery, keys } from "@/shared/api/queries";
import type { Mode } from "@/shared/api/types";
import { REGIONS } from "@/shared/regions";
import { Install } from "@/shared/ui/install";
import { Light } from "@/shared/ui/light";

/** Milliseconds between looks whether the agent has reported. */
const LOOK_MS = 3_000;

interface InstallationProps {
  clusterId: string | null;
  mode: Mode;
  chosen: (clusterId: string) => void;
}

/** The Helm command, and the light that turns green when the agent reports. */
export function Installation({ clusterId, mode, chosen }: InstallationProps) {
  return (
    <>
      <Title order={1} size="h2">
        Install the agent
      </Title>
      <Text c="dimmed" mt={6} mb="lg">
        One Helm release in the cluster. It reads nodes, pods and budgets, and does only what is signed and approved.
      </Text>
      {clusterId ? <Waiting clusterId={clusterId} /> : <ByName mode={mode} chosen={chosen} />}
    </>
  );
}

function ByName({ mode, chosen }: Pick<InstallationProps, "mode" | "chosen">) {
  const client = useQueryClient();
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { name: "", region: "us-east-1" },
    validate: { name: (name) => (/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(name) ? null : "Letters, digits, - and _") },
  });
  const connect = useMutation({
    mutationFn: (body: typeof form.values) => dataOf(api.POST("/api/clusters/connect", { body: { ...body, mode } })),
    onSuccess: async ({ id }) => {
      await client.invalidateQueries({ queryKey: keys.clusters });
      chosen(id);
    },
    onError: (error) => form.setErrors(error instanceof ApiError ? error.fields : {}),
  });
  return (
    <form onSubmit={form.onSubmit((values) => connect.mutate(values))} noValidate>
      <Stack align="flex-start">
        {connect.isError && Object.keys(form.errors).length === 0 && (
          <Alert color="red" variant="light" role="alert">
            {sentence(connect.error)}
          </Alert>
        )}
        <TextInput label="Name of the cluster" w={320} key={form.key("name")} {...form.getInputProps("name")} />
        <Select
          label="Region"
          w={320}
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
  );
}

function Waiting({ clusterId }: { clusterId: string }) {
  const query = useQuery({
    ...clusterQuery(clusterId),
    refetchInterval: ({ state }) => (state.data?.cluster.status === "active" ? false : LOOK_MS),
  });
  const active = query.data?.cluster.status === "active";
  return (
    <Stack gap="lg">
      <Install clusterId={clusterId} />
      <div aria-live="polite">
        <Light tone={active ? "good" : "idle"} pulse={active ? "yes" : "no"}>
          {active ? `${query.data?.cluster.name} is connected` : "Waiting for the agent to report"}
        </Light>
      </div>
      <Button
        component={Link}
        to={active ? `/clusters/${clusterId}` : "/dashboard"}
        variant={active ? "filled" : "default"}
        style={{ alignSelf: "flex-start" }}
      >
        {active ? "To the cluster" : "Do this later"}
      </Button>
    </Stack>
  );
}
