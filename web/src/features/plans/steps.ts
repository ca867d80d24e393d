/** Actions as people read them: step after step, and the evictions of one node as one line. */

import type { PlanAction, PlanBody } from "@/shared/api/types";

export interface Line {
  first: PlanAction;
  /** All actions of the line; more than one only for evictions. */
  all: PlanAction[];
}

export interface Step {
  number: number;
  lines: Line[];
}

export function stepsOf(body: PlanBody): Step[] {
  const steps = new Map<number, Map<string, Line>>();
  for (const action of body.actions) {
    const lines = steps.get(action.step) ?? new Map<string, Line>();
    steps.set(action.step, lines);
    const key = action.kind === "evict" ? `evict ${action.node} ${action.binding ?? ""}` : String(action.id);
    const line = lines.get(key);
    if (line) line.all.push(action);
    else lines.set(key, { first: action, all: [action] });
  }
  return [...steps].sort(([a], [b]) => a - b).map(([number, lines]) => ({ number, lines: [...lines.values()] }));
}
