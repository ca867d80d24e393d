import { Alert, Anchor, Button, Progress, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, dataOf } from "@/shared/api/client";
import { sentence } from "@/shared/api/errors";
import { discoverQuery, keys } from "@/shared/api/queries";
import type { FoundCluster, Mode } from "@/shared/api/types";
import { plural } from "@/shared/format";
import { Failure, Loading } from "@/shared/ui/states";
import { type Scan, useScans } from "./scans";
import classes from "./wizard.module.css";

/** Clusters as they are found, with a bar for each account that is being looked through. */
export function Discovery({ mode, next }: { mode: Mode; next: (clusterId: string) => void }) {
  const query = useQuery({ ...discoverQuery, refetchInterval: 10_000 });
  const scans = useScans();
  const found = query.data?.clusters ?? [];
  return (
    <>
      <Title order={1} size="h2">
        Your clusters
      </Title>
      <Text c="dimmed" mt={6} mb="lg">
        Every region is looked through. Choose the cluster to begin with; the others can follow.
      </Text>
      <Stack>
        {scans.map((scan) => (
          <ScanBar key={scan.accountId} scan={scan} />
        ))}
        {query.isPending && <Loading label="The clusters" rows={3} />}
        {query.isError && !query.data && (
          <Failure what="The clusters" error={query.error} retry={() => void query.refetch()} />
        )}
        {query.data?.accounts.map(
          (account) =>
            account.problem && (
              <Alert key={account.id} color="orange" variant="light" title={`Account ${account.aws_account_id}`}>
                {account.problem}
              </Alert>
            ),
        )}
        {query.isSuccess && found.length === 0 && (
          <Text c="dimmed">
            No EKS cluster found so far. It may be in an account that is not linked, or you may{" "}
            <Anchor component={Link} underline="always" to="?step=install&mode=lab">
              connect one by its name
            </Anchor>
            .
          </Text>
        )}
        {found.length > 0 && (
          <ul className={classes.found} aria-label="Clusters found">
            {found.map((cluster) => (
              <Found
                key={`${cluster.account_id} ${cluster.region} ${cluster.name}`}
                cluster={cluster}
                mode={mode}
                next={next}
              />
            ))}
          </ul>
        )}
      </Stack>
    </>
  );
}

function ScanBar({ scan }: { scan: Scan }) {
  const share = scan.ended ? 100 : scan.total > 0 ? (100 * scan.done) / scan.total : 4;
  return (
    <div data-feature="client-onboard-bar-reuse-indep-view-scan">
      <Text size="sm" mb={6} aria-live="polite">
        {scan.ended ? "Looked through" : "Looking through"} account {scan.awsAccountId}
        {!scan.ended && scan.region && `, ${scan.region}`}: {plural(scan.clusters, "cluster")},{" "}
        {plural(scan.instances, "instance")}
      </Text>
      <Progress
        value={share}
        color={scan.failed ? "red" : "teal"}
        animated={!scan.ended}
        aria-label={`Discovery in account ${scan.awsAccountId}`}
      />
      {scan.failed && (
        <Text size="sm" c="var(--ink-bad)" mt={4}>
          {scan.failed}
        </Text>
      )}
    </div>
  );
}

interface FoundProps {
  cluster: FoundCluster;
  mode: Mode;
  next: (clusterId: string) => void;
}

function Found({ cluster, mode, next }: FoundProps) {
  const client = useQueryClient();
  const connect = useMutation({
    mutationFn: async () =>
      cluster.cluster_id ??
      (
        await dataOf(
          api.POST("/api/clusters/connect", {
            body: { name: cluster.name, region: cluster.region, account_id: cluster.account_id, mode },
          }),
        )
      ).id,
    onSuccess: (id) => {
      void client.invalidateQueries({ queryKey: keys.clusters });
      next(id);
    },
  });
  return (
    <li>
      <span>
        <strong>{cluster.name}</strong>
        <Text size="sm" c="dimmed">
          {cluster.region}, Kubernetes {cluster.kubernetes_version || "not known"}, {plural(cluster.node_count, "node")}
          {cluster.spot_count > 0 && `, ${cluster.spot_count} of them Spot`}
        </Text>
        {connect.isError && (
          <Text size="sm" c="var(--ink-bad)" role="alert">
            {sentence(connect.error)}
          </Text>
        )}
      </span>
      <Button
        variant={cluster.cluster_id ? "default" : "filled"}
        loading={connect.isPending}
        onClick={() => connect.mutate()}
      >
        {cluster.cluster_id ? "Install the agent" : "Connect"}
      </Button>
    </li>
  );
}
