import { Text } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { Flag } from "@/shared/api/types";
import { plural } from "@/shared/format";
import { Page, Panel } from "@/shared/ui/page";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./admin.module.css";
import { riskQuery } from "./queries";

/** The map of flagged pools: instance types against zones, with what was seen. */
export function Component() {
  const query = useQuery(riskQuery);
  const flags = query.data?.flags ?? [];
  return (
    <Page
      title="Risk map"
      about={query.data ? `Avoided by everybody just now: ${plural(flags.length, "capacity pool")}` : " "}
    >
      {query.isPending && (
        <Panel>
          <Loading label="The risk map" />
        </Panel>
      )}
      {query.isError && !query.data && (
        <Failure what="The risk map" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isSuccess && flags.length === 0 && (
        <Panel>
          <Empty title="No pool is flagged" icon={<IconShieldCheck size={28} />}>
            When AWS takes a node anywhere, its capacity pool stands here, and every organisation avoids it for half an
            hour.
          </Empty>
        </Panel>
      )}
      {[...byRegion(flags)].map(([region, own]) => (
        <Panel key={region} title={region} feature="admin-risk-map-unique-indep-view-pools">
          <RegionMap flags={own} region={region} />
        </Panel>
      ))}
    </Page>
  );
}

function byRegion(flags: readonly Flag[]): Map<string, Flag[]> {
  const regions = new Map<string, Flag[]>();
  for (const flag of flags) regions.set(flag.region, [...(regions.get(flag.region) ?? []), flag]);
  return new Map([...regions].sort(([a], [b]) => a.localeCompare(b)));
}

function RegionMap({ flags, region }: { flags: readonly Flag[]; region: string }) {
  const unique = (values: string[]) =>
    [...new Set(values)].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const zones = unique(flags.map((flag) => flag.zone_id));
  const types = unique(flags.map((flag) => flag.instance_type));
  const at = new Map(flags.map((flag) => [`${flag.instance_type} ${flag.zone_id}`, flag]));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
    <section className={classes.scroll} tabIndex={0} aria-label={`Flagged pools in ${region}`}>
      <table className={classes.map}>
        <thead>
          <tr>
            <th scope="col">Instance type</th>
            {zones.map((zone) => (
              <th key={zone} scope="col">
                {zone}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {types.map((type) => (
            <tr key={type}>
              <th scope="row">{type}</th>
              {zones.map((zone) => (
                <td key={zone}>
                  <Cell flag={at.get(`${type} ${zone}`)} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Cell({ flag }: { flag: Flag | undefined }) {
  if (!flag) return <span className={classes.quiet}>not flagged</span>;
  const known = flag.evidence.filter((one) => one.known).length;
  return (
    <details className={classes.flag}>
      <summary>
        ends <When at={flag.until} />
        <span className={classes.under}>{plural(flag.evidence.length, "report")}</span>
      </summary>
      <ul>
        {flag.evidence.map((one) => (
          <li key={`${one.instance_id} ${one.at}`}>
            {one.kind.replaceAll("_", " ")}, {one.instance_id}, <When at={one.at} />
          </li>
        ))}
      </ul>
      <Text size="xs">
        {known === flag.evidence.length ? "All" : known} of instances that a cluster of ours is known to have had.
      </Text>
    </details>
  );
}
