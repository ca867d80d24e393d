import { IconMap2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { plansQuery } from "@/shared/api/queries";
import { fromMicro, monthly, percent, usd } from "@/shared/format";
import { PlanState } from "@/shared/ui/plan-state";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./rows.module.css";

/** The plans of a cluster, newest first. */
export function Plans({ clusterId }: { clusterId: string }) {
  const query = useQuery(plansQuery(clusterId));
  if (query.isPending) return <Loading label="The plans" height={64} />;
  if (query.isError && !query.data)
    return <Failure what="The plans" error={query.error} retry={() => void query.refetch()} />;
  if (query.data.items.length === 0)
    return (
      <Empty title="No plan yet" icon={<IconMap2 size={28} />}>
        Optimise the cluster, and its first plan stands here with what it would save.
      </Empty>
    );
  return (
    <ul className={classes.rows}>
      {query.data.items.map((plan) => {
        const saving = fromMicro(plan.cost_micro_usd_per_h - plan.planned_cost_micro_usd_per_h);
        const share = plan.cost_micro_usd_per_h > 0 ? saving / fromMicro(plan.cost_micro_usd_per_h) : 0;
        return (
          <li key={plan.id}>
            <Link to={`/clusters/${clusterId}/plans/${plan.id}`} className={classes.row}>
              <span>
                <strong>Plan {plan.generation}</strong>
                <span className={classes.under}>
                  <When at={plan.created_at} />
                </span>
              </span>
              <PlanState status={plan.status} />
              <span className={classes.figure} data-figure>
                {saving >= 0 ? `saves ${usd(monthly(saving))}` : `costs ${usd(monthly(-saving))} more`}
                <span className={classes.under}>a month, {percent(Math.abs(share))}</span>
              </span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
