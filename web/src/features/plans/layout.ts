/** Where each node of a map is: boxes as large as their vCPUs, in rows, a group for each zone. */

import type { MapNode } from "./model";
import { type Box, squarify } from "./squarify";

/** Pixels between boxes. */
const GAP = 6;
/** Pixels: side of the largest box at most, and side for each root of a vCPU at least. */
const LARGEST_BOX = 168;
const SMALLEST_UNIT = 7;
/** Pixels: the line with the type, and the size of a box from which there is one. */
export const HEADER = 18;
export const NAMED_FROM = 74;

export interface Place {
  node: MapNode;
  x: number;
  y: number;
  size: number;
}

export interface Group {
  zone: string;
  places: Place[];
  height: number;
}

/** Pixels for each root of a vCPU, the same on both maps, so that sizes can be compared. */
export function unitFor(nodes: readonly MapNode[], width: number): number {
  const largest = Math.sqrt(Math.max(1, ...nodes.map((node) => node.vcpus)));
  const total = nodes.reduce((sum, node) => sum + node.vcpus, 0);
  const wanted = Math.sqrt((width * 620) / Math.max(1, total)) * 0.8;
  return Math.max(SMALLEST_UNIT, Math.min(LARGEST_BOX / largest, wanted, (width - 2) / largest));
}

export function layOut(nodes: readonly MapNode[], width: number, unit: number): Group[] {
  const zones = new Map<string, MapNode[]>();
  for (const node of nodes) zones.set(node.zone, [...(zones.get(node.zone) ?? []), node]);
  return [...zones]
    .sort(([a], [b]) => (a === "" ? 1 : b === "" ? -1 : a.localeCompare(b)))
    .map(([zone, members]) => ({ zone, ...rows(members.sort(bySize), width, unit) }));
}

const bySize = (a: MapNode, b: MapNode) =>
  b.vcpus - a.vcpus ||
  a.instanceType.localeCompare(b.instanceType) ||
  a.name.localeCompare(b.name, undefined, { numeric: true });

function rows(nodes: readonly MapNode[], width: number, unit: number): { places: Place[]; height: number } {
  const places: Place[] = [];
  let [x, y, row] = [0, 0, 0];
  for (const node of nodes) {
    const size = Math.min(Math.max(6, unit * Math.sqrt(node.vcpus)), width);
    if (x > 0 && x + size > width) [x, y, row] = [0, y + row + GAP, 0];
    places.push({ node, x, y, size });
    row = Math.max(row, size);
    x += size + GAP;
  }
  return { places, height: Math.ceil(y + row) + 1 };
}

/** The boxes of a node's pods, in their order; what is free is at the top. */
export function podBoxes({ node, x, y, size }: Place): Box[] {
  const head = size >= NAMED_FROM ? HEADER : Math.min(4, size / 7);
  const pad = size >= 40 ? 3 : 1;
  const height = size - head - pad;
  const filled = height * node.fill;
  return squarify(node.shares, [x + pad, y + head + height - filled, size - 2 * pad, filled]);
}

/** The node at a point, and which of its pods. */
export function at(group: Group, x: number, y: number): { place: Place; pod: number | null } | null {
  const place = group.places.find((one) => x >= one.x && x < one.x + one.size && y >= one.y && y < one.y + one.size);
  if (!place) return null;
  const hit = podBoxes(place).findIndex(([px, py, w, h]) => x >= px && x < px + w && y >= py && y < py + h);
  return { place, pod: hit < 0 ? null : (place.node.pods[hit] ?? null) };
}
