/** Draws nodes and pods on a canvas. */

import { type Group, HEADER, NAMED_FROM, type Place, podBoxes } from "./layout";
import type { MapPod, PlanMap } from "./model";

/** Colours of namespaces, told apart by people who see few colours; the rest share the last. */
const PALETTE = {
  light: ["#4f8fb8", "#d08b4c", "#5ba183", "#a97fb8", "#c2a63f", "#5fa9b5", "#c17272", "#8a86bd", "#9aa3ad"],
  dark: ["#5b9cc6", "#d79a5f", "#68b092", "#b68ec5", "#cbb254", "#6bb5c1", "#cd8080", "#9894cb", "#707b87"],
} as const;

export interface Ink {
  scheme: "light" | "dark";
  text: string;
  dim: string;
  line: string;
  empty: string;
  spot: string;
  demand: string;
  good: string;
  bad: string;
  font: string;
}

export function inkOf(scheme: "light" | "dark"): Ink {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    scheme,
    text: read("--mantine-color-text"),
    dim: read("--mantine-color-dimmed"),
    line: read("--line-strong"),
    empty: read("--surface-sunken"),
    spot: read("--data-spot"),
    demand: read("--data-demand"),
    good: read("--tone-good"),
    bad: read("--tone-bad"),
    font: read("--mantine-font-family"),
  };
}

export function colourOf(map: PlanMap, namespace: string, scheme: "light" | "dark"): string {
  const palette = PALETTE[scheme];
  return palette[Math.min(map.namespaces.indexOf(namespace), palette.length - 1)] ?? palette[0];
}

export interface Scene {
  map: PlanMap;
  ink: Ink;
  /** "namespace" colours pods by their namespace, "moves" shows only those that move. */
  by: "namespace" | "moves";
}

/** Makes the canvas as sharp as the screen, and gives its pen in CSS pixels. */
export function penOf(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const density = Math.max(1, Math.min(3, window.devicePixelRatio || 1));
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  const pen = canvas.getContext("2d");
  pen?.setTransform(density, 0, 0, density, 0, 0);
  return pen;
}

export function drawGroup(pen: CanvasRenderingContext2D, group: Group, scene: Scene): void {
  for (const place of group.places) drawNode(pen, place, scene);
}

function drawNode(pen: CanvasRenderingContext2D, place: Place, scene: Scene): void {
  const { ink } = scene;
  const { node, x, y, size } = place;
  pen.globalAlpha = 1;
  pen.fillStyle = ink.empty;
  pen.beginPath();
  pen.roundRect(x, y, size, size, Math.min(5, size / 6));
  pen.fill();
  const gap = size >= 60 ? 0.5 : size >= 26 ? 0.25 : 0;
  podBoxes(place).forEach(([px, py, w, h], position) => {
    const pod = scene.map.pods[node.pods[position] ?? -1];
    if (!pod) return;
    [pen.fillStyle, pen.globalAlpha] = paint(pod, scene);
    pen.fillRect(px + gap, py + gap, Math.max(0.4, w - 2 * gap), Math.max(0.4, h - 2 * gap));
  });
  pen.globalAlpha = 1;
  drawHead(pen, place, ink);
  drawEdge(pen, place, ink);
}

function paint(pod: MapPod, { map, ink, by }: Scene): [string, number] {
  if (by === "moves") return pod.moves ? [ink.spot, 0.95] : [ink.dim, 0.22];
  return [colourOf(map, pod.namespace, ink.scheme), 0.9];
}

function drawEdge(pen: CanvasRenderingContext2D, { node, x, y, size }: Place, ink: Ink): void {
  pen.setLineDash(node.state === "goes" ? [4, 3] : []);
  pen.lineWidth = node.state !== "stays" && size > 20 ? 2 : 1;
  pen.strokeStyle = node.state === "goes" ? ink.bad : node.state === "new" ? ink.good : ink.line;
  const half = pen.lineWidth / 2;
  pen.beginPath();
  pen.roundRect(x + half, y + half, size - 2 * half, size - 2 * half, Math.min(5, size / 6));
  pen.stroke();
  pen.setLineDash([]);
}

function drawHead(pen: CanvasRenderingContext2D, { node, x, y, size }: Place, ink: Ink): void {
  const colour = node.capacityType === "spot" ? ink.spot : node.capacityType === "on-demand" ? ink.demand : ink.dim;
  pen.fillStyle = colour;
  if (size < NAMED_FROM) {
    pen.fillRect(x + 1, y + 1, size - 2, Math.min(3, size / 7));
    return;
  }
  pen.font = `600 10.5px ${ink.font}`;
  pen.textBaseline = "middle";
  const tag = node.capacityType === "spot" ? "Spot" : node.capacityType === "on-demand" ? "OD" : "";
  const tagWidth = pen.measureText(tag).width;
  pen.fillText(tag, x + size - tagWidth - 6, y + HEADER / 2 + 1);
  pen.fillStyle = ink.text;
  const name = node.instanceType || node.name;
  pen.fillText(shortened(pen, name, size - tagWidth - 18), x + 6, y + HEADER / 2 + 1);
}

/** Outlines what is pointed at. */
export function drawMark(
  pen: CanvasRenderingContext2D,
  group: Group,
  pointed: { node: string; pod: number | null },
  ink: Ink,
): void {
  for (const place of group.places) {
    const position = pointed.pod === null ? -1 : place.node.pods.indexOf(pointed.pod);
    if (place.node.name !== pointed.node && position < 0) continue;
    pen.strokeStyle = ink.text;
    pen.lineWidth = 2;
    const box = position < 0 ? null : podBoxes(place)[position];
    if (!box) {
      pen.strokeRect(place.x + 1, place.y + 1, place.size - 2, place.size - 2);
      continue;
    }
    const [x, y, w, h] = box;
    pen.fillStyle = ink.text;
    pen.globalAlpha = 0.3;
    pen.fillRect(x, y, w, h);
    pen.globalAlpha = 1;
    pen.strokeRect(x, y, Math.max(w, 3), Math.max(h, 3));
  }
}

function shortened(pen: CanvasRenderingContext2D, text: string, width: number): string {
  const brief = text.replace(/xlarge$/, "xl");
  if (pen.measureText(text).width <= width) return text;
  if (pen.measureText(brief).width <= width) return brief;
  let end = brief.length;
  while (end > 1 && pen.measureText(`${brief.slice(0, end)}…`).width > width) end -= 1;
  return `${brief.slice(0, end)}…`;
}
