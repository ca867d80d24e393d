import { Drawer, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { asSentence, precise } from "@/shared/format";
import { Facts } from "@/shared/ui/facts";
import { Light } from "@/shared/ui/light";
import { Failure, Loading } from "@/shared/ui/states";
import classes from "./audit.module.css";
import { named, OUTCOMES } from "./columns";
import { diffQuery } from "./queries";

/** One entry: what it says, and what it changed, field by field. */
export function Diff({ id, close }: { id: string; close: () => void }) {
  const query = useQuery(diffQuery(id));
  const entry = query.data?.entry;
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size={600}
      padding="lg"
      closeButtonProps={{ "aria-label": "Close" }}
      title={
        <Title order={2} size="h3" component="span">
          {entry ? named(entry.event) : "Entry"}
        </Title>
      }
    >
      <div data-feature="client-audit-drawer-unique-dep-view-diff">
        {query.isPending && <Loading label="The entry" />}
        {query.isError && <Failure what="The entry" error={query.error} retry={() => void query.refetch()} />}
        {entry && (
          <>
            {entry.text && <Text mb="md">{asSentence(entry.text)}</Text>}
            <Facts
              facts={[
                ["When", precise(entry.at)],
                [
                  "Outcome",
                  <Light key="outcome" tone={OUTCOMES[entry.outcome][0]}>
                    {OUTCOMES[entry.outcome][1]}
                  </Light>,
                ],
                ["Actor", entry.actor],
                ["On behalf of", entry.on_behalf_of || "nobody else"],
                ["Resource", `${entry.resource_type} ${entry.resource}`],
                ["Address", entry.ip || "not known"],
                ["Number", String(entry.seq)],
                ["Request", entry.request_id || "none"],
                [
                  "Hash",
                  <code key="hash" className={classes.hash}>
                    {entry.hash}
                  </code>,
                ],
              ]}
            />
            <Changes changes={query.data?.changes ?? []} />
          </>
        )}
      </div>
    </Drawer>
  );
}

interface Change {
  field: string;
  before?: unknown;
  after?: unknown;
}

function Changes({ changes }: { changes: readonly Change[] }) {
  if (changes.length === 0)
    return (
      <Text c="dimmed" mt="lg">
        This entry changed no field.
      </Text>
    );
  return (
    <table className={classes.changes} aria-label="What was changed">
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ field, before, after }) => (
          <tr key={field}>
            <td>{field}</td>
            <td>
              <del>{shown(before)}</del>
            </td>
            <td>
              <ins>{shown(after)}</ins>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const shown = (value: unknown): string =>
  value === null || value === undefined ? "not set" : typeof value === "string" ? value : JSON.stringify(value);
