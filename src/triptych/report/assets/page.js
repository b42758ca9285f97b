"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const plots = [...document.querySelectorAll(".plot")];

function theme(isDark) {
  const ink = isDark ? "#e4e7ea" : "#1d2227", grid = isDark ? "#30363d" : "#e4e7eb";
  const axis = { gridcolor: grid, linecolor: grid, tickcolor: grid };
  const look = { "font.color": ink, "font.family": "system-ui, sans-serif", "font.size": 12 };
  for (const [key, value] of Object.entries(axis)) {
    look["xaxis." + key] = value;
    look["yaxis." + key] = value;
  }
  return look;
}

function shares(node, isDark) {
  const heat = node.data.flatMap((trace, place) => (trace.type === "heatmap" ? [place] : []));
  const scale = isDark ? [[0, "#20252a"], [1, "#7cc0ea"]] : [[0, "#f1f3f4"], [1, "#0a5c8f"]];
  return heat.length ? Plotly.restyle(node, { colorscale: [scale] }, heat) : null;
}

async function paint(node, isDark) {
  await Plotly.relayout(node, theme(isDark));
  await shares(node, isDark);
}

async function draw(node) {
  const { data, layout } = JSON.parse(node.querySelector("script").textContent);
  node.replaceChildren();
  await Plotly.newPlot(node, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
  await paint(node, dark.matches);
}

function repaint(isDark) {
  for (const node of plots) paint(node, isDark);
}

function sort(table, column, heading) {
  const descending = heading.ariaSort !== "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.ariaSort = descending ? "descending" : "ascending";
  const value = (row) => row.cells[column].dataset.value;
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const order = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
    return descending ? -order : order;
  };
  const rows = [...table.tBodies[0].rows].sort((a, b) => compare(value(a), value(b)));
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll(".sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) =>
    heading.addEventListener("click", () => sort(table, column, heading)));
}
dark.addEventListener("change", () => repaint(dark.matches));
addEventListener("beforeprint", () => repaint(false));
addEventListener("afterprint", () => repaint(dark.matches));
Promise.all(plots.map(draw)).then(() => { document.body.dataset.drawn = plots.length; });
