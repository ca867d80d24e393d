import { VisuallyHidden } from "@mantine/core";
import { Link, useLocation } from "react-router";
import type { ClusterRow } from "@/shared/api/types";
import { count, fromMicro, monthly, percent, usd } from "@/shared/format";
import { PlanState } from "@/shared/ui/plan-state";
import type { Column } from "@/shared/ui/table";
import { When } from "@/shared/ui/when";
import classes from "./clusters.module.css";
import { Heart } from "./heart";

const MODES: Record<string, string> = { recommend: "Recommends", approve: "Asks first", automatic: "Automatic" };
const NOTHING = "–";

function Name({ cluster }: { cluster: ClusterRow }) {
  const { search } = useLocation();
  return (
    <span className={classes.name}>
      <Link to={{ pathname: `/clusters/${cluster.id}`, search }}>{cluster.name}</Link>
      <span className={classes.under}>{cluster.region}</span>
    </span>
  );
}

function SpotShare({ share }: { share: number }) {
  return (
    <span className={classes.share}>
      <span className={classes.meter} aria-hidden>
        <span style={{ width: `${100 * share}%` }} />
      </span>
      {percent(share)}
    </span>
  );
}

function Saving({ cluster: { fleet } }: { cluster: ClusterRow }) {
  if (!fleet) return NOTHING;
  const saving = monthly(fromMicro(fleet.saving_micro_usd_per_h));
  return <span className={saving > 0 ? classes.saved : undefined}>{usd(saving)}</span>;
}

/** Columns leave from the right as room gets less; what is asked for most stays. */
export const columns: Column<ClusterRow>[] = [
  { key: "name", title: "Cluster", width: "minmax(0, 1.6fr)", sorts: "yes", cell: (row) => <Name cluster={row} /> },
  { key: "status", title: "Agent", width: "112px", sorts: "yes", cell: (row) => <Heart cluster={row} /> },
  {
    key: "nodes",
    title: "Nodes",
    width: "60px",
    align: "end",
    from: 420,
    sorts: "yes",
    cell: (row) => (row.node_count > 0 ? count(row.node_count) : NOTHING),
  },
  {
    key: "pods",
    title: "Pods",
    width: "64px",
    align: "end",
    from: 1_000,
    sorts: "yes",
    cell: ({ fleet }) => (fleet ? count(fleet.pods) : NOTHING),
  },
  {
    key: "spot_share",
    title: "Spot",
    width: "112px",
    from: 860,
    sorts: "yes",
    cell: ({ fleet }) => (fleet ? <SpotShare share={fleet.spot_share} /> : NOTHING),
  },
  {
    key: "cost",
    title: "A month",
    width: "84px",
    align: "end",
    from: 560,
    sorts: "yes",
    cell: ({ fleet }) => (fleet ? usd(monthly(fromMicro(fleet.cost_micro_usd_per_h))) : NOTHING),
  },
  {
    key: "saving",
    title: "Saved",
    width: "84px",
    align: "end",
    from: 640,
    sorts: "yes",
    cell: (row) => <Saving cluster={row} />,
  },
  { key: "mode", title: "Mode", width: "96px", from: 1_120, cell: (row) => MODES[row.mode] ?? row.mode },
  {
    key: "plan",
    title: "Last plan",
    width: "150px",
    from: 760,
    cell: ({ id, plan }) =>
      plan ? (
        <Link to={`/clusters/${id}/plans/${plan.id}`}>
          <VisuallyHidden>Plan {plan.generation}: </VisuallyHidden>
          <PlanState status={plan.status} />
        </Link>
      ) : (
        NOTHING
      ),
  },
  {
    key: "heartbeat",
    title: "Heard from",
    width: "110px",
    from: 1_240,
    align: "end",
    sorts: "yes",
    cell: (row) => <When at={row.last_heartbeat_at} />,
  },
];
