import { Alert, Button, Group, List, Modal, SegmentedControl, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, dataOf } from "@/shared/api/client";
import { ApiError, sentence } from "@/shared/api/errors";
import { keys, meQuery, policyQuery } from "@/shared/api/queries";
import type { Cluster, Mode, Policy } from "@/shared/api/types";
import { Failure, Loading } from "@/shared/ui/states";

const MODES = [
  ["recommend", "Recommend", "Plans are made and shown. Nothing is carried out, and what is under way is stopped."],
  ["approve", "Approve", "A plan is carried out once somebody approves it, within a quarter of an hour."],
  ["automatic", "Automatic", "Plans are carried out as they are made, without asking anybody."],
] as const;

/** What becomes of the cluster's plans, and the control that changes it. */
export function ModeOfPlans({ cluster }: { cluster: Cluster }) {
  const query = useQuery(policyQuery(cluster.id));
  return (
    <section aria-labelledby="mode">
      <Text id="mode" fw={600} mb={6}>
        What becomes of plans
      </Text>
      {query.isPending && <Loading label="The mode" rows={1} />}
      {query.isError && !query.data && (
        <Failure what="The mode" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.data && <Choice cluster={cluster} policy={query.data} />}
    </section>
  );
}

function Choice({ cluster, policy }: { cluster: Cluster; policy: Policy }) {
  const me = useQuery(meQuery);
  const [asking, setAsking] = useState(false);
  const change = useChange(cluster, policy);
  const mode = String(policy.sections.strategy?.mode);
  const viewer = me.data?.user.organization_role === "viewer";
  const choose = (chosen: string) => {
    change.reset();
    if (chosen === "automatic") setAsking(true);
    else change.mutate(chosen as Mode);
  };
  return (
    <Stack gap={6}>
      <SegmentedControl
        aria-label="What becomes of plans"
        fullWidth
        data={MODES.map(([value, label]) => ({ value, label }))}
        value={change.isPending ? change.variables : mode}
        disabled={viewer || change.isPending}
        onChange={choose}
      />
      <Text size="sm" c="dimmed" aria-live="polite">
        {MODES.find(([value]) => value === mode)?.[2] ?? `The mode ${mode} is not known here.`}
        {mode !== "recommend" &&
          cluster.account_id === null &&
          " No AWS account is linked: they are only shown so far."}
        {viewer && " Your role may look, and change nothing."}
      </Text>
      {change.isError && !asking && (
        <Alert color="red" variant="light" role="alert" title="The mode was not changed">
          {told(change.error)}
        </Alert>
      )}
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={`Let plans of ${cluster.name} be carried out by themselves?`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Stack>
          <List spacing="xs">
            <List.Item>
              From the next plan on nodes are launched, emptied and terminated without anybody's approval.
            </List.Item>
            <List.Item>A plan that awaits approval now is dropped; the next one takes its place.</List.Item>
            <List.Item>
              Disruption budgets are kept. To save money, a tenth of the nodes an hour is disrupted at most.
            </List.Item>
            <List.Item>
              With Recommend you stop it at any time: what is under way goes back, or ends at its next step.
            </List.Item>
          </List>
          {change.isError && (
            <Alert color="red" variant="light" role="alert" title="The mode was not changed">
              {told(change.error)}
            </Alert>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsking(false)}>
              Leave it
            </Button>
            <Button
              loading={change.isPending}
              onClick={() => change.mutate("automatic", { onSuccess: () => setAsking(false) })}
            >
              Carry plans out
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Stack>
  );
}

/** Sets the mode, unless somebody has changed the policy since it was read. */
function useChange(cluster: Cluster, policy: Policy) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (mode: Mode) =>
      dataOf(
        api.PATCH("/api/policies/strategy", {
          params: { header: { "If-Match": `"${policy.version}"` } },
          body: { cluster_id: cluster.id, mode },
        }),
      ),
    onSuccess: (changed) => client.setQueryData(keys.policy(cluster.id), changed),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.cluster(cluster.id) }),
        client.invalidateQueries({ queryKey: keys.clusters }),
      ]),
  });
}

function told(error: unknown): string {
  if (error instanceof ApiError && error.status === 403) return "Your role may look, and change nothing.";
  if (error instanceof ApiError && error.status === 412)
    return "Somebody has changed the policy meanwhile. It was read anew: choose again.";
  return sentence(error);
}
