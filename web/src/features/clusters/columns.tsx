import { Link, useLocation } from "react-router";
import type { Cluster } from "@/shared/api/types";
import { count } from "@/shared/format";
import type { Column } from "@/shared/ui/table";
import { When } from "@/shared/ui/when";
import classes from "./clusters.module.css";
import { Heart } from "./heart";

function Name({ cluster }: { cluster: Cluster }) {
  const { search } = useLocation();
  return (
    <span className={classes.name}>
      <Link to={{ pathname: `/clusters/${cluster.id}`, search }}>{cluster.name}</Link>
      <span className={classes.under}>{cluster.region}</span>
    </span>
  );
}

export const columns: Column<Cluster>[] = [
  {
    key: "name",
    title: "Cluster",
    width: "minmax(0, 2fr)",
    sorts: "yes",
    cell: (cluster) => <Name cluster={cluster} />,
  },
  {
    key: "status",
    title: "Agent",
    width: "minmax(110px, 1fr)",
    sorts: "yes",
    cell: (cluster) => <Heart cluster={cluster} />,
  },
  {
    key: "nodes",
    title: "Nodes",
    width: "64px",
    align: "end",
    sorts: "yes",
    cell: (cluster) => (cluster.node_count > 0 ? count(cluster.node_count) : "–"),
  },
  {
    key: "heartbeat",
    title: "Heard from",
    width: "120px",
    from: 620,
    align: "end",
    sorts: "yes",
    cell: (cluster) => <When at={cluster.last_heartbeat_at} />,
  },
  {
    key: "version",
    title: "Kubernetes",
    width: "90px",
    from: 760,
    cell: (cluster) => cluster.kubernetes_version || "–",
  },
];
