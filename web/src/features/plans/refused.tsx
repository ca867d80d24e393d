import { Text } from "@mantine/core";
import { IconThumbUp } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Decision, PlanBody } from "@/shared/api/types";
import { Empty } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./plan.module.css";

/** Rules of the decision engine, as people say them. */
const RULES: Record<Decision["refused"][number]["rule"], string> = {
  interrupted_first: "Interruptions come first",
  one_plan_per_node: "Another part has the node",
  stability_first: "Stability before savings",
  better_proposal: "A better part was chosen",
  stale: "Made for an older state",
  unknown_node: "The node is gone",
  protected: "Protected",
  asleep: "The cluster sleeps",
  risky_replacement: "The replacement is risky",
  no_pool: "No pool has capacity",
  cooldown: "Changed a moment ago",
  no_gain: "Saves nothing",
  payback: "Pays back too late",
  concurrency: "Enough happens at once",
  window: "Outside the window",
  karpenter: "Left to Karpenter",
};

/** What the plan does not touch, what was refused, and pods it finds no place for, each with why. */
export function Refused({ body, decision }: { body: PlanBody; decision: Decision | null }) {
  const refused = decision?.refused ?? [];
  if (body.kept.length === 0 && body.unschedulable.length === 0 && refused.length === 0)
    return (
      <Empty title="Nothing was left alone" icon={<IconThumbUp size={28} />}>
        Every node takes part in the plan, and every pod has a place.
      </Empty>
    );
  return (
    <>
      {body.unschedulable.length > 0 && (
        <Reasons
          title="Pods without a place"
          heads={["Pod", "What binds", "What would help"]}
          rows={body.unschedulable.map((pod) => [pod.pod, pod.constraint, pod.detail])}
        />
      )}
      {refused.length > 0 && (
        <Reasons
          title="Refused"
          heads={["Part", "Rule", "Why", "Again"]}
          rows={refused.map((one) => [
            one.proposal,
            RULES[one.rule],
            one.against ? `${one.reason} Lost against ${one.against}.` : one.reason,
            one.again_at ? <When key="again" at={one.again_at} /> : "–",
          ])}
        />
      )}
      {body.kept.length > 0 && (
        <Reasons
          title="Nodes left as they are"
          heads={["Node", "Why"]}
          rows={body.kept.map((kept) => [kept.node, kept.reason.text])}
        />
      )}
    </>
  );
}

function Reasons({ title, heads, rows }: { title: string; heads: string[]; rows: ReactNode[][] }) {
  return (
    <section className={classes.step}>
      <Text fw={600} mb={6}>
        {title}
      </Text>
      <table className={classes.list} aria-label={title}>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={String(row[0])}>
              {row.map((text, place) => (
                <td key={heads[place]}>{text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
