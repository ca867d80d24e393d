import { QueryClient } from "@tanstack/react-query";
import { makePlan } from "@tests/fake/plans";
import { makeWorld } from "@tests/fake/world";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { told } from "@/features/onboarding/scans";
import { layOut, podBoxes, unitFor } from "@/features/plans/layout";
import { mapOf } from "@/features/plans/model";
import { squarify } from "@/features/plans/squarify";
import { applyMessage } from "@/shared/api/live";
import { keys } from "@/shared/api/queries";
import { ago, duration, percent, usd } from "@/shared/format";

describe("the map of a plan", () => {
  const body = makePlan({ pods: 300 });
  const map = mapOf(body);

  test("every pod is on one node before and on one after", () => {
    for (const nodes of [map.before, map.after]) {
      const places = nodes.flatMap((node) => node.pods);
      expect(new Set(places).size).toBe(300);
      expect(places.length).toBe(300);
    }
  });

  test("what moves is what the plan evicts", () => {
    const moved = map.pods.filter((pod) => pod.moves).map((pod) => pod.key);
    expect(moved.toSorted()).toEqual(
      body.actions
        .filter(({ kind }) => kind === "evict")
        .map(({ pod }) => pod)
        .toSorted(),
    );
  });

  test("without what ran before, moves are undone to find it", () => {
    const { running: _running, requests: _requests, ...bare } = body;
    const remembered = mapOf(bare);
    const podsOf = (nodes: typeof map.before) => new Map(nodes.map((node) => [node.name, node.pods.length]));
    expect(podsOf(remembered.before)).toEqual(podsOf(map.before));
  });

  test("boxes stay within their node, and nodes within the width", () => {
    const unit = unitFor([...map.before, ...map.after], 600);
    for (const { places } of layOut(map.after, 600, unit))
      for (const place of places) {
        expect(place.x + place.size).toBeLessThanOrEqual(600);
        for (const [x, y, w, h] of podBoxes(place)) {
          expect(x).toBeGreaterThanOrEqual(place.x);
          expect(x + w).toBeLessThanOrEqual(place.x + place.size + 0.001);
          expect(y + h).toBeLessThanOrEqual(place.y + place.size + 0.001);
        }
      }
  });

  test("areas of a treemap are in proportion", () => {
    const boxes = squarify([6, 3, 1], [0, 0, 100, 50]);
    expect(boxes.map(([, , w, h]) => Math.round(w * h))).toEqual([3_000, 1_500, 500]);
  });
});

describe("live messages", () => {
  const message = (data: object) => ({ type: "heartbeat", cluster_id: cluster.id, data });
  const world = makeWorld({ clusters: 5 });
  const cluster = world.clusters[4] as (typeof world.clusters)[number];
  let client: QueryClient;
  const added: (readonly string[])[] = [];
  const gathered = { add: (key: readonly string[]) => void added.push(key), stop: () => undefined };

  beforeEach(() => {
    client = new QueryClient();
    added.length = 0;
    client.setQueryData([...keys.clusters, {}], {
      pages: [{ items: world.clusters, next: null, total: 5 }],
      pageParams: [""],
    });
  });
  const seen = () =>
    client.getQueryData<{ pages: { items: typeof world.clusters }[] }>([...keys.clusters, {}])?.pages[0]?.items[4];

  test("a heartbeat turns the light of a silent cluster without reading anything", () => {
    expect(cluster.status).toBe("silent");
    applyMessage(client, message({ at: "2026-10-01T12:00:00Z", node_count: 77 }), gathered);
    expect(seen()).toMatchObject({ status: "active", node_count: 77, last_heartbeat_at: "2026-10-01T12:00:00Z" });
    expect(added).toEqual([]);
  });

  test("an event makes the lists of its cluster be read anew", () => {
    applyMessage(client, { type: "event", cluster_id: cluster.id, data: { topic: "plan_ready" } }, gathered);
    expect(added).toContainEqual(keys.cluster(cluster.id));
    expect(added).toContainEqual(keys.activity);
  });
});

describe("discovery", () => {
  test("progress is followed and ends", () => {
    const progress = {
      type: "progress",
      account_id: "a",
      aws_account_id: "111122223333",
      region: "us-east-1",
      done: 3,
      total: 9,
      clusters: 1,
      instances: 4,
    };
    const scan = told(undefined, progress);
    expect(scan).toMatchObject({ done: 3, total: 9, ended: false });
    expect(told(scan, { type: "ended", account_id: "a", status: "active", clusters: 2, instances: 9 })).toMatchObject({
      ended: true,
      failed: "",
      awsAccountId: "111122223333",
    });
    expect(told(scan, { type: "ended", account_id: "a", status: "failed", reason: "no" }).failed).toBe("no");
  });
});

describe("formats", () => {
  beforeEach(() => vi.useFakeTimers({ now: new Date("2026-10-01T12:00:00Z") }));
  afterEach(() => vi.useRealTimers());

  test("money has cents while they matter", () => {
    expect([usd(12.345), usd(1_234.5)]).toEqual(["$12.35", "$1,235"]);
  });
  test("small shares have a decimal", () => {
    expect([percent(0.012), percent(0.65)]).toEqual(["1.2%", "65%"]);
  });
  test("times are told relative to now", () => {
    expect([ago("2026-10-01T11:59:58Z"), ago("2026-10-01T11:57:00Z")]).toEqual(["just now", "3 min ago"]);
  });
  test.each([
    [0.25, "250 ms"],
    [3.2, "3.2 s"],
    [112, "1 min 52 s"],
    [7_260, "2 h 1 min"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
