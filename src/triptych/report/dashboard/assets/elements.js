// Elements, numbers as text, and what several views choose from.
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null));
  return node;
}

function figures(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "" : String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 100000) return value.toLocaleString("en");
  if (size >= 1000) {
    const place = Math.min(5, Math.floor(Math.log10(size) / 3));
    return `${Number((value / 1000 ** place).toPrecision(4))} ${["", "k", "M", "G", "T", "P"][place]}`;
  }
  return size > 0 && size < 0.001 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

// A measured share keeps its last zeros, so that the digits of a column stand below each other.
function measured(value) {
  const isShare = typeof value === "number" && Math.abs(value) >= 0.001 && Math.abs(value) < 1;
  return isShare ? value.toFixed(4) : figures(value);
}

const percent = (share) => `${Number((100 * share).toFixed(1))} %`;
const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
const title = (run) => `${run.name} · ${run.setting}${run.group ? " · " + run.group : ""}`;
const distinct = (items) => [...new Set(items)];
const stem = (path) => (path === "model.name" ? "model" : path.replace(/^model\./, ""));

function select(label, options, value, change, look = "") {
  const node = el("select", { "aria-label": label, class: look, onchange: () => change(node.value) });
  for (const [key, text] of options) node.append(el("option", { value: key, selected: key === value }, text));
  return node;
}

// What is drawn anew does not lose the focus of whoever goes by the keyboard.
function keepingFocus(container, work) {
  const able = () => [...container.querySelectorAll("select, button, input, summary")];
  const place = able().indexOf(document.activeElement);
  const done = work();
  if (place >= 0 && !container.contains(document.activeElement)) able()[place]?.focus({ preventScroll: true });
  return done;
}

// One run of those that can be chosen; views of a section share the choice. Runs go by their links:
// old ones have no identity, and copied ones have the same.
function runChoice(name, runs) {
  const picked = runs.find((run) => run.link === one(name)) ?? runs[0];
  const options = runs.map((run) => [run.link, title(run)]);
  return [picked, select("run", options, picked.link, (link) => ask(name, link), "wide")];
}

function table(head, rows, look = "") {
  const cell = (content, place) => {
    const { text, ...attributes } = content !== null && typeof content === "object" && !(content instanceof Node)
      ? content : { text: content };
    return el(place ? "td" : "th", place ? attributes : { scope: "row", ...attributes },
      text instanceof Node ? text : figures(text));
  };
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "table" },
    el("table", { class: look },
      el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell))))));
}

// The darker a cell, the larger its share; the number is there for whoever sees no shades.
const shade = (share, text) => ({ text, class: "shade", style: `--share:${Math.max(0, Math.min(1, share || 0))}` });
