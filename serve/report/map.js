/* The node map: boxes as large as their vCPUs, filled from the bottom with pods. Drawn on canvas, read by keyboard too. */

const PALETTE = {
  light: ["#5b84b1", "#d98a52", "#6aa57c", "#b0729f", "#c9ad4d", "#62aab4", "#c46a6a", "#8579bd", "#93955a", "#a67f63"],
  dark: ["#6f9bcb", "#dc945f", "#72b389", "#c184b1", "#cdb35a", "#66b3be", "#d47a7a", "#9a8fd1", "#a3a567", "#b88f72"],
  other: { light: "#a3acb1", dark: "#77838b" },
};
const GAP = 5; /* px between boxes */
const LARGEST_BOX = 210, SMALLEST_UNIT = 3; /* px: side of the largest box at most, side per root of a vCPU at least */
const HEADER = 18, NAMED_FROM = 76; /* px: height of the line with the type, and box size from which there is one */

/** Share of a node that a pod takes: of the resource it takes most of. */
function dominantShare(data, pod, node) {
  const pods = data.pods;
  let share = Math.max(pods.cpu[pod] / (node.cpu || Infinity), pods.mem[pod] / (node.mem || Infinity));
  for (const [name, amount] of Object.entries(pods.ext[pod] || {})) share = Math.max(share, amount / ((node.ext || {})[name] || Infinity));
  return share;
}

/** Pods of each node, largest first, and how full the node is. */
function fillNodes(data, fleet) {
  for (const node of fleet.nodes) Object.assign(node, { pods: [], used: { cpu: 0, mem: 0 }, fill: 0 });
  fleet.at.forEach((place, pod) => { if (place >= 0) fleet.nodes[place].pods.push(pod); });
  for (const node of fleet.nodes) {
    const extended = {};
    for (const pod of node.pods) {
      node.used.cpu += data.pods.cpu[pod] / (node.cpu || 1);
      node.used.mem += data.pods.mem[pod] / (node.mem || 1);
      for (const [name, amount] of Object.entries(data.pods.ext[pod] || {})) extended[name] = (extended[name] || 0) + amount / ((node.ext || {})[name] || 1);
    }
    node.fill = Math.min(1, Math.max(node.used.cpu, node.used.mem, ...Object.values(extended)));
    const shares = new Map(node.pods.map((pod) => [pod, dominantShare(data, pod, node)]));
    node.pods.sort((a, b) => shares.get(b) - shares.get(a) || a - b);
    node.shares = node.pods.map((pod) => Math.max(shares.get(pod), 1e-4));
  }
}

/** Boxes in rows, the largest first; returns the height. */
function layOut(nodes, width, unit) {
  let x = 0, y = 0, row = 0;
  for (const node of nodes) {
    const size = Math.max(unit * Math.sqrt(node.vcpu), 4);
    if (x > 0 && x + size > width) { x = 0; y += row + GAP; row = 0; }
    Object.assign(node, { x, y, size: Math.min(size, width) });
    row = Math.max(row, node.size);
    x += node.size + GAP;
  }
  return y + row;
}

/** Pods of a node as [pod, x, y, w, h], with room left free at the top. */
function podBoxes(node) {
  const head = node.size >= NAMED_FROM ? HEADER : Math.min(4, node.size / 7);
  const pad = node.size >= 40 ? 3 : 1;
  const width = node.size - 2 * pad, height = node.size - head - pad;
  const filled = height * node.fill;
  const boxes = squarify(node.shares, node.x + pad, node.y + head + height - filled, width, filled);
  return node.pods.map((pod, i) => [pod, ...boxes[i]]);
}

/** One of both maps. `host` holds a group per zone or node pool, each with a canvas and a layer for what is pointed at. */
class NodeMap {
  constructor(data, fleet, host, page) {
    Object.assign(this, { data, fleet, host, page, groups: [] });
    fillNodes(data, fleet);
  }

  regroup(by) {
    for (const group of this.groups) group.root.remove();
    const found = new Map();
    for (const node of this.fleet.nodes) {
      const name = by === "zone" ? `${node.zone}|${node.zoneId}` : node.pool || "no pool";
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(node);
    }
    this.groups = [...found.entries()].sort(([a], [b]) => a.localeCompare(b)).map(([name, nodes]) => this.group(name, nodes));
  }

  group(name, nodes) {
    nodes.sort((a, b) => b.vcpu - a.vcpu || a.type.localeCompare(b.type) || a.name.localeCompare(b.name, undefined, { numeric: true }));
    const root = make("div"), title = make("h4"), layers = make("div", { className: "layers" });
    const [shown, id] = name.split("|");
    const cost = nodes.reduce((sum, node) => sum + (node.price || 0), 0);
    const full = nodes.reduce((sum, node) => sum + node.fill * node.vcpu, 0) / nodes.reduce((sum, node) => sum + node.vcpu, 0);
    title.append(shown, make("small", { textContent: `${id && id !== shown ? id + " · " : ""}${count(nodes.length, "node")} · ${money(cost)}/h · ${percent(full)} full` }));
    const base = make("canvas", { tabIndex: 0 }), over = make("canvas");
    base.setAttribute("role", "application");
    base.setAttribute("aria-roledescription", "node map");
    base.setAttribute("aria-label", `${shown}: ${count(nodes.length, "node")}. Arrow keys go from node to node.`);
    layers.append(base, over);
    root.append(title, layers);
    this.host.append(root);
    const group = { root, nodes, base, over, layers, current: 0 };
    this.listen(group);
    return group;
  }

