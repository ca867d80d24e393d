import { Text } from "@mantine/core";
import type { PlanBody } from "@/shared/api/types";
import { duration, monthly, number, percent, plural, usd } from "@/shared/format";
import { Chart, type Line } from "@/shared/ui/chart";
import classes from "./plan.module.css";

/** How good the plan is, with the proof; and what it risks against what runs now. */
export function Proof({ body }: { body: PlanBody }) {
  const { trace, risk } = body;
  const lines: Line[] = [
    {
      name: "Best plan found",
      colour: "var(--data-spot)",
      points: bestSoFar(body),
    },
    {
      name: "Proven bound",
      colour: "var(--data-bound)",
      points: trace.map((at) => [at.seconds, monthly(at.lower_bound_usd_per_h)] as const),
    },
  ];
  return (
    <div className={classes.two}>
      <section>
        <Text fw={600}>How near to the best</Text>
        <Text c="dimmed" size="sm" mb="sm">
          The plan costs at most {percent(body.gap)} more than the cheapest fleet that the policy allows. Found in{" "}
          {duration(body.seconds)}.
        </Text>
        {trace.length > 1 && (
          <Chart
            label="Cost of the best plan and the proven bound while planning"
            lines={lines}
            x={duration}
            y={usd}
            height={220}
            steps="yes"
          />
        )}
        {body.notes.length > 0 && (
          <>
            <Text fw={600} mt="md">
              What was assumed
            </Text>
            <ul>
              {body.notes.map((note) => (
                <li key={note}>{note}</li>
              ))}
            </ul>
          </>
        )}
      </section>
      <section>
        <Text fw={600} mb={6}>
          Risk of interruptions
        </Text>
        <table className={classes.list} aria-label="Risk before and after">
          <thead>
            <tr>
              <th scope="col">In a month</th>
              <th scope="col">Now</th>
              <th scope="col">Planned</th>
            </tr>
          </thead>
          <tbody>
            <Compared name="vCPUs on Spot" values={[percent(risk.before.spot_share), percent(risk.after.spot_share)]} />
            <Compared
              name="Nodes AWS is expected to take"
              values={[number(risk.before.interruptions_per_month), number(risk.after.interruptions_per_month)]}
            />
            <Compared
              name="Chance of losing more at once than the policy allows"
              values={[percent(risk.before.loss_probability_per_month), percent(risk.after.loss_probability_per_month)]}
            />
            <Compared
              name="Largest Spot pool"
              values={[risk.before.largest_pool || "none", risk.after.largest_pool || "none"]}
            />
            <Compared
              name="Its share of the vCPUs"
              values={[percent(risk.before.largest_pool_share), percent(risk.after.largest_pool_share)]}
            />
          </tbody>
        </table>
        {body.cluster && (
          <Text c="dimmed" size="sm" mt="sm">
            {plural(body.cluster.nodes, "node")} and {plural(body.cluster.pods, "pod")} in {body.cluster.region}, prices
            of {body.cluster.prices_as_of}.
          </Text>
        )}
      </section>
    </div>
  );
}

/** Cost by second of the best fleet so far. What was looked at beside it, such as keeping all as it is, is left out. */
function bestSoFar({ trace, planned_cost_usd_per_h: last }: PlanBody): (readonly [number, number])[] {
  let best = Number.POSITIVE_INFINITY;
  return trace.flatMap(({ seconds, cost_usd_per_h: cost }) => {
    if (cost === null) return [];
    best = Math.max(last, Math.min(best, cost));
    return [[seconds, monthly(best)] as const];
  });
}

function Compared({ name, values: [before, after] }: { name: string; values: readonly [string, string] }) {
  return (
    <tr>
      <td>{name}</td>
      <td>{before}</td>
      <td>{after}</td>
    </tr>
  );
}
