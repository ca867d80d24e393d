import { Alert, Anchor, Tabs } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useParams } from "react-router";
import { clusterQuery } from "@/shared/api/queries";
import type { PlanBody, PlanDetail } from "@/shared/api/types";
import { asSentence, count, plural } from "@/shared/format";
import { useSearch } from "@/shared/search";
import { Page, Panel } from "@/shared/ui/page";
import { PlanState } from "@/shared/ui/plan-state";
import { Failure, Loading } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import { Actions } from "./actions";
import { Decide } from "./decide";
import { Headline } from "./headline";
import { Maps } from "./maps";
import { type Background, mapOf } from "./model";
import classes from "./plan.module.css";
import { Progress } from "./progress";
import { Proof } from "./proof";
import { planQuery } from "./queries";
import { Refused } from "./refused";

/** Statuses in which steps are, or have been, carried out. */
const CARRIED_OUT = new Set(["accepted", "done", "failed", "dry_run"]);

export function Component() {
  const { clusterId = "", planId = "" } = useParams();
  const plan = useQuery(planQuery(clusterId, planId));
  const cluster = useQuery(clusterQuery(clusterId));
  const name = cluster.data?.cluster.name ?? "the cluster";
  if (plan.data) return <Shown detail={plan.data} name={name} />;
  return (
    <Page title="Plan">
      <Panel>
        {plan.isError ? (
          <Failure what="The plan" error={plan.error} retry={() => void plan.refetch()} />
        ) : (
          <Loading label="The plan" rows={8} height={64} />
        )}
      </Panel>
    </Page>
  );
}

function Shown({ detail, name }: { detail: PlanDetail; name: string }) {
  const { plan } = detail;
  const body = detail.body as unknown as PlanBody & Background;
  const map = useMemo(() => mapOf(body), [body]);
  const carriedOut = CARRIED_OUT.has(plan.status);
  const [tab, setTab] = useSearch("tab", plan.status === "accepted" ? "progress" : "map");
  const left = body.kept.length + body.unschedulable.length + (detail.decision?.refused.length ?? 0);
  const about = (
    <span className={classes.about}>
      <Anchor component={Link} to={`/clusters/${plan.cluster_id}?tab=plans`}>
        {name}
      </Anchor>
      <PlanState status={plan.status} />
      <span>
        made <When at={plan.created_at} />
        {detail.stale_at && (
          <>
            ; goes stale <When at={detail.stale_at} />
          </>
        )}
      </span>
    </span>
  );
  return (
    <Page title={`Plan ${plan.generation}`} about={about} actions={<Decide plan={plan} body={body} name={name} />}>
      {plan.status_reason !== "" && !detail.stale_at && (
        <Alert color={plan.status === "failed" ? "red" : "gray"} variant="light">
          {asSentence(plan.status_reason)}
        </Alert>
      )}
      {body.unschedulable.length > 0 && (
        <Alert
          color="orange"
          variant="light"
          icon={<IconAlertTriangle />}
          title={`${plural(body.unschedulable.length, "pod")} without a place`}
        >
          No node that the policy allows fits them. The reasons are under “Left alone”.
        </Alert>
      )}
      <Headline body={body} />
      <Panel padding="none">
        <Tabs value={tab} onChange={(value) => setTab(value ?? "")} keepMounted={false}>
          <Tabs.List className={classes.tabs}>
            <Tabs.Tab value="map">Map</Tabs.Tab>
            <Tabs.Tab value="actions">Steps</Tabs.Tab>
            <Tabs.Tab value="left">Left alone{left > 0 && ` (${count(left)})`}</Tabs.Tab>
            <Tabs.Tab value="proof">Proof and risk</Tabs.Tab>
            {carriedOut && <Tabs.Tab value="progress">Progress</Tabs.Tab>}
          </Tabs.List>
          <div className={classes.body}>
            <Tabs.Panel value="map">
              <Maps map={map} />
            </Tabs.Panel>
            <Tabs.Panel value="actions">
              <Actions body={body} />
            </Tabs.Panel>
            <Tabs.Panel value="left">
              <Refused body={body} decision={detail.decision} />
            </Tabs.Panel>
            <Tabs.Panel value="proof">
              <Proof body={body} />
            </Tabs.Panel>
            <Tabs.Panel value="progress">
              <Progress detail={detail} />
            </Tabs.Panel>
          </div>
        </Tabs>
      </Panel>
    </Page>
  );
}
