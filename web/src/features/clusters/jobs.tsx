import { Text } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { jobsQuery } from "@/shared/api/queries";
import { duration } from "@/shared/format";
import { Light, type Tone } from "@/shared/ui/light";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./rows.module.css";

const STATES: Record<string, readonly [Tone, string]> = {
  queued: ["idle", "Queued"],
  running: ["warn", "Running"],
  completed: ["good", "Done"],
  failed: ["bad", "Failed"],
};
const TRIGGERS: Record<string, string> = { user: "by hand", event: "after an event", schedule: "on schedule" };

/** Runs of the optimizer over a cluster, newest first. */
export function Jobs({ clusterId }: { clusterId: string }) {
  const query = useQuery(jobsQuery(clusterId));
  if (query.isPending) return <Loading label="The runs" height={64} />;
  if (query.isError && !query.data)
    return <Failure what="The runs" error={query.error} retry={() => void query.refetch()} />;
  if (query.data.items.length === 0)
    return (
      <Empty title="No run yet" icon={<IconPlayerPlay size={28} />}>
        Each time the cluster is optimised, by hand, on schedule or after an event, a line is added here.
      </Empty>
    );
  return (
    <ul className={classes.rows}>
      {query.data.items.map((job) => {
        const [tone, word] = STATES[job.status] ?? ["idle", job.status];
        const seconds =
          job.started_at && job.finished_at ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1_000 : null;
        return (
          <li key={job.id} className={classes.row}>
            <span>
              {job.reason || "Optimised"}
              <span className={classes.under}>
                {TRIGGERS[job.trigger] ?? job.trigger}, <When at={job.created_at} />
                {seconds !== null && `, took ${duration(seconds)}`}
              </span>
              {job.error !== "" && (
                <Text size="sm" c="var(--ink-bad)">
                  {job.error}
                </Text>
              )}
            </span>
            <Light tone={tone}>{word}</Light>
            <span className={classes.figure}>{job.plan_generation !== null && `Plan ${job.plan_generation}`}</span>
          </li>
        );
      })}
    </ul>
  );
}
