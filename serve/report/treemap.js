/* Squarified treemap: rectangles of given areas, as near to squares as a greedy row can make them. */

/** Rectangles [x, y, w, h], one for each area, that fill the given one. Areas in any unit, the largest first. */
function squarify(areas, x, y, w, h) {
  const sum = areas.reduce((a, b) => a + b, 0);
  const unit = sum > 0 ? (w * h) / sum : 0;
  const result = [];
  let start = 0;
  while (start < areas.length) {
    const side = Math.max(Math.min(w, h), 1e-6);
    let row = areas[start] * unit;
    let end = start + 1;
    while (end < areas.length && worst(areas, start, end + 1, row + areas[end] * unit, unit, side) <= worst(areas, start, end, row, unit, side)) {
      row += areas[end] * unit;
      end += 1;
    }
    const thick = row / side;
    let along = 0;
    for (let i = start; i < end; i += 1) {
      const length = row > 0 ? (areas[i] * unit) / row * side : 0;
      result.push(w >= h ? [x, y + along, thick, length] : [x + along, y, length, thick]);
      along += length;
    }
    if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    start = end;
  }
  return result;
}

/** The largest ratio of sides in a row of the given total area along a side. */
function worst(areas, start, end, row, unit, side) {
  const thick = row / side;
  let result = 1;
  for (const area of [areas[start], areas[end - 1]]) {
    const length = Math.max(area * unit, 1e-9) / Math.max(thick, 1e-9);
    result = Math.max(result, length / thick, thick / length);
  }
  return result;
}
