/** Squarified treemap: rectangles of given areas, as near to squares as a greedy row can make them. */

export type Box = readonly [x: number, y: number, width: number, height: number];

/** One rectangle for each area, together filling the given one. Areas in any unit, the largest first. */
export function squarify(areas: readonly number[], [x0, y0, w0, h0]: Box): Box[] {
  let [x, y, w, h] = [x0, y0, w0, h0];
  const total = areas.reduce((sum, area) => sum + area, 0);
  const unit = total > 0 ? (w * h) / total : 0;
  const boxes: Box[] = [];
  let start = 0;
  while (start < areas.length) {
    const side = Math.max(Math.min(w, h), 1e-6);
    let row = (areas[start] ?? 0) * unit;
    let end = start + 1;
    while (end < areas.length) {
      const longer = row + (areas[end] ?? 0) * unit;
      if (worst(areas, start, end + 1, { row: longer, unit, side }) > worst(areas, start, end, { row, unit, side }))
        break;
      row = longer;
      end += 1;
    }
    const thick = row / side;
    let along = 0;
    for (let place = start; place < end; place += 1) {
      const length = row > 0 ? (((areas[place] ?? 0) * unit) / row) * side : 0;
      boxes.push(w >= h ? [x, y + along, thick, length] : [x + along, y, length, thick]);
      along += length;
    }
    if (w >= h) [x, w] = [x + thick, w - thick];
    else [y, h] = [y + thick, h - thick];
    start = end;
  }
  return boxes;
}

/** The largest ratio of sides in a row of the given total area along a side. */
function worst(
  areas: readonly number[],
  start: number,
  end: number,
  { row, unit, side }: { row: number; unit: number; side: number },
): number {
  const thick = Math.max(row / side, 1e-9);
  let ratio = 1;
  for (const area of [areas[start] ?? 0, areas[end - 1] ?? 0]) {
    const length = Math.max(area * unit, 1e-9) / thick;
    ratio = Math.max(ratio, length / thick, thick / length);
  }
  return ratio;
}
