import { Alert, Button, Progress, Stack, Text, Timeline } from "@mantine/core";
import { IconShieldPause, IconSparkles } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { api, dataOf } from "@/shared/api/client";
import { sentence } from "@/shared/api/errors";
import type { Cluster, ClusterDetail } from "@/shared/api/types";
import { asSentence, capital, count, cpus, gib } from "@/shared/format";
import { Facts } from "@/shared/ui/facts";
import { Light, type Tone } from "@/shared/ui/light";
import { When } from "@/shared/ui/when";
import { ModeOfPlans } from "./mode";
import { useOptimize } from "./optimize";

/** How the cluster stands now, and the button that has it looked at. */
export function Overview({ detail: { cluster, live } }: { detail: ClusterDetail }) {
  const optimize = useOptimize(cluster);
  const connected = cluster.status === "active" || cluster.status === "silent";
  return (
    <Stack gap="lg">
      {live?.safe_mode && (
        <Alert color="yellow" variant="light" icon={<IconShieldPause />} title="Safe mode is on">
          Plans are made and shown, nothing is changed.
        </Alert>
      )}
      <div>
        <Button
          leftSection={<IconSparkles size={16} />}
          loading={optimize.isPending || live?.planning === true}
          disabled={!connected}
          onClick={() => optimize.mutate()}
          data-feature="client-cluster-button-reuse-dep-click-opt"
        >
          Optimise now
        </Button>
        <Text size="sm" c="dimmed" mt={6}>
          {connected
            ? "Makes a plan from the cluster as it is. What happens with it is up to the cluster's mode."
            : "Needs the agent: install it with the Helm command under Keys."}
        </Text>
      </div>
      <ModeOfPlans cluster={cluster} />
      <Facts
        facts={[
          ["Region", cluster.region],
          ["Kubernetes", cluster.kubernetes_version || "not known yet"],
          ["Agent", cluster.agent_version || "not seen yet"],
          ["Last heard from", <When key="seen" at={cluster.last_heartbeat_at} />],
          ["Nodes", live ? count(live.nodes) : count(cluster.node_count)],
          ["Pods", live ? count(live.pods) : "not known"],
          ["Snapshot", <When key="snapshot" at={live?.snapshot_at} />],
          ["In use", live?.used ? `${cpus(live.used.cpu_mcpu)} CPUs, ${gib(live.used.memory_bytes)}` : "not measured"],
        ]}
      />
      {live && live.going.length > 0 && (
        <div>
          <Text fw={550} mb={6}>
            Being emptied: {count(live.going.length)} of {count(live.nodes)}
          </Text>
          <Progress
            value={(100 * live.going.length) / Math.max(1, live.nodes)}
            color="yellow"
            aria-label="Nodes being emptied"
          />
        </div>
      )}
      {!live && (
        <Alert color="gray">The part of the service that looks after this cluster cannot be asked just now.</Alert>
      )}
      <Checks cluster={cluster} />
      {live && live.story.length > 0 && <Story story={live.story} />}
    </Stack>
  );
}

const CHECK_TONES: Record<string, Tone> = { ok: "good", waiting: "idle", failed: "bad" };

function Checks({ cluster }: { cluster: Cluster }) {
  const query = useQuery({
    queryKey: ["cluster", cluster.id, "verify"],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/clusters/{cluster_id}/verify", { params: { path: { cluster_id: cluster.id } }, signal })),
  });
  if (!query.data) return query.isError ? <Text c="dimmed">{sentence(query.error)}</Text> : null;
  return (
    <div>
      <Text fw={600} mb={6}>
        Checks
      </Text>
      <Stack gap={6}>
        {query.data.checks.map((check) => (
          <div key={check.name}>
            <Light tone={CHECK_TONES[check.state] ?? "idle"}>{capital(check.name)}</Light>
            <Text size="sm" c="dimmed" ml={16}>
              {check.detail && asSentence(check.detail)}
            </Text>
          </div>
        ))}
      </Stack>
    </div>
  );
}

function Story({ story }: { story: readonly Readonly<Record<string, string>>[] }) {
  return (
    <div>
      <Text fw={600} mb={10}>
        What happened last
      </Text>
      <Timeline bulletSize={12} lineWidth={1} color="gray">
        {story.toReversed().map(({ at = "", text, ...rest }) => (
          <Timeline.Item key={`${at}${text ?? JSON.stringify(rest)}`}>
            <Text size="sm">{asSentence(text ?? Object.values(rest).join(" "))}</Text>
            {at !== "" && (
              <Text size="xs" c="dimmed">
                <When at={at} />
              </Text>
            )}
          </Timeline.Item>
        ))}
      </Timeline>
    </div>
  );
}
