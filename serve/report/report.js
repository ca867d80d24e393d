/* Starts the page: theme, legend, both maps, tables. */

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const COLOURED = PALETTE.light.length;

const page = {
  by: "zone",
  only: -1,
  ink: {},

  dark() {
    const theme = document.documentElement.dataset.theme;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  },

  /** Resolves the style sheet's colours, which a canvas cannot. */
  readInk() {
    const probe = document.body.appendChild(make("i"));
    for (const name of ["ink", "empty", "edge", "good", "warn", "spot", "od"]) {
      probe.style.color = `var(--${name})`;
      this.ink[name] = getComputedStyle(probe).color;
    }
    this.ink.font = getComputedStyle(document.body).fontFamily;
    probe.remove();
    this.shade = this.dark() ? "dark" : "light";
  },

  colourOf(namespace) {
    return namespace < COLOURED ? PALETTE[this.shade][namespace] : PALETTE.other[this.shade];
  },

  regroup(by) {
    this.by = by;
    for (const map of maps) map.regroup(by);
    this.draw();
  },

  /** Both maps at one scale, as large as fits a comfortable height. */
  draw() {
    this.readInk();
    const width = maps[0].host.clientWidth;
    const wanted = Math.max(420, Math.min(760, window.innerHeight * 0.8)) * (width < 500 ? 1.15 : 1);
    const most = Math.max(1, ...maps.flatMap((map) => map.fleet.nodes.map((node) => node.vcpu)));
    let low = SMALLEST_UNIT, high = Math.min(LARGEST_BOX, width) / Math.sqrt(most);
    for (let i = 0; i < 14 && low < high; i += 1) {
      const middle = (low + high) / 2;
      if (Math.max(...maps.map((map) => map.height(width, middle))) <= wanted) low = middle; else high = middle;
    }
    for (const map of maps) map.draw(low);
    this.drawLegend();
  },

  drawLegend() {
    byId("legend").querySelectorAll("i").forEach((swatch, i) => { swatch.style.background = this.colourOf(i); });
  },

  point(map, node, pod, x, y) {
    const other = maps.find((m) => m !== map);
    map.mark(node, pod);
    other.mark(pod >= 0 ? other.nodeOf(pod) : node && other.fleet.nodes.find((n) => n.name === node.name), pod);
    const tip = byId("tip");
    tip.hidden = !node;
    if (!node) return;
    tip.replaceChildren(...this.tell(map, node, pod));
    const box = tip.getBoundingClientRect();
    const left = x + 18 + box.width > innerWidth ? x - box.width - 18 : x + 18;
    tip.style.left = `${Math.max(10, Math.min(left, innerWidth - box.width - 10))}px`;
    tip.style.top = `${Math.max(10, Math.min(y + 14, innerHeight - box.height - 10))}px`;
  },

  tell(map, node, pod) {
    const meter = make("div", { className: "meter" });
    for (const [name, share] of [["CPU", node.used.cpu], ["memory", node.used.mem]]) {
      const level = make("i");
      level.style.width = `${Math.min(100, share * 100)}%`;
      meter.append(make("span", { textContent: name }), make("div", {}, level), make("span", { textContent: percent(share) }));
    }
    const parts = [
      make("strong", { textContent: node.name }),
      make("p", { textContent: `${node.type} · ${node.bought} · ${node.zone}${node.zoneId === node.zone ? "" : ` (${node.zoneId})`} · ${node.pool || "no pool"} · ${money(node.price)}/h · ${STATE[node.state]}` }),
      meter,
    ];
    if (node.why !== undefined) parts.push(make("p", { textContent: `Left alone: ${data.texts[node.why]}` }));
    const shown = pod >= 0 ? [pod, ...node.pods.filter((p) => p !== pod).slice(0, 7)] : node.pods.slice(0, 9);
    const table = make("table");
    for (const number of shown) table.append(this.podRow(map, number, number === pod));
    parts.push(table);
    if (node.pods.length > shown.length) parts.push(make("p", { textContent: `and ${count(node.pods.length - shown.length, "more pod")}` }));
    return parts;
  },

  podRow(map, pod, pointedAt) {
    const swatch = make("i");
    swatch.style.background = this.colourOf(data.pods.ns[pod]);
    const name = make(pointedAt ? "b" : "span", { textContent: podName(pod) });
    const first = make("td", {}, swatch, name);
    if (pointedAt) {
      const other = maps.find((m) => m !== map), there = other.nodeOf(pod), here = map.nodeOf(pod);
      const words = there ? (there.name === here.name ? "stays" : `${map === maps[0] ? "goes to" : "comes from"} ${there.name}`) : map === maps[0] ? "has no place in the plan" : "waits for a place today";
      first.append(make("p", { textContent: words }));
    }
    return make("tr", {}, first, make("td", { textContent: `${+(data.pods.cpu[pod] / 1000).toFixed(2)} CPU` }), make("td", { textContent: `${+(data.pods.mem[pod] / 1024).toFixed(2)} GiB` }));
  },

  announce(map, node) {
    byId("live").textContent = `${node.name}, ${node.type}, ${node.bought}, ${node.zone}, ${count(node.pods.length, "pod")}, CPU ${percent(node.used.cpu)}, memory ${percent(node.used.mem)}, ${STATE[node.state]}`;
  },
};

