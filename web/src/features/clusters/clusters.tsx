import { Button, Select, TextInput } from "@mantine/core";
import { IconPlus, IconSearch, IconServer2 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useDeferredValue, useMemo } from "react";
import { Outlet, useNavigate, useParams, useSearchParams } from "react-router";
import { clustersQuery } from "@/shared/api/queries";
import { plural } from "@/shared/format";
import { useSearch } from "@/shared/search";
import { Page, Panel } from "@/shared/ui/page";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { Table } from "@/shared/ui/table";
import classes from "./clusters.module.css";
import { columns } from "./columns";
import { arranged } from "./list";

const Add = lazy(() => import("./add").then(({ Add }) => ({ default: Add })));

const STATUSES = [
  { value: "", label: "Every status" },
  { value: "active", label: "Connected" },
  { value: "silent", label: "Silent" },
  { value: "pending", label: "Waiting for the agent" },
  { value: "disconnected", label: "Disconnected" },
];

export function Component() {
  const query = useInfiniteQuery(clustersQuery);
  const { clusterId } = useParams();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const [words, setWords] = useSearch("q");
  const [status, setStatus] = useSearch("status");
  const [sort, setSort] = useSearch("sort", "name");
  const [adding, setAdding] = useSearch("add");
  const clusters = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const sought = useDeferredValue(words);
  const rows = useMemo(() => arranged(clusters, { words: sought, status, sort }), [clusters, sought, status, sort]);
  const more = useCallback(() => {
    if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
  }, [query.hasNextPage, query.isFetchingNextPage, query.fetchNextPage]);

  const add = (
    <Button
      leftSection={<IconPlus size={16} />}
      onClick={() => setAdding("1")}
      data-feature="client-cluster-button-reuse-dep-click-connect"
    >
      Add a cluster
    </Button>
  );
  return (
    <Page title="Clusters" about={query.data ? summary(clusters.length, query.hasNextPage) : " "} actions={add}>
      <Panel padding="none">
        <search className={classes.filters}>
          <TextInput
            aria-label="Find clusters by name, region or version"
            placeholder="Name, region or version"
            leftSection={<IconSearch size={16} />}
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
            className={classes.find}
          />
          <Select
            aria-label="Status"
            data={STATUSES}
            value={status}
            onChange={(value) => setStatus(value ?? "")}
            w={200}
          />
        </search>
        {query.isPending && <Loading label="The list of clusters" rows={8} height={52} />}
        {query.isError && clusters.length === 0 && (
          <div className={classes.state}>
            <Failure what="The clusters" error={query.error} retry={() => void query.refetch()} />
          </div>
        )}
        {query.isSuccess && clusters.length === 0 && (
          <Empty title="No cluster yet" icon={<IconServer2 size={28} />} action={add}>
            Connect one: from an AWS account, or by its name with one Helm command. Nothing is changed before you agree.
          </Empty>
        )}
        {clusters.length > 0 && rows.length === 0 && (
          <Empty
            title="Nothing matches"
            icon={<IconSearch size={28} />}
            action={
              <Button variant="default" onClick={() => void navigate("/clusters")}>
                Show all clusters
              </Button>
            }
          >
            None of {plural(clusters.length, "cluster")} is like that.
          </Empty>
        )}
        {rows.length > 0 && (
          <Table
            label="Clusters"
            feature="client-cluster-table-unique-indep-view-list"
            rows={rows}
            columns={columns}
            keyOf={(cluster) => cluster.id}
            rowHeight={56}
            sort={sort}
            onSort={setSort}
            open={clusterId}
            onOpen={(cluster) => void navigate({ pathname: `/clusters/${cluster.id}`, search: params.toString() })}
            onEnd={more}
          />
        )}
      </Panel>
      <Outlet />
      {adding !== "" && (
        <Suspense>
          <Add close={() => setAdding("")} />
        </Suspense>
      )}
    </Page>
  );
}

const summary = (amount: number, more: boolean) => `${plural(amount, "cluster")}${more ? ", more below" : ""}`;
