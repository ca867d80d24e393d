/* Long lists: filtered as one types, shown a piece at a time. */

const PIECE = 60; /* rows shown before "show more" */

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const count = (n, noun) => `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;
const percent = (share) => `${Math.round(share * 100)} %`;
const money = (usd) => (usd === null ? "unknown" : "$" + usd.toLocaleString("en-US", { minimumFractionDigits: usd < 1 ? 3 : 2, maximumFractionDigits: usd < 1 ? 4 : 2 }));

/**
 * A table with a filter.
 * columns: [{ name, className, cell(row) -> string | Node }]; text(row) is what the filter searches;
 * chips: [{ name, test(row) }] narrow further; section(row) names the group a row opens; detail(row) unfolds, or null.
 */
function listTable(host, { rows, columns, text, label, noun, chips = [], section, sectionNote, detail }) {
  const input = make("input", { type: "search", placeholder: `Filter ${noun}s`, ariaLabel: `Filter ${label}` });
  const output = make("output");
  const tools = make("div", { className: "tools" }, input);
  const body = make("tbody");
  const head = make("tr", {}, ...columns.map((c) => make("th", { scope: "col", className: c.className || "", textContent: c.name })));
  const table = make("table", { className: "rows" }, make("caption", { className: "sr", textContent: label }), make("thead", {}, head), body);
  const next = make("button", { type: "button", className: "chip next" });
  let chosen = null, shown = PIECE, matching = rows;

  const buttons = chips.map((chip) => {
    const button = make("button", { type: "button", className: "chip", textContent: chip.name, ariaPressed: "false" });
    button.addEventListener("click", () => {
      chosen = chosen === chip ? null : chip;
      buttons.forEach((other, i) => { other.ariaPressed = String(chips[i] === chosen); });
      search();
    });
    return button;
  });
  tools.append(...buttons, output);

  function search() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    matching = rows.filter((row) => (!chosen || chosen.test(row)) && (!words.length || words.every((w) => text(row).includes(w))));
    shown = PIECE;
    draw();
  }

  function draw() {
    body.replaceChildren();
    let current;
    for (const row of matching.slice(0, shown)) {
      if (section && section(row) !== current) {
        current = section(row);
        body.append(make("tr", { className: "step" }, make("th", { colSpan: columns.length, scope: "colgroup" }, current, make("small", { textContent: sectionNote(row) }))));
      }
      body.append(...line(row));
    }
    const rest = matching.length - shown;
    next.hidden = rest <= 0;
    next.textContent = `Show ${Math.min(rest, 5 * PIECE).toLocaleString("en-US")} of ${rest.toLocaleString("en-US")} more`;
    output.textContent = matching.length === rows.length ? count(rows.length, noun) : `${matching.length.toLocaleString("en-US")} of ${count(rows.length, noun)}`;
  }

  function line(row) {
    const cells = columns.map((c, i) => {
      const cell = make("td", { className: c.className || "" });
      if (i > 0 && c.name) cell.dataset.name = c.name;
      cell.append(c.cell(row));
      return cell;
    });
    const tr = make("tr", {}, ...cells);
    const extra = detail && detail(row);
    if (!extra) return [tr];
    const more = make("tr", { className: "more", hidden: true }, make("td", { colSpan: columns.length }, extra));
    const toggle = make("button", { type: "button", className: "toggle", ariaExpanded: "false", ariaLabel: "Details" });
    cells[0].prepend(toggle);
    tr.className = "opens";
    tr.addEventListener("click", () => {
      more.hidden = !more.hidden;
      toggle.ariaExpanded = String(!more.hidden);
    });
    return [tr, more];
  }

  input.addEventListener("input", search);
  next.addEventListener("click", () => { shown += 5 * PIECE; draw(); });
  if (rows.length > 8) host.append(tools);
  host.append(table, next);
  draw();
}
