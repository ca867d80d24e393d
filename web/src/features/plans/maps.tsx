import { SegmentedControl, Text, useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useMemo, useState } from "react";
import { count, cpus, gib, percent, plural, usdFine } from "@/shared/format";
import { useSearch } from "@/shared/search";
import { colourOf, inkOf, type Scene } from "./draw";
import { unitFor } from "./layout";
import { FleetMap, type Pointed } from "./map";
import classes from "./map.module.css";
import type { MapNode, PlanMap } from "./model";

/** Namespaces named in the legend; more would be more to read than the map. */
const NAMED = 8;
const TIP_WIDTH = 320;

/** Before and after, to the same scale. */
export function Maps({ map }: { map: PlanMap }) {
  const scheme = useComputedColorScheme("light");
  const [colours, setColours] = useSearch("colours", "namespace");
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const { ref, width } = useElementSize();
  const by = colours === "moves" ? "moves" : "namespace";
  const fonts = useFonts();
  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn once more when the font has come
  const scene = useMemo((): Scene => ({ map, ink: inkOf(scheme), by }), [map, scheme, by, fonts]);
  const unit = useMemo(
    () => unitFor([...map.before, ...map.after], Math.max(1, width > 880 ? width / 2 - 10 : width)),
    [map, width],
  );
  const shared = { unit, scene, pointed, point: setPointed };
  return (
    <div ref={ref}>
      <div className={classes.legend}>
        <SegmentedControl
          size="xs"
          value={by}
          onChange={setColours}
          data={[
            { value: "namespace", label: "Namespaces" },
            { value: "moves", label: "What moves" },
          ]}
        />
        <Legend scene={scene} />
      </div>
      <div className={classes.maps}>
        <Side title="Now" nodes={map.before}>
          <FleetMap side="before" nodes={map.before} {...shared} />
        </Side>
        <Side title="Planned" nodes={map.after}>
          <FleetMap side="after" nodes={map.after} {...shared} />
        </Side>
      </div>
      <div aria-live="polite">{pointed && <Tip map={map} pointed={pointed} />}</div>
    </div>
  );
}

/** Whether the fonts of the page have come: a canvas does not draw itself again. */
function useFonts(): boolean {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    void document.fonts?.load("600 11px 'Inter Variable'").then(() => setReady(true));
  }, []);
  return ready;
}

function Side({ title, nodes, children }: { title: string; nodes: readonly MapNode[]; children: React.ReactNode }) {
  const vcpus = nodes.reduce((sum, node) => sum + node.vcpus, 0);
  const known = nodes.every((node) => node.mcpu > 0);
  return (
    <div className={classes.side}>
      <div className={classes.sideTitle}>
        <Text fw={620}>{title}</Text>
        <Text size="sm" c="dimmed" data-figure>
          {plural(nodes.length, "node")}
          {known && `, ${count(vcpus)} vCPUs`}
        </Text>
      </div>
      {children}
    </div>
  );
}

function Legend({ scene: { map, ink, by } }: { scene: Scene }) {
  const names = by === "namespace" ? map.namespaces.slice(0, NAMED) : [];
  return (
    <>
      {names.map((name) => (
        <Swatch key={name} fill={colourOf(map, name, ink.scheme)}>
          {name}
        </Swatch>
      ))}
      {by === "namespace" && map.namespaces.length > NAMED && (
        <span>and {count(map.namespaces.length - NAMED)} more</span>
      )}
      {by === "moves" && <Swatch fill={ink.spot}>moves</Swatch>}
      <Swatch stroke={ink.bad} dash="3 2">
        goes
      </Swatch>
      <Swatch stroke={ink.good}>new</Swatch>
      <span>
        A box is as large as its vCPUs, {map.sized ? "filled as far as its pods request" : "with each pod drawn alike"}.
      </span>
    </>
  );
}

interface SwatchProps {
  fill?: string;
  stroke?: string;
  dash?: string;
  children: React.ReactNode;
}

function Swatch({ fill = "none", stroke, dash, children }: SwatchProps) {
  return (
    <span className={classes.swatch}>
      <svg width="12" height="12" aria-hidden="true">
        <rect
          x="1"
          y="1"
          width="10"
          height="10"
          rx="2"
          fill={fill}
          stroke={stroke}
          strokeWidth="1.5"
          strokeDasharray={dash}
        />
      </svg>
      {children}
    </span>
  );
}

const BOUGHT = { spot: "Spot", "on-demand": "On-demand", unknown: "" };
const STATES = { stays: "stays", goes: "goes", new: "new" };

function Tip({ map, pointed }: { map: PlanMap; pointed: Pointed }) {
  const nodes = pointed.side === "before" ? map.before : map.after;
  const node = nodes.find(({ name }) => name === pointed.node);
  if (!node) return null;
  const pod = pointed.pod === null ? undefined : map.pods[pointed.pod];
  const left = Math.max(8, Math.min(pointed.x + 16, window.innerWidth - TIP_WIDTH - 8));
  const low = pointed.y > window.innerHeight * 0.6;
  return (
    <div
      className={classes.tip}
      style={low ? { left, bottom: window.innerHeight - pointed.y + 12 } : { left, top: pointed.y + 16 }}
    >
      {pod ? <PodTip map={map} pod={pod} place={pointed.pod ?? -1} /> : <NodeTip node={node} sized={map.sized} />}
    </div>
  );
}

function NodeTip({ node, sized }: { node: MapNode; sized: boolean }) {
  return (
    <>
      <strong>{node.name}</strong>
      <dl>
        <dt>State</dt>
        <dd>{STATES[node.state]}</dd>
        {node.instanceType && (
          <>
            <dt>Type</dt>
            <dd>
              {node.instanceType} {BOUGHT[node.capacityType]}
            </dd>
          </>
        )}
        <dt>Pods</dt>
        <dd>
          {count(node.pods.length)}
          {sized && node.mcpu > 0 && `, ${percent(node.fill)} full`}
        </dd>
        {node.usdPerH !== null && (
          <>
            <dt>Price</dt>
            <dd>{usdFine(node.usdPerH)} an hour</dd>
          </>
        )}
      </dl>
      {node.why && <p className={classes.why}>{node.why}</p>}
    </>
  );
}

function PodTip({ map, pod, place }: { map: PlanMap; pod: PlanMap["pods"][number]; place: number }) {
  const on = (nodes: readonly MapNode[]) => nodes.find((node) => node.pods.includes(place))?.name ?? "nowhere";
  return (
    <>
      <strong>{pod.key}</strong>
      <dl>
        {map.sized && (
          <>
            <dt>Requests</dt>
            <dd>
              {cpus(pod.mcpu)} CPU, {gib(pod.bytes)}
            </dd>
          </>
        )}
        <dt>Now on</dt>
        <dd>{on(map.before)}</dd>
        {pod.moves && (
          <>
            <dt>Moves to</dt>
            <dd>{on(map.after)}</dd>
          </>
        )}
      </dl>
    </>
  );
}