const STATE = { stays: "stays", goes: "goes", new: "new" };
const podName = (pod) => (typeof pod === "number" ? `${data.namespaces[data.pods.ns[pod]]}/${data.pods.name[pod]}` : pod);
const maps = [
  new NodeMap(data, data.before, byId("map-before"), page),
  new NodeMap(data, data.after, byId("map-after"), page),
];

function fillTitles() {
  for (const map of maps) {
    const { nodes } = map.fleet, cost = nodes.reduce((sum, node) => sum + (node.price || 0), 0);
    const cpus = nodes.reduce((sum, node) => sum + node.vcpu, 0);
    map.host.querySelector("h3").append(make("small", { textContent: nodes.length ? `${count(nodes.length, "node")} · ${count(cpus, "vCPU")} · ${money(cost)}/h` : "no nodes" }));
  }
}

function fillLegend() {
  const shown = data.namespaces.slice(0, COLOURED);
  shown.forEach((name, i) => {
    const button = make("button", { type: "button", className: "chip", ariaPressed: "false" }, make("i"), name);
    button.addEventListener("click", () => {
      page.only = page.only === i ? -1 : i;
      byId("legend").querySelectorAll("button").forEach((b, n) => { b.ariaPressed = String(n === page.only); });
      page.draw();
    });
    byId("legend").append(make("li", {}, button));
  });
  const rest = data.namespaces.length - shown.length;
  if (rest > 0) byId("legend").append(make("li", { className: "chip" }, make("i"), count(rest, "more namespace")));
}

function actionDetail([, , , , more]) {
  if (!more || !(more.binding !== undefined || more.others || more.moves.length > 1)) return null;
  const root = make("div", { className: "detail" });
  if (more.moves && more.moves.length > 1) root.append(make("ul", { className: "moves" }, ...more.moves.map(([pod, to]) => make("li", {}, podName(pod), make("span", { textContent: ` → ${to || "wherever it fits"}` })))));
  if (more.binding !== undefined) root.append(make("p", {}, "Binds: ", make("b", { textContent: data.texts[more.binding] })));
  if (more.others) {
    const rows = more.others.map(([choice, extra, verdict]) => make("tr", {}, make("td", { textContent: choice }), make("td", { className: "num", textContent: `${extra < 0 ? "−" : "+"}${money(Math.abs(extra))}/h` }), make("td", { textContent: data.texts[verdict] })));
    root.append(make("table", {}, make("caption", { className: "sr", textContent: "Alternatives" }), make("tbody", {}, ...rows)));
  }
  return root;
}

