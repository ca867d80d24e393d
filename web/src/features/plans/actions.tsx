import { Button, Text } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import type { PlanAction, PlanBody } from "@/shared/api/types";
import { count, plural, usdFine } from "@/shared/format";
import { Empty } from "@/shared/ui/states";
import classes from "./plan.module.css";
import { type Line, type Step, stepsOf } from "./steps";

const WORDS: Record<PlanAction["kind"], string> = {
  launch: "Launch",
  cordon: "Cordon",
  evict: "Move pods",
  terminate: "Terminate",
};
/** Lines of a step shown at first, and added by each click: what is not read need not be drawn. */
const LINES = 30;

/** What is done, in order, each with its reason. */
export function Actions({ body }: { body: PlanBody }) {
  const steps = useMemo(() => stepsOf(body), [body]);
  const types = useMemo(
    () =>
      new Map(
        body.nodes.map((node) => [
          node.name,
          `${node.instance_type} ${node.capacity_type === "spot" ? "Spot" : "on-demand"} in ${node.zone_name || node.zone_id}`,
        ]),
      ),
    [body],
  );
  if (steps.length === 0)
    return (
      <Empty title="Nothing to do" icon={<IconCircleCheck size={28} />}>
        The cluster stays as it is: no change is worth its trouble.
      </Empty>
    );
  return (
    <>
      <Text c="dimmed" size="sm" mb="md">
        What stands in one step happens at once; a step begins when the one before it is done.
      </Text>
      {steps.map((step) => (
        <StepView key={step.number} step={step} types={types} />
      ))}
    </>
  );
}

function StepView({ step, types }: { step: Step; types: ReadonlyMap<string, string> }) {
  const [shown, setShown] = useState(LINES);
  const rest = step.lines.length - shown;
  return (
    <section className={classes.step}>
      <div className={classes.stepHead}>
        <span className={classes.stepNumber}>{step.number}</span>
        <Text fw={600}>{summary(step)}</Text>
      </div>
      <ul className={classes.items}>
        {step.lines.slice(0, shown).map((line) => (
          <li key={line.first.id}>
            <Item line={line} type={types.get(line.first.node)} />
          </li>
        ))}
      </ul>
      {rest > 0 && (
        <Button variant="subtle" size="xs" mt={8} ml={34} onClick={() => setShown(shown + LINES)}>
          Show {count(Math.min(rest, LINES))} more of {count(rest)}
        </Button>
      )}
    </section>
  );
}

function summary({ lines }: Step): string {
  const amounts = new Map<PlanAction["kind"], number>();
  for (const { first, all } of lines) amounts.set(first.kind, (amounts.get(first.kind) ?? 0) + all.length);
  return [...amounts]
    .map(([kind, amount]) =>
      kind === "evict" ? `Move ${plural(amount, "pod")}` : `${WORDS[kind]} ${plural(amount, "node")}`,
    )
    .join(", ");
}

function Item({ line: { first, all }, type }: { line: Line; type: string | undefined }) {
  const alternatives = first.alternatives ?? [];
  const moves = first.kind === "evict";
  return (
    <details className={classes.item}>
      <summary>
        <span className={classes.kind} data-kind={first.kind}>
          {WORDS[first.kind]}
        </span>
        <span>
          {moves ? `${plural(all.length, "pod")} from ${first.node}` : first.node}
          {type && first.kind === "launch" && ` · ${type}`}
          <span className={classes.why}>{first.reason.text}</span>
        </span>
      </summary>
      <div className={classes.more}>
        {first.binding && <div>Decided by: {first.binding}</div>}
        {moves && (
          <ul>
            {all.map((action) => (
              <li key={action.id}>
                {action.pod} → {action.target}
              </li>
            ))}
          </ul>
        )}
        {alternatives.length > 0 && (
          <>
            <strong>Instead one could</strong>
            <ul>
              {alternatives.map((other) => (
                <li key={other.choice}>
                  {other.choice}: {usdFine(other.extra_usd_per_h)} more an hour, {other.verdict}
                </li>
              ))}
            </ul>
          </>
        )}
        {!moves && !first.binding && alternatives.length === 0 && <span>No other choice was considered.</span>}
      </div>
    </details>
  );
}
