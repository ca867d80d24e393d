import { Skeleton } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Kpi } from "@/shared/api/types";
import { count, fromMicro, percent, plural, usd } from "@/shared/format";
import { Light, type Tone } from "@/shared/ui/light";
import { Panel } from "@/shared/ui/page";
import { Failure } from "@/shared/ui/states";
import classes from "./dashboard.module.css";

const HEALTH: Record<Kpi["fleet"]["light"], readonly [Tone, string, string]> = {
  green: ["good", "Healthy", "Every agent reports, every node is ready"],
  amber: ["warn", "Look here", ""],
  red: ["bad", "In trouble", ""],
};

/** The four figures people come for. */
export function Kpis({ query }: { query: UseQueryResult<Kpi> }) {
  const kpi = query.data;
  if (query.isError && !kpi)
    return <Failure what="The figures" error={query.error} retry={() => void query.refetch()} />;
  const dollars = (micro: number | undefined) => (micro === undefined ? null : usd(fromMicro(micro)));
  const saves = (kpi?.monthly_net_savings_micro_usd ?? 0) >= 0;
  return (
    <div className={classes.kpis}>
      <Card
        title="Monthly spend"
        feature="client-home-kpi-reuse-indep-view-spend"
        value={dollars(kpi?.monthly_spend_micro_usd)}
      >
        {kpi && `${usd(fromMicro(kpi.monthly_baseline_micro_usd))} without Spot Optimizer`}
      </Card>
      <Card
        title={saves ? "Net savings" : "Dearer than the baseline"}
        feature="client-home-kpi-reuse-indep-view-savings"
        value={dollars(kpi && Math.abs(kpi.monthly_net_savings_micro_usd))}
        tone={saves && kpi?.monthly_net_savings_micro_usd ? "good" : "plain"}
      >
        {kpi &&
          `${percent(Math.abs(kpi.savings_share))} a month; ${dollars(kpi.net_savings_micro_usd)} so far this month`}
      </Card>
      <Card
        title="Fleet health"
        feature="client-home-kpi-reuse-indep-view-health"
        value={kpi ? <Health kpi={kpi} /> : null}
      >
        {kpi && doubts(kpi)}
      </Card>
      <Card
        title="Active nodes"
        feature="client-home-kpi-reuse-indep-view-nodes"
        value={kpi ? count(kpi.active_nodes) : null}
      >
        {kpi && (
          <>
            <span className={classes.meter} aria-hidden>
              <span style={{ width: `${100 * kpi.spot_share}%` }} />
            </span>
            {percent(kpi.spot_share)} Spot, {plural(kpi.fleet.pods, "pod")}
          </>
        )}
      </Card>
    </div>
  );
}

function Health({ kpi }: { kpi: Kpi }) {
  const [tone, word] = HEALTH[kpi.fleet.light];
  return <Light tone={tone}>{word}</Light>;
}

/** What keeps the light from being green. */
function doubts({ fleet }: Kpi): string {
  const found = [
    [fleet.clusters.silent ?? 0, "silent cluster"],
    [fleet.clusters.pending ?? 0, "cluster without an agent"],
    [fleet.nodes - fleet.ready_nodes, "node not ready"],
    [fleet.pending_pods, "pending pod"],
    [fleet.unpriced_nodes, "node without a price"],
  ] as const;
  const words = found.filter(([amount]) => amount > 0).map(([amount, what]) => named(amount, what));
  return words.length > 0 ? words.join(", ") : HEALTH.green[2];
}

const named = (amount: number, what: string) => {
  const [noun = "", ...rest] = what.split(" ");
  const adjective = noun === "silent" || noun === "pending";
  return adjective ? plural(amount, what) : [plural(amount, noun), ...rest].join(" ");
};

interface CardProps {
  title: string;
  feature: string;
  value: ReactNode;
  tone?: "good" | "plain";
  children: ReactNode;
}

function Card({ title, feature, value, tone = "plain", children }: CardProps) {
  return (
    <Panel feature={feature}>
      <div className={classes.kpiName}>{title}</div>
      <div className={classes.kpiValue} data-tone={tone} data-figure>
        {value ?? <Skeleton height={24} width={110} my={5} />}
      </div>
      <div className={classes.kpiMore} data-figure>
        {value === null ? <Skeleton height={10} width="70%" my={5} /> : children}
      </div>
    </Panel>
  );
}
