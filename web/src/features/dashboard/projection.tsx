import { SegmentedControl, Skeleton, Text } from "@mantine/core";
import { IconChartBar } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { fromMicro, month, usd, usdCompact } from "@/shared/format";
import { useSearch } from "@/shared/search";
import { type Bar, Bars } from "@/shared/ui/bars";
import { Panel } from "@/shared/ui/page";
import { Empty, Failure } from "@/shared/ui/states";
import { projectionQuery } from "./queries";

/** Months before and after this one. */
const RANGES: Record<string, readonly [number, number]> = { "6": [2, 3], "12": [5, 6], "24": [11, 12] };
const HEIGHT = 280;

/** Spend by month, and what Spot and packing take off the baseline. */
export function Projection() {
  const [range, setRange] = useSearch("months", "12");
  const [back, ahead] = RANGES[range] ?? [5, 6];
  const query = useQuery(projectionQuery(back, ahead));
  return (
    <Panel
      title="Savings by month"
      about="Spend, and what Spot and packing take off the baseline"
      feature="client-home-chart-unique-indep-view-proj"
      actions={
        <SegmentedControl
          size="xs"
          value={range in RANGES ? range : "12"}
          onChange={setRange}
          aria-label="Months shown"
          data={[
            { value: "6", label: "6 months" },
            { value: "12", label: "12" },
            { value: "24", label: "24" },
          ]}
        />
      }
    >
      {query.isPending && <Skeleton height={HEIGHT + 36} />}
      {query.isError && !query.data && (
        <Failure what="The projection" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.data && !query.data.months.some((one) => one.baseline_micro_usd > 0) && (
        <Empty title="No figures yet" icon={<IconChartBar size={28} />}>
          They begin with the first snapshot of a cluster.
        </Empty>
      )}
      {query.data?.months.some((one) => one.baseline_micro_usd > 0) && (
        <>
          <Bars
            label="Spend and savings by month"
            height={HEIGHT}
            y={usdCompact}
            precise={usd}
            series={[
              { name: "Spend", colour: "var(--data-spend)" },
              { name: "Saved by Spot", colour: "var(--data-spot)" },
              { name: "Saved by packing", colour: "var(--data-packing)" },
            ]}
            bars={query.data.months.map(
              (one): Bar => ({
                name: month(one.month),
                values: [one.spend_micro_usd, one.spot_saving_micro_usd, one.packing_saving_micro_usd].map(fromMicro),
                faint: one.kind === "ahead" ? "yes" : "no",
                note:
                  one.kind === "ahead"
                    ? "if all stays as it is"
                    : one.kind === "running"
                      ? "this month, the rest as now"
                      : "",
              }),
            )}
          />
          <Text size="xs" c="dimmed" mt="sm">
            {query.data.baseline}
          </Text>
        </>
      )}
    </Panel>
  );
}
