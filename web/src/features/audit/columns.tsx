import type { AuditEntry } from "@/shared/api/types";
import { precise } from "@/shared/format";
import { Light, type Tone } from "@/shared/ui/light";
import type { Column } from "@/shared/ui/table";
import classes from "./audit.module.css";

export const OUTCOMES: Record<AuditEntry["outcome"], readonly [Tone, string]> = {
  success: ["good", "Success"],
  failure: ["bad", "Failure"],
  refused: ["warn", "Refused"],
  dry_run: ["idle", "Dry run"],
};

/** "spot_launched" as people read it. */
export const named = (event: string): string =>
  event.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

export const columns = (open: (id: string) => void): Column<AuditEntry>[] => [
  {
    key: "at",
    title: "When",
    width: "172px",
    cell: (row) => (
      <button type="button" className={classes.open} onClick={() => open(row.id)}>
        <time dateTime={row.at}>{precise(row.at)}</time>
      </button>
    ),
  },
  {
    key: "event",
    title: "Event",
    width: "minmax(0, 1fr)",
    cell: (row) => <strong className={classes.event}>{named(row.event)}</strong>,
  },
  { key: "actor", title: "Actor", width: "minmax(0, 1fr)", from: 620, cell: (row) => row.actor },
  {
    key: "text",
    title: "What",
    width: "minmax(0, 1.8fr)",
    from: 900,
    cell: (row) => row.text || `${row.resource_type} ${row.resource}`,
  },
  {
    key: "outcome",
    title: "Outcome",
    width: "96px",
    from: 480,
    cell: (row) => {
      const [tone, word] = OUTCOMES[row.outcome];
      return <Light tone={tone}>{word}</Light>;
    },
  },
];
