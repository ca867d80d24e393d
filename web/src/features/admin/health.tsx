import { Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Health, Workers } from "@/shared/api/types";
import { count, duration, number } from "@/shared/format";
import { Light, type Tone } from "@/shared/ui/light";
import { Page, Panel } from "@/shared/ui/page";
import { Failure, Loading } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./admin.module.css";
import { healthQuery, workersQuery } from "./queries";
import { SafeMode } from "./safe-mode";

const LIGHTS: Record<Health["light"], readonly [Tone, string]> = {
  green: ["good", "Works"],
  amber: ["warn", "In doubt"],
  red: ["bad", "Does not work"],
};

export function Component() {
  const health = useQuery(healthQuery);
  const workers = useQuery(workersQuery);
  const about = health.data ? (
    <Light tone={LIGHTS[health.data.light][0]}>{`The platform: ${LIGHTS[health.data.light][1].toLowerCase()}`}</Light>
  ) : (
    <Skeleton height={14} width={140} my={4} />
  );
  return (
    <Page title="Health" about={about} actions={<SafeMode />}>
      <Panel title="Parts" feature="admin-health-traffic-unique-indep-view-workers">
        {health.isPending && <Loading label="The parts" rows={4} />}
        {health.isError && !health.data && (
          <Failure what="The parts" error={health.error} retry={() => void health.refetch()} />
        )}
        <ul className={classes.lights}>
          {health.data?.parts.map((part) => (
            <li key={part.name}>
              <Light tone={LIGHTS[part.light][0]}>{part.name}</Light>
              <Text size="sm" c="dimmed">
                {part.detail || LIGHTS[part.light][1]}
                {part.ms != null && `, answers in ${number(part.ms)} ms`}
              </Text>
            </li>
          ))}
        </ul>
      </Panel>
      {workers.isError && !workers.data && (
        <Failure what="The workers" error={workers.error} retry={() => void workers.refetch()} />
      )}
      {workers.data && <Details workers={workers.data} />}
    </Page>
  );
}

function Details({ workers }: { workers: Workers }) {
  return (
    <>
      <Panel title="Workers">
        <ul className={classes.lights}>
          {workers.workers.map((worker) => (
            <li key={worker.name}>
              <Light tone={LIGHTS[worker.light][0]}>{worker.name}</Light>
              <Text size="sm" c="dimmed">
                {worker.detail || LIGHTS[worker.light][1]}, seen <When at={worker.seen_at} />
              </Text>
            </li>
          ))}
        </ul>
        {workers.workers.length === 0 && <Text c="dimmed">No worker has reported.</Text>}
      </Panel>
      <div className={classes.two}>
        {workers.queue && <Queue queue={workers.queue} />}
        <Runs runs={workers.runs} />
      </div>
    </>
  );
}

function Queue({ queue }: { queue: NonNullable<Workers["queue"]> }) {
  const sum = (amounts: Readonly<Record<string, number>>) =>
    Object.values(amounts).reduce((total, amount) => total + amount, 0);
  const rows = [
    ["Waiting", count(sum(queue.waiting))],
    ["In hand", count(sum(queue.in_hand))],
    ["To be tried again", count(queue.delayed)],
    ["Given up", count(queue.dead)],
    ["Oldest waits", duration(queue.oldest_waiting_s)],
    ["Handled so far", count(queue.done)],
    ["Tried again so far", count(queue.retried)],
  ];
  return (
    <Panel title="Queue of events">
      <table className={classes.list} aria-label="Queue of events">
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td data-figure>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function Runs({ runs }: { runs: Workers["runs"] }) {
  return (
    <Panel title="Periodic jobs">
      <table className={classes.list} aria-label="Periodic jobs">
        <tbody>
          {runs.map((run) => (
            <tr key={run.job}>
              <th scope="row">
                <Light tone={run.error ? "bad" : run.done_at ? "good" : "idle"}>{run.job}</Light>
                {run.error && <span className={classes.error}>{run.error}</span>}
              </th>
              <td>
                <When at={run.done_at} never="not done yet" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
