// How every plot looks; colours of text and grid are those of the page.
const dark = matchMedia("(prefers-color-scheme: dark)");
let onPaper = false;
const isDark = () => dark.matches && !onPaper;

function ink(name) {
  if (onPaper) return { ink: "#000", soft: "#444", line: "#ccc", tint: "#f1f3f4", accent: "#0a5c8f", raised: "#fff" }[name];
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function mix(colour, other, share) {
  const channel = (text, place) => parseInt(text.slice(place, place + 2), 16);
  const mixed = [1, 3, 5].map((place) => Math.round(channel(colour, place) * (1 - share) + channel(other, place) * share));
  return "#" + mixed.map((value) => value.toString(16).padStart(2, "0")).join("");
}

// Blue on black and pale yellow on white are hard to read.
function tone(colour) {
  const [red, green, blue] = [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16) / 255);
  const light = 0.3 * red + 0.59 * green + 0.11 * blue;
  if (isDark()) return light < 0.5 ? mix(colour, "#ffffff", 0.3) : colour;
  return light > 0.7 ? mix(colour, "#000000", 0.18) : colour;
}
const veil = (colour, alpha) => `${tone(colour)}${Math.round(255 * alpha).toString(16).padStart(2, "0")}`;
const shadesOf = () => (isDark() ? [[0, "#20252a"], [1, "#7cc0ea"]] : [[0, "#f1f3f4"], [1, "#0a5c8f"]]);

function axis(text, more = {}) {
  return { title: { text, standoff: 8 }, automargin: true, zeroline: false, gridcolor: ink("line"), linecolor: ink("line"),
    tickcolor: ink("line"), ticks: "outside", ticklen: 4, exponentformat: "SI", ...more };
}

// 1, 2, 5, 10, ... between the values; over many magnitudes the powers of ten alone.
function logTicks(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const steps = high / low > 300 ? [1] : [1, 2, 5], found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    found.push(...steps.map((step) => Number(`${step}e${power}`)));
  }
  return found;
}

// The axis of a value; `values` are all that is drawn along it.
function valueAxis(value, values) {
  if (!value.log || !values.length || Math.min(...values) <= 0) return axis(value.title);
  const ticks = logTicks(values);
  return axis(value.title, { type: "log", tickvals: ticks, ticktext: ticks.map(figures) });
}

function draw(node, traces, layout, height = 300) {
  node.style.height = `${height}px`;
  // Paper is laid out after this: two plots stand side by side, or one fills a page of A4.
  const isWide = !node.parentElement.classList.contains("several") && node.closest("figure").classList.contains("full");
  const width = onPaper ? { width: isWide ? 660 : 310 } : {};
  return Plotly.react(node, traces, {
    height, ...width, margin: { l: 56, r: 14, t: layout.title ? 30 : 10, b: 46 }, showlegend: false, hovermode: "closest",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: ink("ink") },
    hoverlabel: { bgcolor: ink("raised"), bordercolor: ink("line"), font: { color: ink("ink") }, align: "left", namelength: -1 },
    ...layout,
    ...(layout.title ? { title: { text: layout.title, x: 0, xref: "paper", y: 0.98, yanchor: "top", font: { size: 13 } } } : {}),
  }, { responsive: true, displaylogo: false, displayModeBar: false });
}

// Plotly reads tags in texts: a name of a run must stay a name.
const plainText = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

// As many plots as asked for, those from before used again.
function panes(body, count) {
  const made = [...body.querySelectorAll(":scope > .plot")];
  for (const extra of made.splice(count)) {
    Plotly.purge(extra);
    extra.remove();
  }
  while (made.length < count) {
    made.push(el("div", { class: "plot" }));
    body.append(made.at(-1));
  }
  body.classList.toggle("several", count > 1);
  return made;
}
