import { SegmentedControl, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Composition as Answer } from "@/shared/api/types";
import { count, fromMicro, monthly, percent, plural, usd } from "@/shared/format";
import { useSearch } from "@/shared/search";
import { Panel } from "@/shared/ui/page";
import { Failure } from "@/shared/ui/states";
import classes from "./dashboard.module.css";
import { compositionQuery } from "./queries";

type Part = Answer["families"][number];
type By = "capacity_types" | "families" | "zones" | "instance_types";

const BYS: { value: By; label: string }[] = [
  { value: "capacity_types", label: "Bought as" },
  { value: "families", label: "Family" },
  { value: "zones", label: "Zone" },
  { value: "instance_types", label: "Type" },
];
const COLOURS = [
  "var(--data-spot)",
  "var(--data-demand)",
  "var(--data-3)",
  "var(--data-4)",
  "var(--data-5)",
  "var(--data-6)",
];
const CAPACITY: Record<string, readonly [string, string]> = {
  spot: ["Spot", "var(--data-spot)"],
  "on-demand": ["On-demand", "var(--data-demand)"],
};
/** Parts with a line of their own; the others share one. */
const SHOWN = 6;
const REST_COLOUR = "var(--tone-idle)";

/** What all nodes are made of, by what they cost. */
export function Composition() {
  const query = useQuery(compositionQuery);
  const [by, setBy] = useSearch("by", "capacity_types");
  const chosen = BYS.find(({ value }) => value === by)?.value ?? "capacity_types";
  return (
    <Panel
      title="Fleet"
      about={
        query.data
          ? `${plural(query.data.nodes, "node")}, ${usd(monthly(fromMicro(query.data.cost_micro_usd_per_h)))} a month`
          : " "
      }
      feature="client-home-chart-unique-indep-view-comp"
      actions={<SegmentedControl size="xs" value={chosen} onChange={setBy} data={BYS} aria-label="Fleet by" />}
    >
      {query.isPending && <Skeleton height={180} />}
      {query.isError && !query.data && (
        <Failure what="The fleet" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.data &&
        (query.data.nodes > 0 ? <Parts parts={query.data[chosen]} /> : <Text c="dimmed">No node is known yet.</Text>)}
    </Panel>
  );
}

function Parts({ parts }: { parts: readonly Part[] }) {
  const shown = gathered(parts).map((part, place) => {
    const [name, colour] = CAPACITY[part.name] ?? [
      part.name || "not known",
      place < SHOWN ? COLOURS[place] : REST_COLOUR,
    ];
    return { ...part, name, colour };
  });
  return (
    <>
      <div className={classes.stack} aria-hidden>
        {shown.map((part) => (
          <span key={part.name} style={{ flexGrow: part.share, background: part.colour }} />
        ))}
      </div>
      <table className={classes.parts} aria-label="Parts of the fleet">
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col">Nodes</th>
            <th scope="col">A month</th>
            <th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((part) => (
            <tr key={part.name}>
              <td>
                <svg width="10" height="10" aria-hidden="true">
                  <rect width="10" height="10" rx="2" fill={part.colour} />
                </svg>{" "}
                {part.name}
              </td>
              <td>{count(part.nodes)}</td>
              <td>{usd(monthly(fromMicro(part.cost_micro_usd_per_h)))}</td>
              <td>{percent(part.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function gathered(parts: readonly Part[]): Part[] {
  if (parts.length <= SHOWN + 1) return [...parts];
  const rest = parts.slice(SHOWN);
  const sum = (of: (part: Part) => number) => rest.reduce((total, part) => total + of(part), 0);
  return [
    ...parts.slice(0, SHOWN),
    {
      name: `${count(rest.length)} others`,
      nodes: sum((part) => part.nodes),
      cost_micro_usd_per_h: sum((part) => part.cost_micro_usd_per_h),
      share: sum((part) => part.share),
    },
  ];
}