  listen(group) {
    const { base, nodes } = group;
    const at = (event) => {
      const box = base.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      const node = nodes.find((n) => x >= n.x && x < n.x + n.size && y >= n.y && y < n.y + n.size);
      const hit = node && podBoxes(node).find(([, px, py, pw, ph]) => x >= px && x < px + pw && y >= py && y < py + ph);
      this.page.point(this, node, hit ? hit[0] : -1, event.clientX, event.clientY);
    };
    base.addEventListener("pointermove", at);
    base.addEventListener("pointerdown", at);
    base.addEventListener("pointerleave", () => this.page.point(this, undefined, -1));
    base.addEventListener("blur", () => this.page.point(this, undefined, -1));
    base.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
      if (event.key === "Escape") this.page.point(this, undefined, -1);
      if (move === undefined) return;
      event.preventDefault();
      group.current = Math.max(0, Math.min(nodes.length - 1, group.current + move));
      const node = nodes[group.current], box = base.getBoundingClientRect();
      this.page.point(this, node, -1, box.left + node.x + node.size, box.top + node.y + node.size / 2);
      this.page.announce(this, node);
    });
  }

  height(width, unit) {
    return this.groups.reduce((sum, group) => sum + layOut(group.nodes, width, unit) + 40, 0);
  }

  draw(unit) {
    const width = this.host.clientWidth, density = Math.max(1, Math.min(3, window.devicePixelRatio || 1));
    for (const group of this.groups) {
      const height = Math.ceil(layOut(group.nodes, width, unit)) + 1;
      for (const canvas of [group.base, group.over]) {
        canvas.width = Math.round(width * density);
        canvas.height = Math.round(height * density);
        canvas.style.height = `${height}px`;
        canvas.getContext("2d").setTransform(density, 0, 0, density, 0, 0);
      }
      const pen = group.base.getContext("2d");
      for (const node of group.nodes) this.drawNode(pen, node);
    }
  }

  drawNode(pen, node) {
    const { page } = this, { ink } = page, { x, y, size } = node, pods = this.data.pods;
    const only = page.only;
    pen.globalAlpha = 1;
    pen.fillStyle = ink.empty;
    pen.fillRect(x, y, size, size);
    const gap = size >= 60 ? 0.5 : size >= 26 ? 0.25 : 0;
    for (const [pod, px, py, pw, ph] of podBoxes(node)) {
      pen.globalAlpha = only < 0 || page.colourOf(pods.ns[pod]) === page.colourOf(only) && pods.ns[pod] === only ? 1 : 0.13;
      pen.fillStyle = page.colourOf(pods.ns[pod]);
      pen.fillRect(px + gap, py + gap, Math.max(0.4, pw - 2 * gap), Math.max(0.4, ph - 2 * gap));
    }
    pen.globalAlpha = 1;
    this.drawHead(pen, node);
    pen.setLineDash(node.state === "goes" ? [4, 3] : []);
    pen.lineWidth = node.state === "new" && size > 20 ? 2 : 1;
    pen.strokeStyle = node.state === "goes" ? ink.warn : node.state === "new" ? ink.good : ink.edge;
    const half = pen.lineWidth / 2;
    pen.strokeRect(x + half, y + half, size - 2 * half, size - 2 * half);
    pen.setLineDash([]);
  }

  drawHead(pen, node) {
    const { ink } = this.page, { x, y, size } = node, spot = node.bought === "Spot";
    const colour = spot ? ink.spot : ink.od;
    if (size < NAMED_FROM) {
      pen.fillStyle = colour;
      pen.fillRect(x, y, size, Math.min(4, size / 7));
      return;
    }
    pen.fillStyle = colour;
    pen.fillRect(x, y, 4, HEADER - 2);
    pen.font = `600 11px ${ink.font}`;
    pen.textBaseline = "middle";
    const badge = spot ? "Spot" : "OD", zone = this.page.by === "zone" ? "" : ` ${node.zone.slice(-2)}`;
    const brief = node.type.replace(/xlarge$/, "xl");
    const room = size - 22, wide = (text) => pen.measureText(text).width;
    const [name, tag] = [[node.type, badge + zone], [brief, badge + zone], [brief, badge], [brief, ""]].find(([a, b]) => wide(a + b) <= room) || [shorten(pen, brief, room), ""];
    pen.fillText(tag, x + size - wide(tag) - 6, y + HEADER / 2 + 0.5);
    pen.fillStyle = ink.ink;
    pen.fillText(name, x + 8, y + HEADER / 2 + 0.5);
  }

  /** Outlines a node, or a pod of it, on the upper layer. */
  mark(node, pod) {
    for (const group of this.groups) {
      const pen = group.over.getContext("2d");
      pen.clearRect(0, 0, group.over.width, group.over.height);
      if (!node || !group.nodes.includes(node)) continue;
      pen.strokeStyle = this.page.ink.ink;
      pen.lineWidth = 2;
      pen.strokeRect(node.x + 1, node.y + 1, node.size - 2, node.size - 2);
      const box = podBoxes(node).find(([number]) => number === pod);
      if (!box) continue;
      const [, x, y, w, h] = box;
      pen.fillStyle = this.page.ink.ink;
      pen.globalAlpha = 0.28;
      pen.fillRect(x, y, w, h);
      pen.globalAlpha = 1;
      pen.strokeRect(x, y, Math.max(w, 3), Math.max(h, 3));
    }
  }

  nodeOf(pod) {
    return this.fleet.nodes[this.fleet.at[pod]];
  }
}

/** Text cut to a width. */
function shorten(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && pen.measureText(text.slice(0, end) + "…").width > width) end -= 1;
  return text.slice(0, end) + "…";
}
