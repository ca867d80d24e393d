import { Alert, Progress as Bar, Text } from "@mantine/core";
import { IconClockPlay } from "@tabler/icons-react";
import type { PlanDetail, Saga } from "@/shared/api/types";
import { clock, count, duration } from "@/shared/format";
import { Light, type Tone } from "@/shared/ui/light";
import { useNow } from "@/shared/ui/now";
import { Empty } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./plan.module.css";

type Step = Saga["steps"][number];

const STATUSES: Record<Saga["status"], readonly [string, string]> = {
  running: ["blue", "Being carried out"],
  undoing: ["orange", "A step failed: what can be undone is being undone"],
  done: ["teal", "Carried out"],
  undone: ["gray", "Undone: all is as it was before"],
  stopped: ["red", "Stopped half way"],
  dry_run: ["gray", "Tried without changing anything"],
};
const KINDS: Record<Step["kind"], string> = {
  check: "Check that the cluster is still as planned",
  require: "Tell Karpenter what to launch",
  launch: "Launch",
  join: "Wait until ready",
  cordon: "Keep new pods off",
  drain: "Drain",
  empty: "Wait until empty",
  settle: "Wait until pods have places",
  detach: "Detach volumes",
  resize: "Change the group's size",
  terminate: "Terminate",
  gone: "Wait until gone",
  uncordon: "Let pods on again",
  restore: "Take back what Karpenter was told",
};
const TONES: Record<Step["status"], readonly [Tone, string]> = {
  asked: ["warn", "Under way"],
  held: ["idle", "Held"],
  done: ["good", "Done"],
  failed: ["bad", "Failed"],
  dropped: ["idle", "Not needed"],
};

/** Every step as it is asked for and done; the page is told of each over the WebSocket. */
export function Progress({ detail: { plan, saga } }: { detail: PlanDetail }) {
  if (!saga)
    return (
      <Empty title="Not begun yet" icon={<IconClockPlay size={28} />}>
        Steps stand here as soon as the first one is asked for.
      </Empty>
    );
  const [colour, word] = STATUSES[saga.status];
  const done = saga.steps.filter((step) => step.status === "done" || step.status === "dropped").length;
  return (
    <>
      <Alert color={colour} variant="light" title={word} mb="md" role="status">
        Begun <When at={plan.accepted_at ?? saga.created_at} />
        {saga.ended_at &&
          `, ended after ${duration((Date.parse(saga.ended_at) - Date.parse(saga.created_at)) / 1_000)}`}
        {saga.reason && `. ${saga.reason}`}
      </Alert>
      <Bar
        value={(100 * done) / Math.max(1, saga.steps.length)}
        color={saga.status === "running" ? "teal" : colour}
        animated={saga.status === "running"}
        aria-label={`${done} of ${saga.steps.length} steps asked for are done`}
        mb={6}
      />
      <Text size="sm" c="dimmed" mb="md">
        {count(done)} of {count(saga.steps.length)} steps asked for so far are done.
      </Text>
      <ol className={classes.saga}>
        {saga.steps.map((step) => (
          <StepLine key={`${step.step_id} ${step.attempt}`} step={step} />
        ))}
      </ol>
    </>
  );
}

/** A new node as the plan calls it; steps name it with the number of its part of the plan in front. */
const ofPlan = (subject: string): string => subject.replace(/^\d+\.(?=new-)/, "");

function StepLine({ step }: { step: Step }) {
  const now = useNow();
  const [tone, word] = TONES[step.status];
  const seconds = ((step.ended_at ? Date.parse(step.ended_at) : now) - Date.parse(step.asked_at)) / 1_000;
  return (
    <li className={classes.sagaStep}>
      <time dateTime={step.asked_at}>{clock(step.asked_at)}</time>
      <Light tone={tone} pulse={step.status === "asked" ? "yes" : "no"}>
        {word}
      </Light>
      <span>
        {KINDS[step.kind]} {step.kind !== "check" && <strong>{ofPlan(step.subject)}</strong>}
        {step.attempt > 1 && `, attempt ${step.attempt}`}
        {step.error && <span className={classes.error}>{step.error}</span>}
        {step.retry_at && !step.ended_at && (
          <span className={classes.why}>
            tried again <When at={step.retry_at} />
          </span>
        )}
      </span>
      <span className={classes.took}>{duration(Math.max(0, seconds))}</span>
    </li>
  );
}
