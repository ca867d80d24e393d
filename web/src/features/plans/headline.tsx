import type { ReactNode } from "react";
import type { PlanBody } from "@/shared/api/types";
import { monthly, number, percent, plural, usd } from "@/shared/format";
import { Panel } from "@/shared/ui/page";
import classes from "./plan.module.css";

/** The plan in four figures: what it saves, what that costs in change, how near it is to the best, what it risks. */
export function Headline({ body }: { body: PlanBody }) {
  const { cost_usd_per_h: now, planned_cost_usd_per_h: planned, lower_bound_usd_per_h: bound, risk } = body;
  const saving = now - planned;
  const longest = Math.max(now, planned, 1e-9);
  const share = (value: number) => `${Math.min(100, (100 * value) / longest)}%`;
  const after = body.nodes.length;
  const moves = body.actions.filter((action) => action.kind === "evict").length;
  return (
    <Panel>
      <div className={classes.headline}>
        <Figure
          name={saving >= 0 ? "Saves each month" : "Costs more each month"}
          value={usd(monthly(Math.abs(saving)))}
          tone={saving > 0 ? "good" : "plain"}
        >
          <div
            className={classes.bar}
            role="img"
            aria-label={`Planned ${usd(monthly(planned))} of ${usd(monthly(now))} a month; no less than ${usd(monthly(bound))} is possible`}
          >
            <span style={{ width: share(planned) }} />
            <i style={{ left: `calc(${share(bound)} - 1px)` }} />
          </div>
          {usd(monthly(now))} → {usd(monthly(planned))} ({percent(now > 0 ? -saving / now : 0)})
        </Figure>
        <Figure name="Nodes" value={`${number(body.cluster?.nodes ?? 0)} → ${number(after)}`}>
          {moves > 0 ? `${plural(moves, "pod")} move` : "No pod moves"}
        </Figure>
        <Figure name="From the best possible" value={`at most ${percent(body.gap)}`}>
          Proven: no allowed fleet costs less than {usd(monthly(bound))}
        </Figure>
        <Figure name="Spot share" value={`${percent(risk.before.spot_share)} → ${percent(risk.after.spot_share)}`}>
          {number(risk.after.interruptions_per_month)} interruptions expected a month
        </Figure>
      </div>
    </Panel>
  );
}

function Figure({
  name,
  value,
  tone = "plain",
  children,
}: {
  name: string;
  value: string;
  tone?: "good" | "plain";
  children: ReactNode;
}) {
  return (
    <div className={classes.figure}>
      <div className={classes.figureName}>{name}</div>
      <div className={classes.figureValue} data-tone={tone}>
        {value}
      </div>
      <div className={classes.figureMore}>{children}</div>
    </div>
  );
}
