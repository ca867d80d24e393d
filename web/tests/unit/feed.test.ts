import { expect, test } from "vitest";
import { gathered } from "@/features/dashboard/gathered";
import type { Activity } from "@/shared/api/types";

let number = 0;
const item = (what: string, more: Partial<Activity> = {}): Activity => ({
  id: String(++number),
  at: "2026-10-01T12:00:00Z",
  kind: "action",
  what,
  text: `${what} one`,
  cluster_id: "c",
  cluster_name: "web-shop",
  subject: "one",
  status: "done",
  reason: "",
  plan_id: "p",
  generation: 1,
  saving_micro_usd_per_h: null,
  ...more,
});
const texts = (items: Activity[]) => gathered(items).map(({ text }) => text);

test("steps of one plan that follow each other are one line for each kind", () => {
  const items = ["launch", "launch", "cordon_node", "launch", "evict_pod", "evict_pod"].map((what) => item(what));
  expect(texts(items)).toEqual(["Launch 3 nodes", "cordon_node one", "Move 2 pods"]);
});

test("what fails, what another plan does and what comes between stands by itself", () => {
  const items = [
    item("launch"),
    item("launch", { status: "failed" }),
    item("launch"),
    item("launch", { plan_id: "other" }),
    item("pool_flagged", { kind: "flag", plan_id: null }),
    item("launch", { plan_id: "other" }),
  ];
  expect(texts(items)).toEqual(items.map(({ text }) => text));
});
