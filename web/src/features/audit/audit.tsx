import { Button, Select, TextInput } from "@mantine/core";
import { DatePickerInput } from "@mantine/dates";
import { useDebouncedValue } from "@mantine/hooks";
import { IconClipboardList, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo } from "react";
import { useNavigate } from "react-router";
import { useSearch } from "@/shared/search";
import { Page, Panel } from "@/shared/ui/page";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { Table } from "@/shared/ui/table";
import "@mantine/dates/styles.layer.css";
import classes from "./audit.module.css";
import { columns } from "./columns";
import { auditQuery } from "./queries";

const Diff = lazy(() => import("./diff").then(({ Diff }) => ({ default: Diff })));

const OUTCOMES = [
  { value: "", label: "Every outcome" },
  { value: "success", label: "Success" },
  { value: "failure", label: "Failure" },
  { value: "refused", label: "Refused" },
  { value: "dry_run", label: "Dry run" },
];
/** Milliseconds after the last keystroke until the list is asked for. */
const TYPING_MS = 250;
const DAY_MS = 86_400_000;

export function Component() {
  const navigate = useNavigate();
  const [actor, setActor] = useSearch("actor");
  const [event, setEvent] = useSearch("event");
  const [outcome, setOutcome] = useSearch("outcome");
  const [days, setDays] = useSearch("days");
  const [since = "", until = ""] = days.split("_");
  const [entry, setEntry] = useSearch("entry");
  const [typed] = useDebouncedValue({ actor: actor.trim(), event: event.trim() }, TYPING_MS);
  const query = useInfiniteQuery(
    auditQuery({
      ...(typed.actor && { actor: typed.actor }),
      ...(typed.event && { event: typed.event }),
      ...(outcome && { outcome: outcome as "success" }),
      ...(since && { since: startOf(since) }),
      ...(until && { until: startOf(until, DAY_MS) }),
    }),
  );
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const more = useCallback(() => {
    if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
  }, [query.hasNextPage, query.isFetchingNextPage, query.fetchNextPage]);
  const shown = useMemo(() => columns(setEntry), [setEntry]);
  const show = useCallback((row: { id: string }) => setEntry(row.id), [setEntry]);
  const narrowed = [actor, event, outcome, days].some((value) => value !== "");
  return (
    <Page
      title="Audit log"
      about="Who did what, and when. Entries are never changed; each carries a hash over the one before."
    >
      <Panel padding="none">
        <search className={classes.filters}>
          <TextInput
            label="Actor"
            leftSection={<IconSearch size={16} />}
            value={actor}
            onChange={({ currentTarget }) => setActor(currentTarget.value)}
          />
          <TextInput label="Event" value={event} onChange={({ currentTarget }) => setEvent(currentTarget.value)} />
          <Select label="Outcome" data={OUTCOMES} value={outcome} onChange={(value) => setOutcome(value ?? "")} />
          <DatePickerInput
            type="range"
            label="Days"
            placeholder="All days"
            clearable
            clearButtonProps={{ "aria-label": "All days" }}
            value={[since || null, until || null]}
            onChange={([from, to]) => setDays(from ? `${from}_${to ?? ""}` : "")}
          />
        </search>
        {query.isPending && <Loading label="The audit log" rows={10} height={48} />}
        {query.isError && rows.length === 0 && (
          <div className={classes.state}>
            <Failure what="The audit log" error={query.error} retry={() => void query.refetch()} />
          </div>
        )}
        {query.isSuccess && rows.length === 0 && (
          <Empty
            title={narrowed ? "Nothing matches" : "Nothing yet"}
            icon={<IconClipboardList size={28} />}
            action={
              narrowed && (
                <Button variant="default" onClick={() => void navigate("/audit")}>
                  Show all entries
                </Button>
              )
            }
          >
            {narrowed
              ? "No entry is like that."
              : "Whatever anybody or anything does in your clusters is written down here."}
          </Empty>
        )}
        {rows.length > 0 && (
          <Table
            label="Audit log"
            feature="client-audit-table-unique-indep-view-ledger"
            rows={rows}
            columns={shown}
            keyOf={(row) => row.id}
            rowHeight={48}
            open={entry}
            onOpen={show}
            onEnd={more}
          />
        )}
      </Panel>
      {entry !== "" && (
        <Suspense>
          <Diff id={entry} close={() => setEntry("")} />
        </Suspense>
      )}
    </Page>
  );
}

/** The beginning of a local day, some milliseconds later, as the API takes times. */
const startOf = (day: string, laterMs = 0): string =>
  new Date(new Date(`${day}T00:00:00`).getTime() + laterMs).toISOString();
