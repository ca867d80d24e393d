import { Alert, Button, Modal, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconArrowRight, IconCheck, IconTrash } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";
import { sentence } from "@/shared/api/errors";
import { keys } from "@/shared/api/queries";
import type { PlanBody, PlanSummary } from "@/shared/api/types";
import { count, monthly, percent, plural, usd } from "@/shared/format";
import classes from "./plan.module.css";

interface DecideProps {
  plan: PlanSummary;
  body: PlanBody;
  name: string;
}

/** Approve, after having read what will be different; or discard. */
export function Decide({ plan, body, name }: DecideProps) {
  const [approving, approval] = useDisclosure(false);
  const [discarding, refusal] = useDisclosure(false);
  if (plan.status !== "awaiting_approval" && plan.status !== "recommended") return null;
  return (
    <>
      <Button variant="default" leftSection={<IconTrash size={16} />} onClick={refusal.open}>
        Discard
      </Button>
      {plan.status === "awaiting_approval" && (
        <Button leftSection={<IconCheck size={16} />} onClick={approval.open}>
          Approve
        </Button>
      )}
      <Modal
        opened={approving}
        onClose={approval.close}
        size="lg"
        title={`Carry out plan ${plan.generation}?`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Approve plan={plan} body={body} name={name} close={approval.close} />
      </Modal>
      <Modal
        opened={discarding}
        onClose={refusal.close}
        title={`Discard plan ${plan.generation}?`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Discard plan={plan} body={body} name={name} close={refusal.close} />
      </Modal>
    </>
  );
}

function Discard({ plan, body, name, close }: DecideProps & { close: () => void }) {
  const client = useQueryClient();
  const discard = useMutation({
    mutationFn: () =>
      dataOf(
        api.POST("/api/clusters/{cluster_id}/plans/{plan_id}/discard", {
          params: { path: { cluster_id: plan.cluster_id, plan_id: plan.id } },
        }),
      ),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: keys.cluster(plan.cluster_id) }),
  });
  return (
    <Stack>
      <Text>
        {name} stays as it is, and {usd(monthly(body.saving_usd_per_h))} a month are not saved. The next run may propose
        the same again. The plan itself remains to be read.
      </Text>
      {discard.isError && (
        <Alert color="red" variant="light" role="alert" title="It was not discarded">
          {sentence(discard.error)}
        </Alert>
      )}
      <Button color="red" loading={discard.isPending} onClick={() => discard.mutate()}>
        Discard the plan
      </Button>
    </Stack>
  );
}

function Approve({ plan, body, name, close }: DecideProps & { close: () => void }) {
  const client = useQueryClient();
  const approve = useMutation({
    mutationFn: () =>
      dataOf(
        api.POST("/api/clusters/{cluster_id}/plans/{plan_id}/approve", {
          params: { path: { cluster_id: plan.cluster_id, plan_id: plan.id } },
        }),
      ),
    onSuccess: () => {
      notifications.show({ color: "teal", title: `Plan ${plan.generation}`, message: "It is being carried out." });
      close();
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.cluster(plan.cluster_id) }),
  });
  const amount = (kind: string) => body.actions.filter((action) => action.kind === kind).length;
  return (
    <Stack>
      <Text>
        In {name}, {plural(amount("launch"), "node")} will be launched, {plural(amount("evict"), "pod")} moved and{" "}
        {plural(amount("terminate"), "node")} terminated. Disruption budgets are kept at each step; if one fails, what
        can be undone is.
      </Text>
      <Diff body={body} />
      {approve.isError && (
        <Alert color="red" variant="light" role="alert" title="It was not approved">
          {sentence(approve.error)}
        </Alert>
      )}
      <Button loading={approve.isPending} onClick={() => approve.mutate()}>
        Carry it out
      </Button>
    </Stack>
  );
}

function Diff({ body }: { body: PlanBody }) {
  const { risk } = body;
  const rows = [
    ["Cost a month", usd(monthly(body.cost_usd_per_h)), usd(monthly(body.planned_cost_usd_per_h))],
    ["Nodes", count(body.cluster?.nodes ?? 0), count(body.nodes.length)],
    ["Spot share", percent(risk.before.spot_share), percent(risk.after.spot_share)],
    ["Largest pool", risk.before.largest_pool || "none", risk.after.largest_pool || "none"],
  ];
  return (
    <div className={classes.diff}>
      {rows.map(([what, before, after]) => (
        <div key={what} className={classes.diffRow}>
          <span>{what}</span>
          <span>{before}</span>
          <IconArrowRight size={14} aria-label="becomes" />
          <strong>{after}</strong>
        </div>
      ))}
    </div>
  );
}
