import { Button, Text } from "@mantine/core";
import {
  IconAlertTriangle,
  IconBolt,
  IconChecks,
  IconFlag,
  IconHistory,
  IconMap2,
  IconServerCog,
} from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ComponentType } from "react";
import { Link } from "react-router";
import type { Activity } from "@/shared/api/types";
import { fromMicro, monthly, usd } from "@/shared/format";
import { Panel } from "@/shared/ui/page";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./dashboard.module.css";
import { gathered } from "./gathered";
import { activityQuery } from "./queries";

const ICONS: Record<Activity["kind"], readonly [ComponentType<{ size?: number }>, string]> = {
  plan_made: [IconMap2, "brand"],
  plan_approved: [IconServerCog, "brand"],
  plan_ended: [IconChecks, "brand"],
  action: [IconBolt, "plain"],
  aws: [IconBolt, "plain"],
  event: [IconAlertTriangle, "warn"],
  flag: [IconFlag, "bad"],
};

/** What happens in all clusters, as it happens. */
export function Feed() {
  const query = useInfiniteQuery(activityQuery);
  const items = gathered(query.data?.pages.flatMap((page) => page.items) ?? []);
  return (
    <Panel title="Activity" feature="client-home-feed-unique-indep-view-live" className={classes.feed} padding="none">
      {query.isPending && <Loading label="What happened" height={52} rows={9} />}
      {query.isError && items.length === 0 && (
        <div className={classes.inset}>
          <Failure what="What happened" error={query.error} retry={() => void query.refetch()} />
        </div>
      )}
      {query.isSuccess && items.length === 0 && (
        <Empty title="All is quiet" icon={<IconHistory size={28} />}>
          Plans, moves and interruptions stand here as they happen.
        </Empty>
      )}
      <ol className={classes.events}>
        {items.map((item) => (
          <Entry key={item.id} item={item} />
        ))}
      </ol>
      {query.hasNextPage && (
        <div className={classes.inset}>
          <Button
            variant="default"
            size="xs"
            fullWidth
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            Show earlier
          </Button>
        </div>
      )}
    </Panel>
  );
}

function Entry({ item }: { item: Activity }) {
  const [Icon, tone] = ICONS[item.kind];
  const to = item.plan_id
    ? `/clusters/${item.cluster_id}/plans/${item.plan_id}`
    : item.cluster_id
      ? `/clusters/${item.cluster_id}`
      : null;
  const saving =
    item.kind === "plan_made" && item.saving_micro_usd_per_h ? monthly(fromMicro(item.saving_micro_usd_per_h)) : 0;
  return (
    <li className={classes.event}>
      <span className={classes.eventIcon} data-tone={tone} aria-hidden>
        <Icon size={16} />
      </span>
      <div className={classes.eventText}>
        {to ? <Link to={to}>{item.text}</Link> : item.text}
        {saving > 0 && <span className={classes.saving}> saves {usd(saving)} a month</span>}
        {item.reason && (
          <Text size="xs" c="dimmed" lineClamp={2} component="div">
            {item.reason}
          </Text>
        )}
        <Text size="xs" c="dimmed" component="div">
          {item.cluster_name && `${item.cluster_name}, `}
          <When at={item.at} />
        </Text>
      </div>
    </li>
  );
}
