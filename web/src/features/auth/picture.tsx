/** Half-filled nodes on the left, packed ones on the right: pods as filled cells. */
const BEFORE = [
  [0, 0, 0.35],
  [1, 0, 0.5],
  [2, 0, 0.2],
  [0, 1, 0.45],
  [1, 1, 0.25],
  [2, 1, 0.6],
  [0, 2, 0.3],
  [1, 2, 0.4],
  [2, 2, 0.15],
] as const;
const AFTER = [
  [0, 0, 0.94],
  [0, 1, 0.9],
  [0, 2, 0.88],
] as const;
const SIZE = 56;
const STEP = 66;

export function Picture() {
  return (
    <svg viewBox="0 0 420 200" width="420" fill="none" aria-hidden="true">
      {BEFORE.map(([x, y, fill]) => (
        <Node key={`${x}${y}`} x={x * STEP + 1} y={y * STEP + 1} fill={fill} pods="#5b8f89" edge="#2f5a55" />
      ))}
      <path
        d="M222 99h52m-14-12 14 12-14 12"
        stroke="#45bbaa"
        strokeWidth="3"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      {AFTER.map(([x, y, fill]) => (
        <Node key={y} x={300 + x} y={y * STEP + 1} fill={fill} pods="#45bbaa" edge="#74d3c4" />
      ))}
    </svg>
  );
}

function Node({ x, y, fill, pods, edge }: { x: number; y: number; fill: number; pods: string; edge: string }) {
  const height = (SIZE - 10) * fill;
  const top = y + SIZE - 5 - height;
  const middle = SIZE * 0.55;
  return (
    <g>
      <rect x={x} y={y} width={SIZE} height={SIZE} rx={8} stroke={edge} strokeWidth={1.5} />
      <rect x={x + 5} y={top} width={middle - 7} height={height} rx={3} fill={pods} />
      <rect x={x + middle} y={top} width={SIZE - 5 - middle} height={height * 0.55} rx={3} fill={pods} opacity={0.75} />
      <rect
        x={x + middle}
        y={top + height * 0.55 + 2}
        width={SIZE - 5 - middle}
        height={Math.max(2, height * 0.45 - 2)}
        rx={3}
        fill={pods}
        opacity={0.5}
      />
    </g>
  );
}