function fillActions() {
  const host = byId("actions-table");
  if (!host) return;
  const perStep = new Map();
  const size = (row) => (row[4] && row[4].moves ? row[4].moves.length : 1);
  for (const row of data.actions) perStep.set(row[0], (perStep.get(row[0]) || 0) + size(row));
  const planned = new Map(data.after.nodes.map((node) => [node.name, node]));
  const where = ([, kind, node, , more]) => {
    if (kind === "evict" && more.moves.length === 1) return `${podName(more.moves[0][0])} → ${more.moves[0][1] || "wherever it fits"}`;
    if (kind === "evict") return `${more.moves.length} pods from ${node}`;
    const found = kind === "launch" && planned.get(node);
    return found ? `${node}: ${found.type}, ${found.bought}, ${found.zone}` : node;
  };
  const kinds = [...new Set(data.actions.map((row) => row[1]))];
  listTable(host, {
    rows: data.actions,
    label: "actions",
    noun: "line",
    chips: kinds.map((kind) => ({ name: `${kind} ${data.actions.filter((row) => row[1] === kind).reduce((sum, row) => sum + size(row), 0).toLocaleString("en-US")}`, test: (row) => row[1] === kind })),
    text: (row) => `${row[1]} ${row[2]} ${where(row)} ${data.texts[row[3]]} ${row[4] && row[4].moves ? row[4].moves.map(([pod, to]) => `${podName(pod)} ${to}`).join(" ") : ""}`.toLowerCase(),
    section: (row) => `Step ${row[0]}`,
    sectionNote: (row) => count(perStep.get(row[0]), "action"),
    detail: actionDetail,
    columns: [
      { name: "Action", cell: (row) => make("span", { className: `kind ${row[1]}`, textContent: row[1] }) },
      { name: "What", className: "where", cell: where },
      { name: "Why", cell: (row) => data.texts[row[3]] },
    ],
  });
}

function fillLists() {
  if (byId("kept-table")) listTable(byId("kept-table"), {
    rows: data.kept, label: "nodes left alone", noun: "node",
    text: ([node, why]) => `${node} ${data.texts[why]}`.toLowerCase(),
    columns: [{ name: "Node", className: "where", cell: (row) => row[0] }, { name: "Why", cell: (row) => data.texts[row[1]] }],
  });
  if (byId("unschedulable-table")) listTable(byId("unschedulable-table"), {
    rows: data.unschedulable, label: "pods that fit nowhere", noun: "pod",
    text: ([pod, constraint, detail]) => `${pod} ${constraint} ${data.texts[detail]}`.toLowerCase(),
    columns: [{ name: "Pod", className: "where", cell: (row) => row[0] }, { name: "What binds", cell: (row) => row[1] }, { name: "Detail", cell: (row) => data.texts[row[2]] }],
  });
}

function fillNodeTable() {
  const rows = [...data.before.nodes.map((node) => ["now", node]), ...data.after.nodes.map((node) => ["planned", node])];
  const value = (name, cell, className = "num") => ({ name, cell, className });
  listTable(byId("nodes-table"), {
    rows, label: "nodes now and planned", noun: "node",
    chips: ["now", "planned"].map((when) => ({ name: when, test: (row) => row[0] === when })),
    text: ([when, n]) => `${when} ${n.name} ${n.type} ${n.zone} ${n.zoneId} ${n.bought} ${n.pool} ${n.state}`.toLowerCase(),
    columns: [
      value("When", ([when, n]) => (n.state === "stays" ? `${when}, stays` : n.state === "goes" ? "now, goes" : "planned, new"), ""),
      value("Node", ([, n]) => n.name, ""),
      value("Type", ([, n]) => n.type, ""),
      value("Bought", ([, n]) => n.bought, ""),
      value("Zone", ([, n]) => n.zone, ""),
      value("Pool", ([, n]) => n.pool, ""),
      value("$/h", ([, n]) => money(n.price)),
      value("Pods", ([, n]) => String(n.pods.length)),
      value("CPU", ([, n]) => percent(n.used.cpu)),
      value("Memory", ([, n]) => percent(n.used.mem)),
    ],
  });
}

function start() {
  fillTitles();
  fillLegend();
  page.regroup("zone");
  fillActions();
  fillLists();
  byId("nodes-fold").addEventListener("toggle", fillNodeTable, { once: true });
  document.querySelectorAll("[data-group]").forEach((button, _, all) => button.addEventListener("click", () => {
    all.forEach((other) => { other.ariaPressed = String(other === button); });
    page.regroup(button.dataset.group);
  }));
  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = page.dark() ? "light" : "dark";
    page.draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.draw());
  let width = innerWidth, waiting;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => page.draw(), 80);
  });
  let theme;
  addEventListener("beforeprint", () => { theme = document.documentElement.dataset.theme; document.documentElement.dataset.theme = "light"; page.draw(); });
  addEventListener("afterprint", () => { if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme; page.draw(); });
  addEventListener("scroll", () => { if (document.activeElement.tagName !== "CANVAS") byId("tip").hidden = true; }, { passive: true });
}

start();
