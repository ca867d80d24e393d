import { Badge } from "@mantine/core";
import type { PlanSummary } from "@/shared/api/types";

const WORDS: Record<string, readonly [string, string]> = {
  recommended: ["Recommended", "teal"],
  awaiting_approval: ["Awaits approval", "orange"],
  accepted: ["In progress", "blue"],
  no_change: ["Nothing to change", "gray"],
  refused: ["Refused", "red"],
  rejected: ["Discarded", "gray"],
  done: ["Done", "green"],
  dry_run: ["Dry run", "gray"],
  failed: ["Failed", "red"],
};

/** How a plan stands, in a word. */
export function PlanState({ status }: { status: PlanSummary["status"] }) {
  const [word, colour] = WORDS[status] ?? [status.replaceAll("_", " "), "gray"];
  return (
    <Badge variant="light" color={colour} tt="none" fw={600}>
      {word}
    </Badge>
  );
}
