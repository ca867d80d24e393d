/** Stacked bars as SVG: a reading for the bar pointed at or focused, and the figures as a table for screen readers. */

import { useElementSize } from "@mantine/hooks";
import { useId, useState } from "react";
import classes from "./chart.module.css";

export interface Bar {
  name: string;
  /** One for each series; below 0 hangs under the axis. */
  values: readonly number[];
  /** Drawn fainter: not yet so. */
  faint?: "yes" | "no";
  /** Said beside the figures. */
  note?: string;
}

interface BarsProps {
  label: string;
  series: readonly { name: string; colour: string }[];
  bars: readonly Bar[];
  /** How an amount reads at the axis, and where there is room. */
  y: (value: number) => string;
  precise: (value: number) => string;
  height: number;
}

const MARGIN = { top: 10, right: 4, bottom: 26, left: 52 };
const TICKS = 4;
/** Share of a bar's place that the bar takes, and pixels it takes at most. */
const FILL = 0.62;
const WIDEST = 46;

export function Bars({ label, series, bars, y, precise, height }: BarsProps) {
  const { ref, width } = useElementSize();
  const [at, setAt] = useState<number | null>(null);
  const id = useId();
  const tops = bars.map(({ values }) => values.reduce((sum, value) => sum + Math.max(0, value), 0));
  const lows = bars.map(({ values }) => values.reduce((sum, value) => sum + Math.min(0, value), 0));
  const ticks = ticksOf(Math.min(0, ...lows), Math.max(0, ...tops));
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  const down = height - MARGIN.top - MARGIN.bottom;
  const place = (value: number) => MARGIN.top + down * (1 - (value - low) / (high - low || 1));
  const slot = Math.max(1, width - MARGIN.left - MARGIN.right) / Math.max(1, bars.length);
  const thick = Math.min(WIDEST, slot * FILL);
  const every = Math.max(1, Math.ceil(bars.length / Math.max(1, Math.floor((width - MARGIN.left) / 52))));
  const shown = at === null ? undefined : bars[at];
  return (
    <figure className={classes.chart}>
      <figcaption className={classes.legend}>
        {series.map((one, number) => (
          <span key={one.name}>
            <svg width="10" height="10" aria-hidden="true">
              <rect width="10" height="10" rx="2" fill={one.colour} />
            </svg>
            {one.name}
            {shown && <strong>{precise(shown.values[number] ?? 0)}</strong>}
          </span>
        ))}
        {shown && (
          <span className={classes.at}>
            {shown.name}
            {shown.note && `, ${shown.note}`}
          </span>
        )}
      </figcaption>
      <div ref={ref} style={{ height }}>
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-labelledby={id} onPointerLeave={() => setAt(null)}>
            <title id={id}>{label}</title>
            {ticks.map((value) => (
              <g key={value} className={classes.axis}>
                <line x1={MARGIN.left} x2={width - MARGIN.right} y1={place(value)} y2={place(value)} />
                <text x={MARGIN.left - 8} y={place(value)} textAnchor="end" dominantBaseline="middle">
                  {y(value)}
                </text>
              </g>
            ))}
            {bars.map((bar, number) => {
              const left = MARGIN.left + slot * number;
              return (
                <g key={bar.name}>
                  <g opacity={bar.faint === "yes" && at !== number ? 0.5 : 1}>
                    {boxes(bar.values).map(([from, to], part) => (
                      <rect
                        key={series[part]?.name}
                        x={left + (slot - thick) / 2}
                        width={thick}
                        y={place(to)}
                        height={Math.max(0, place(from) - place(to) - (to === tops[number] ? 0 : 1))}
                        rx={2}
                        fill={series[part]?.colour}
                      />
                    ))}
                  </g>
                  {number % every === 0 && (
                    <text className={classes.tick} x={left + slot / 2} y={height - 6} textAnchor="middle">
                      {bar.name}
                    </text>
                  )}
                  <rect
                    x={left}
                    y={0}
                    width={slot}
                    height={height}
                    fill="transparent"
                    onPointerEnter={() => setAt(number)}
                  />
                </g>
              );
            })}
          </svg>
        )}
      </div>
      <table className={classes.hidden} aria-label={label}>
        <thead>
          <tr>
            <td />
            {series.map((one) => (
              <th key={one.name} scope="col">
                {one.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar.name}>
              <th scope="row">{bar.name}</th>
              {bar.values.map((value, number) => (
                <td key={series[number]?.name}>{precise(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

/** Where each part of a bar begins and ends: what is positive upwards, what is negative downwards. */
function boxes(values: readonly number[]): (readonly [from: number, to: number])[] {
  let [above, below] = [0, 0];
  return values.map((value) => {
    if (value >= 0) {
      above += value;
      return [above - value, above];
    }
    below += value;
    return [below, below - value];
  });
}

function ticksOf(low: number, high: number): number[] {
  const raw = (high - low || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.floor(low / step);
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, number) => (first + number) * step);
}
