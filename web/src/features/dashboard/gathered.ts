/** What one plan does to many nodes or pods, told in one line: a large plan would push everything else out of sight. */

import type { Activity } from "@/shared/api/types";
import { plural } from "@/shared/format";

const WORDS: Readonly<Record<string, (amount: number) => string>> = {
  launch: (amount) => `Launch ${plural(amount, "node")}`,
  terminate: (amount) => `Terminate ${plural(amount, "node")}`,
  evict_pod: (amount) => `Move ${plural(amount, "pod")}`,
  cordon_node: (amount) => `Keep new pods off ${plural(amount, "node")}`,
  uncordon_node: (amount) => `Let pods onto ${plural(amount, "node")} again`,
  drain_node: (amount) => `Empty ${plural(amount, "node")}`,
};
/** Statuses of what goes as it should; anything else stands by itself. */
const SMOOTH = new Set(["pending", "picked_up", "completed", "asked", "held", "done"]);

/** Steps of one plan that follow each other, one line for each kind; all else as it is. */
export function gathered(items: readonly Activity[]): Activity[] {
  const lines: Activity[] = [];
  let amounts = new Map<string, number>();
  let plan: string | null = null;
  for (const item of items) {
    const mayJoin = item.plan_id !== null && item.what in WORDS && SMOOTH.has(item.status);
    if (!mayJoin || item.plan_id !== plan) amounts = new Map();
    plan = mayJoin ? item.plan_id : null;
    const before = amounts.get(item.what);
    const place = before === undefined ? -1 : lines.findLastIndex((line) => line.what === item.what);
    const line = lines[place];
    const words = WORDS[item.what];
    if (mayJoin) amounts.set(item.what, (before ?? 0) + 1);
    if (line && words && before !== undefined) lines[place] = { ...line, text: words(before + 1), reason: "" };
    else lines.push(item);
  }
  return lines;
}
