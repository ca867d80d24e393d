/** One fleet as a map: a canvas for each zone, drawn only while it is in sight, and a layer for what is pointed at. */

import { useElementSize } from "@mantine/hooks";
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { percent, plural, usd } from "@/shared/format";
import { drawGroup, drawMark, penOf, type Scene } from "./draw";
import { at, type Group, layOut } from "./layout";
import classes from "./map.module.css";
import type { MapNode } from "./model";

export interface Pointed {
  node: string;
  pod: number | null;
  /** Where the pointer is, in pixels of the window. */
  x: number;
  y: number;
  side: "before" | "after";
}

interface FleetProps {
  side: "before" | "after";
  nodes: readonly MapNode[];
  unit: number;
  scene: Scene;
  pointed: Pointed | null;
  point: (pointed: Pointed | null) => void;
}

export function FleetMap({ nodes, unit, ...rest }: FleetProps) {
  const { ref, width } = useElementSize();
  const groups = useMemo(() => (width > 0 ? layOut(nodes, width, unit) : []), [nodes, width, unit]);
  return (
    <div ref={ref} className={classes.fleet}>
      {groups.map((group) => (
        <Zone key={group.zone} group={group} width={width} {...rest} />
      ))}
    </div>
  );
}

type ZoneProps = Omit<FleetProps, "nodes" | "unit"> & { group: Group; width: number };

function Zone({ group, width, side, scene, pointed, point }: ZoneProps) {
  const base = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const near = useNear(base);
  const [current, setCurrent] = useState(0);

  useEffect(() => {
    const canvas = base.current;
    if (!canvas) return;
    const pen = penOf(canvas, near ? width : 0, near ? group.height : 0);
    if (near && pen) drawGroup(pen, group, scene);
  }, [near, group, width, scene]);

  useEffect(() => {
    const canvas = over.current;
    if (!canvas) return;
    const touched =
      pointed &&
      group.places.some(
        ({ node }) => node.name === pointed.node || (pointed.pod !== null && node.pods.includes(pointed.pod)),
      );
    const pen = penOf(canvas, touched ? width : 0, touched ? group.height : 0);
    if (touched && pen) drawMark(pen, group, pointed, scene.ink);
  }, [pointed, group, width, scene]);

  const move = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const hit = at(group, event.clientX - box.left, event.clientY - box.top);
    point(hit && { node: hit.place.node.name, pod: hit.pod, x: event.clientX, y: event.clientY, side });
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "Escape") return point(null);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(group.places.length - 1, current + step));
    const place = group.places[next];
    const box = event.currentTarget.getBoundingClientRect();
    setCurrent(next);
    if (place)
      point({ node: place.node.name, pod: null, x: box.left + place.x + place.size, y: box.top + place.y, side });
  };
  return (
    <div>
      <div className={classes.zone}>
        <strong>{group.zone || "Nodes that go"}</strong> {about(group, scene.map.sized)}
      </div>
      <div className={classes.layers} style={{ height: group.height }}>
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a canvas is neither; arrow keys go from node to node */}
        <canvas
          ref={base}
          role="application"
          aria-roledescription="node map"
          aria-label={`${side === "before" ? "Now" : "Planned"}, ${group.zone || "nodes that go"}: ${plural(group.places.length, "node")}. Arrow keys go from node to node.`}
          tabIndex={0}
          style={{ height: group.height }}
          onPointerMove={move}
          onPointerDown={move}
          onPointerLeave={() => point(null)}
          onBlur={() => point(null)}
          onKeyDown={key}
        />
        <canvas ref={over} aria-hidden className={classes.over} style={{ height: group.height }} />
      </div>
    </div>
  );
}

function about({ places }: Group, sized: boolean): string {
  const cost = places.reduce((sum, { node }) => sum + (node.usdPerH ?? 0), 0);
  const vcpus = places.reduce((sum, { node }) => sum + node.vcpus, 0);
  const full = places.reduce((sum, { node }) => sum + node.fill * node.vcpus, 0) / Math.max(1, vcpus);
  return `${plural(places.length, "node")} · ${usd(cost)}/h${sized ? ` · ${percent(full)} full` : ""}`;
}

/** Whether an element is in sight or close to it. */
function useNear(ref: React.RefObject<Element | null>): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new IntersectionObserver(([entry]) => setNear(entry?.isIntersecting ?? false), {
      rootMargin: "400px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return near;
}
