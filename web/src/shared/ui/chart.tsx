/** A line chart as SVG, with axes, a reading at the pointer, and its figures as a table for screen readers. */

import { useElementSize } from "@mantine/hooks";
import { type PointerEvent, useId, useMemo, useState } from "react";
import classes from "./chart.module.css";

export interface Line {
  name: string;
  /** A CSS colour. */
  colour: string;
  points: readonly (readonly [x: number, y: number])[];
  /** Filled down to the axis. */
  area?: "yes";
  dash?: string;
}

interface ChartProps {
  label: string;
  lines: readonly Line[];
  /** How a place on the axis reads. */
  x: (value: number) => string;
  y: (value: number) => string;
  height?: number;
  /** Whether a value holds until the next one, rather than changing evenly. */
  steps?: "yes";
  /** Where the vertical axis begins; just under the least value when left out. */
  from?: number;
}

const MARGIN = { top: 10, right: 12, bottom: 26, left: 58 };
const TICKS = 4;

export function Chart({ label, lines, x, y, height = 260, steps, from }: ChartProps) {
  const { ref, width } = useElementSize();
  const [at, setAt] = useState<number | null>(null);
  const id = useId();
  const scale = useMemo(() => scales(lines, { width, height, from }), [lines, width, height, from]);
  const nearest = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const wanted = scale.fromX(event.clientX - box.left);
    const all = lines.flatMap(({ points }) => points.map(([value]) => value));
    setAt(
      all.reduce((best, value) => (Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best), all[0] ?? 0),
    );
  };
  return (
    <figure className={classes.chart}>
      <figcaption className={classes.legend}>
        {lines.map((line) => (
          <span key={line.name}>
            <svg width="14" height="8" aria-hidden="true">
              <line x1="0" x2="14" y1="4" y2="4" stroke={line.colour} strokeWidth="2.5" strokeDasharray={line.dash} />
            </svg>
            {line.name}
            {at !== null && <strong> {reading(line, at, y)}</strong>}
          </span>
        ))}
        {at !== null && <span className={classes.at}>{x(at)}</span>}
      </figcaption>
      <div ref={ref} style={{ height }}>
        {width > 0 && (
          <svg
            width={width}
            height={height}
            role="img"
            aria-labelledby={id}
            onPointerMove={nearest}
            onPointerLeave={() => setAt(null)}
          >
            <title id={id}>{label}</title>
            {scale.ticksY.map((value) => (
              <g key={value} className={classes.axis}>
                <line x1={MARGIN.left} x2={width - MARGIN.right} y1={scale.y(value)} y2={scale.y(value)} />
                <text x={MARGIN.left - 8} y={scale.y(value)} textAnchor="end" dominantBaseline="middle">
                  {y(value)}
                </text>
              </g>
            ))}
            {scale.ticksX.map((value) => (
              <text key={value} className={classes.tick} x={scale.x(value)} y={height - 6} textAnchor="middle">
                {x(value)}
              </text>
            ))}
            {lines.map((line) => (
              <Drawn key={line.name} line={line} scale={scale} steps={steps} />
            ))}
            {at !== null && (
              <line
                className={classes.cursor}
                x1={scale.x(at)}
                x2={scale.x(at)}
                y1={MARGIN.top}
                y2={height - MARGIN.bottom}
              />
            )}
          </svg>
        )}
      </div>
      <Figures label={label} lines={lines} x={x} y={y} />
    </figure>
  );
}

type Scale = ReturnType<typeof scales>;

function scales(
  lines: readonly Line[],
  { width, height, from }: { width: number; height: number; from: number | undefined },
) {
  const xs = lines.flatMap(({ points }) => points.map(([value]) => value));
  const ys = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [least, most] = [Math.min(...ys), Math.max(...ys)];
  const step = niceStep((most - (from ?? least)) / TICKS || Math.max(1, Math.abs(most)) / TICKS);
  const low = Math.floor((from ?? least) / step) * step;
  const high = Math.max(low + step, Math.ceil(most / step) * step);
  const across = Math.max(1, width - MARGIN.left - MARGIN.right);
  const down = height - MARGIN.top - MARGIN.bottom;
  const span = right - left || 1;
  const places = [...new Set(xs)].sort((a, b) => a - b);
  const every = Math.max(1, Math.ceil(places.length / Math.max(2, Math.floor(across / 90))));
  return {
    x: (value: number) => MARGIN.left + (across * (value - left)) / span,
    y: (value: number) => MARGIN.top + down * (1 - (value - low) / (high - low)),
    fromX: (pixel: number) => left + (span * (pixel - MARGIN.left)) / across,
    floor: MARGIN.top + down,
    ticksY: Array.from({ length: Math.round((high - low) / step) + 1 }, (_, place) => low + place * step),
    ticksX: places.filter((_, place) => place % every === 0),
  };
}

function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) ?? 10);
}

function Drawn({ line, scale, steps }: { line: Line; scale: Scale; steps: "yes" | undefined }) {
  const path = line.points
    .map(([px, py], place) => {
      const [x, y] = [scale.x(px).toFixed(1), scale.y(py).toFixed(1)];
      if (place === 0) return `M${x} ${y}`;
      return steps ? `H${x}V${y}` : `L${x} ${y}`;
    })
    .join("");
  const [first, last] = [line.points[0], line.points.at(-1)];
  return (
    <>
      {line.area && first && last && (
        <path
          d={`${path}L${scale.x(last[0])} ${scale.floor}L${scale.x(first[0])} ${scale.floor}Z`}
          fill={line.colour}
          opacity={0.13}
        />
      )}
      <path
        d={path}
        fill="none"
        stroke={line.colour}
        strokeWidth={2.25}
        strokeLinejoin="round"
        strokeDasharray={line.dash}
      />
    </>
  );
}

function reading({ points }: Line, at: number, y: (value: number) => string): string {
  const before = points.filter(([value]) => value <= at).at(-1) ?? points[0];
  return before ? y(before[1]) : "";
}

function Figures({ label, lines, x, y }: Pick<ChartProps, "label" | "lines" | "x" | "y">) {
  return (
    <div className={classes.hidden}>
      {lines.map((line) => (
        <table key={line.name} aria-label={`${label}: ${line.name}`}>
          <tbody>
            {line.points.map(([px, py]) => (
              <tr key={`${px} ${py}`}>
                <th scope="row">{x(px)}</th>
                <td>{y(py)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ))}
    </div>
  );
}
