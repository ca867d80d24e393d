import {
  IconActivityHeartbeat,
  IconBrain,
  IconChartAreaLine,
  IconClipboardList,
  IconServer2,
  IconShieldHalf,
  IconTerminal2,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import { NavLink } from "react-router";
import type { Me } from "@/shared/api/types";
import classes from "./navigation.module.css";

interface Entry {
  to: string;
  label: string;
  icon: ComponentType<{ size?: number; stroke?: number }>;
}

const CLIENT: Entry[] = [
  { to: "/dashboard", label: "Dashboard", icon: IconChartAreaLine },
  { to: "/clusters", label: "Clusters", icon: IconServer2 },
  { to: "/audit", label: "Audit log", icon: IconClipboardList },
];
const ADMIN: Entry[] = [
  { to: "/admin", label: "Health", icon: IconActivityHeartbeat },
  { to: "/admin/logs", label: "Live logs", icon: IconTerminal2 },
  { to: "/admin/risk", label: "Risk map", icon: IconShieldHalf },
  { to: "/admin/models", label: "Models", icon: IconBrain },
];

/** Where one can go; super admins run the platform and see no organisation's data. */
export function Navigation({ me }: { me: Me }) {
  return (
    <nav aria-label="Main">
      {me.organization && <Entries entries={CLIENT} />}
      {me.user.role === "super_admin" && <Entries title="Platform" entries={ADMIN} />}
    </nav>
  );
}

function Entries({ title, entries }: { title?: string; entries: Entry[] }) {
  return (
    <>
      {title && <div className={classes.title}>{title}</div>}
      <ul className={classes.list}>
        {entries.map(({ to, label, icon: Icon }) => (
          <li key={to}>
            <NavLink to={to} end={to === "/admin"} className={classes.entry ?? ""}>
              <Icon size={18} stroke={1.75} />
              {label}
            </NavLink>
          </li>
        ))}
      </ul>
    </>
  );
}
