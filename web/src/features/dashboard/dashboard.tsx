import { Button } from "@mantine/core";
import { IconArrowRight, IconServer2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import type { Kpi } from "@/shared/api/types";
import { fromMicro, plural, usd } from "@/shared/format";
import { Page, Panel } from "@/shared/ui/page";
import { Empty } from "@/shared/ui/states";
import { Composition } from "./composition";
import classes from "./dashboard.module.css";
import { Feed } from "./feed";
import { Kpis } from "./kpis";
import { Projection } from "./projection";
import { kpiQuery } from "./queries";

export function Component() {
  const kpi = useQuery(kpiQuery);
  const clusters = Object.values(kpi.data?.fleet.clusters ?? {}).reduce((sum, amount) => sum + amount, 0);
  if (kpi.data && clusters === 0)
    return (
      <Page title="Dashboard">
        <Panel>
          <Empty
            title="Nothing to show yet"
            icon={<IconServer2 size={28} />}
            action={
              <Button component={Link} to="/onboarding">
                Connect a cluster
              </Button>
            }
          >
            Once a cluster is connected, its cost, what could be saved and what happens stand here.
          </Empty>
        </Panel>
      </Page>
    );
  return (
    <Page title="Dashboard" about={kpi.data ? `${plural(clusters, "cluster")}, all money in US dollars` : " "}>
      <Waiting kpi={kpi.data} />
      <Kpis query={kpi} />
      <div className={classes.columns}>
        <div className={classes.wide}>
          <Projection />
          <Composition />
        </div>
        <Feed />
      </div>
    </Page>
  );
}

/** Plans that wait for somebody. Always there, so that nothing jumps when the figures come. */
function Waiting({ kpi }: { kpi: Kpi | undefined }) {
  if (!kpi) return <div className={classes.callout} data-state="reading" />;
  if (kpi.open_plans === 0)
    return (
      <div className={classes.callout} data-state="none">
        No plan waits for you.
      </div>
    );
  return (
    <Link to="/clusters?sort=-saving" className={classes.callout}>
      <span>
        <strong>{plural(kpi.open_plans, "plan")}</strong> {kpi.open_plans === 1 ? "waits" : "wait"} for you:{" "}
        {usd(fromMicro(kpi.monthly_plan_savings_micro_usd))} more could be saved each month.
      </span>
      <IconArrowRight size={18} aria-hidden />
    </Link>
  );
}
