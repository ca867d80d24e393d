import { Button, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconPlus, IconSearch, IconServer2 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo } from "react";
import { Outlet, useNavigate, useParams, useSearchParams } from "react-router";
import { type ClusterFilter, clustersQuery } from "@/shared/api/queries";
import { plural } from "@/shared/format";
import { useSearch } from "@/shared/search";
import { Page, Panel } from "@/shared/ui/page";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { Table } from "@/shared/ui/table";
import classes from "./clusters.module.css";
import { columns } from "./columns";

const Add = lazy(() => import("./add").then(({ Add }) => ({ default: Add })));

/** Milliseconds after the last keystroke until the list is asked for. */
const TYPING_MS = 200;
const STATUSES = [
  { value: "", label: "Every status" },
  { value: "active", label: "Connected" },
  { value: "silent", label: "Silent" },
  { value: "pending", label: "Waiting for the agent" },
  { value: "disconnected", label: "Disconnected" },
];

export function Component() {
  const { clusterId } = useParams();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const [words, setWords] = useSearch("q");
  const [status, setStatus] = useSearch("status");
  const [sort, setSort] = useSearch("sort", "name");
  const [adding, setAdding] = useSearch("add");
  const [sought] = useDebouncedValue(words.trim(), TYPING_MS);
  const query = useInfiniteQuery(clustersQuery(filterOf({ sought, status, sort })));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const total = query.data?.pages[0]?.total ?? 0;
  const narrowed = sought !== "" || status !== "";
  const more = useCallback(() => {
    if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
  }, [query.hasNextPage, query.isFetchingNextPage, query.fetchNextPage]);

  const search = params.toString();
  const show = useCallback(
    (cluster: { id: string }) => void navigate({ pathname: `/clusters/${cluster.id}`, search }),
    [navigate, search],
  );
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
    <Page
      title="Clusters"
      about={query.data ? plural(total, narrowed ? "matching cluster" : "cluster") : " "}
      actions={add}
    >
      <Panel padding="none">
        <search className={classes.filters}>
          <TextInput
            aria-label="Find clusters by name"
            placeholder="Part of the name"
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
        {query.isError && rows.length === 0 && (
          <div className={classes.state}>
            <Failure what="The clusters" error={query.error} retry={() => void query.refetch()} />
          </div>
        )}
        {query.isSuccess && rows.length === 0 && !narrowed && (
          <Empty title="No cluster yet" icon={<IconServer2 size={28} />} action={add}>
            Connect one: from an AWS account, or by its name with one Helm command. Nothing is changed before you agree.
          </Empty>
        )}
        {query.isSuccess && rows.length === 0 && narrowed && (
          <Empty
            title="Nothing matches"
            icon={<IconSearch size={28} />}
            action={
              <Button variant="default" onClick={() => void navigate("/clusters")}>
                Show all clusters
              </Button>
            }
          >
            No cluster is like that. Change what is searched for, or show all.
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
            onOpen={show}
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

type Sort = NonNullable<ClusterFilter["sort"]>;
type Status = NonNullable<ClusterFilter["status"]>[number];

function filterOf({ sought, status, sort }: { sought: string; status: string; sort: string }): ClusterFilter {
  return {
    sort: sort.replace(/^-/, "") as Sort,
    order: sort.startsWith("-") ? "desc" : "asc",
    ...(sought && { q: sought }),
    ...(status && { status: [status as Status] }),
  };
}
