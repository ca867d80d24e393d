import { Drawer, Tabs, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { clusterQuery } from "@/shared/api/queries";
import { useSearch } from "@/shared/search";
import { Failure, Loading } from "@/shared/ui/states";
import { Heart } from "./heart";
import { Jobs } from "./jobs";
import { Keys } from "./keys";
import { Overview } from "./overview";
import { Plans } from "./plans";

/** A cluster in detail, over the table; tab and table filters stay in the address. */
export function Component() {
  const { clusterId = "" } = useParams();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const [tab, setTab] = useSearch("tab", "overview");
  const query = useQuery(clusterQuery(clusterId));
  const close = () => {
    const rest = new URLSearchParams(params);
    rest.delete("tab");
    void navigate({ pathname: "/clusters", search: rest.toString() });
  };
  const cluster = query.data?.cluster;
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size={560}
      padding="lg"
      closeButtonProps={{ "aria-label": "Close" }}
      title={
        <Title order={2} size="h3" component="span">
          {cluster?.name ?? "Cluster"}
        </Title>
      }
    >
      {query.isPending && <Loading label="The cluster" />}
      {query.isError && !query.data && (
        <Failure what="The cluster" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.data && cluster && (
        <Tabs value={tab} onChange={(value) => setTab(value ?? "")} keepMounted={false}>
          <Heart cluster={cluster} />
          <Tabs.List mt="sm" mb="md">
            <Tabs.Tab value="overview">Overview</Tabs.Tab>
            <Tabs.Tab value="plans">Plans</Tabs.Tab>
            <Tabs.Tab value="jobs">Runs</Tabs.Tab>
            <Tabs.Tab value="keys">Keys</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="overview">
            <Overview detail={query.data} />
          </Tabs.Panel>
          <Tabs.Panel value="plans">
            <Plans clusterId={clusterId} />
          </Tabs.Panel>
          <Tabs.Panel value="jobs">
            <Jobs clusterId={clusterId} />
          </Tabs.Panel>
          <Tabs.Panel value="keys">
            <Keys cluster={cluster} />
          </Tabs.Panel>
        </Tabs>
      )}
    </Drawer>
  );
}
