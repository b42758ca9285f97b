// One number for each run: against another number, side by side, and by the settings that led to it.
const VALUES = new Map(DATA.values.map((value) => [value.id, value]));
const valueChoice = (label, id, change) => select(label, DATA.values.map((value) => [value.id, value.title]), id, change, "inline");
const idOf = (value) => `${value.metric} ${value.kept}`;
const known = (runs, id) => runs.filter((run) => typeof run.values[id] === "number");
const hover = (run) => plainText(title(run));
const picked = (name, otherwise) => (VALUES.has(one(name)) ? one(name) : otherwise);

function drawPoints(view, runs, parts) {
  const x = picked(`x-${view.slug}`, idOf(view.x)), y = picked(`y-${view.slug}`, idOf(view.y));
  const having = known(known(runs, x), y);
  parts.heading.replaceChildren(valueChoice("vertical axis", y, (id) => ask(`y-${view.slug}`, id)), " against ",
    valueChoice("horizontal axis", x, (id) => ask(`x-${view.slug}`, id)));
  if (!known(known(runs, idOf(view.x)), idOf(view.y)).length && !having.length) return false;
  const traces = [...groupBy(having, (run) => run.setting)].map(([label, group]) => {
    const look = SETTINGS.get(label);
    return { type: "scatter", mode: "markers", name: plainText(label), x: group.map((run) => run.values[x]), y: group.map((run) => run.values[y]),
      text: group.map(hover), marker: { color: veil(look.colour, 0.8), symbol: look.symbol, size: 9, line: { width: 1, color: tone(look.colour) } },
      hovertemplate: "%{text}<br>%{x:.4~s}, %{y:.4~g}<extra></extra>" };
  });
  return draw(panes(parts.body, 1)[0], traces, { xaxis: valueAxis(VALUES.get(x), having.map((run) => run.values[x])),
    yaxis: valueAxis(VALUES.get(y), having.map((run) => run.values[y])) });
}

const MOST_RANKED = 30;

function drawRank(view, runs, parts) {
  const id = picked(`y-${view.slug}`, idOf(view.value));
  parts.heading.replaceChildren(valueChoice("value", id, (chosenOne) => ask(`y-${view.slug}`, chosenOne)), " of each setting");
  const groups = [...groupBy(known(runs, id), (run) => run.setting)];
  if (!groups.length) return !known(runs, idOf(view.value)).length ? false : draw(panes(parts.body, 1)[0], [], {});
  const ranked = groups.map(([label, group]) => ({ label, group, middle: mean(group.map((run) => run.values[id])) }))
    .sort((a, b) => a.middle - b.middle).slice(-MOST_RANKED);
  parts.remark.textContent = "Mean (upright line) and standard deviation over seeds; each run is a small mark."
    + (groups.length > MOST_RANKED ? ` The highest ${MOST_RANKED} of ${groups.length} settings.` : "");
  const rows = ranked.map((_, row) => row);
  // No bars: their length would mean nothing where the axis does not begin at 0.
  const traces = [{ type: "scatter", mode: "markers", y: rows, x: ranked.map((entry) => entry.middle),
    marker: { symbol: "line-ns", size: 20, line: { width: 3, color: ranked.map((entry) => tone(SETTINGS.get(entry.label).colour)) } },
    error_x: { type: "data", array: ranked.map((entry) => deviation(entry.group.map((run) => run.values[id]))), color: ink("soft"), thickness: 1.4, width: 4 },
    text: ranked.map((entry) => plainText(entry.label)), customdata: ranked.map((entry) => entry.group.length),
    hovertemplate: "%{text}: %{x:.4~g} (%{customdata} runs)<extra></extra>" },
  ...ranked.map((entry, row) => ({ type: "scatter", mode: "markers", x: entry.group.map((run) => run.values[id]), y: entry.group.map(() => row),
    text: entry.group.map(hover), marker: { color: tone(SETTINGS.get(entry.label).colour), symbol: SETTINGS.get(entry.label).symbol, size: 7 },
    hovertemplate: "%{text}: %{x:.4~g}<extra></extra>" }))];
  const all = ranked.flatMap((entry) => entry.group.map((run) => run.values[id]));
  const [low, high] = [Math.min(...all), Math.max(...all)];
  // Near each other, values are compared by a close look; the axis says that it does not begin at 0.
  const room = (high - low) * 0.08 || Math.abs(high) * 0.01 || 1;
  const isLog = VALUES.get(id).log && low > 0;
  const range = isLog ? [Math.log10(low) - 0.1, Math.log10(high) + 0.1] : [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
  const most = parts.body.clientWidth > 620 ? 48 : 20;
  const shortName = (text) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
  return draw(panes(parts.body, 1)[0], traces, {
    xaxis: { ...valueAxis(VALUES.get(id), all), range },
    yaxis: axis("", { tickvals: rows, ticktext: ranked.map((entry) => plainText(shortName(entry.label))), range: [-0.6, rows.length - 0.4], showgrid: false, ticks: "" }) },
  Math.max(150, 80 + 30 * rows.length));
}

const byValue = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
const knob = (run, name) => run.knobs[name] ?? "none";

// A dimension puts each run at a height from 0 to 1 and names some heights.
function settingDimension(name, runs) {
  const found = distinct(runs.map((run) => knob(run, name)));
  const levelsOf = [...(found.includes("none") ? ["none"] : []), ...found.filter((value) => value !== "none").sort(byValue)];
  if (levelsOf.length < 2) return null;
  const height = (value) => levelsOf.indexOf(value) / (levelsOf.length - 1);
  const every = Math.ceil(levelsOf.length / 8);
  return { title: stem(name), at: (run) => height(knob(run, name)), ticks: levelsOf.filter((_, place) => place % every === 0 || place === levelsOf.length - 1).map((value) => [height(value), figures(value)]) };
}

function valueDimension(value, runs) {
  const scale = (number) => (value.is_log ? Math.log10(number) : number);
  const numbers = runs.map((run) => run.values[idOf(value)]);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const width = scale(high) - scale(low) || 1;
  return { title: value.title, at: (run) => (scale(run.values[idOf(value)]) - scale(low)) / width, ticks: [[0, figures(low)], [1, figures(high)]] };
}

// A title in short lines.
const folded = (text) => text.split(" ").reduce((lines, word) =>
  (`${lines.at(-1)} ${word}`.length <= 11 ? [...lines.slice(0, -1), `${lines.at(-1)} ${word}`] : [...lines, word]), [""])
  .map((line) => plainText(line.trim())).filter(Boolean).join("<br>");

function drawParallel(view, runs, parts) {
  const having = view.values.reduce((kept, value) => known(kept, idOf(value)), runs);
  if (!having.length) return false;
  const settings = view.settings.map((name) => settingDimension(name, having)).filter(Boolean);
  const dimensions = [...settings, ...view.values.map((value) => valueDimension(value, having))];
  parts.remark.textContent = "A line is a run. Settings that all shown runs share are left out; “none” is a setting that a net does not have.";
  const traces = [...groupBy(having, (run) => run.setting)].map(([label, group]) => ({
    type: "scatter", mode: "lines+markers", name: plainText(label),
    x: group.flatMap(() => [...dimensions.keys(), null]), y: group.flatMap((run) => [...dimensions.map((each) => each.at(run)), null]),
    text: group.flatMap((run) => [...dimensions.map(() => hover(run)), ""]), hovertemplate: "%{text}<extra></extra>",
    line: { color: veil(SETTINGS.get(label).colour, 0.6), width: 1.6 }, marker: { color: tone(SETTINGS.get(label).colour), symbol: SETTINGS.get(label).symbol, size: 5 } }));
  const small = { size: 11, color: ink("ink") };
  const labels = dimensions.flatMap((dimension, place) => dimension.ticks.map(([height, text]) => ({ x: place, y: height, text: plainText(text),
    showarrow: false, xanchor: place === dimensions.length - 1 ? "right" : "left", xshift: place === dimensions.length - 1 ? -7 : 7, font: small, bgcolor: ink("raised") + "cc", borderpad: 1 })));
  const heads = dimensions.map((dimension, place) => ({ x: place, y: 1.12, text: folded(dimension.title), showarrow: false, font: { size: 12, color: ink("ink") }, yanchor: "bottom",
    xanchor: place === 0 ? "left" : place === dimensions.length - 1 ? "right" : "center" }));
  const [node] = panes(parts.body, 1);
  parts.body.classList.add("scroll");
  node.style.minWidth = onPaper ? "" : `${95 * dimensions.length}px`;
  return draw(node, traces, { margin: { l: 16, r: 16, t: 62, b: 12 }, annotations: [...labels, ...heads],
    shapes: dimensions.map((_, place) => ({ type: "line", x0: place, x1: place, y0: 0, y1: 1, line: { color: ink("soft"), width: 1 }, layer: "below" })),
    xaxis: { visible: false, range: [-0.06, dimensions.length - 0.94] }, yaxis: { visible: false, range: [-0.06, 1.12] } }, 360);
}

function drawImportance(view, runs, parts) {
  const id = idOf(view.value);
  const having = known(runs, id).filter((run) => run.status === "finished" && !run.early);
  if (!having.length) return false;
  const parted = [...view.settings, "seed"].map((name) => {
    const own = name === "seed" ? having : having.filter((run) => run.knobs[name] !== undefined && run.knobs[name] !== null);
    const pairs = own.map((run) => [name === "seed" ? run.seed : run.knobs[name], run.values[id]]);
    return { name, turned: distinct(pairs.map(([level]) => level)).length > 1, found: explained(pairs) };
  }).filter((entry) => entry.turned);
  const told = parted.filter((entry) => entry.found).sort((a, b) => a.found.share - b.found.share);
  const untold = parted.filter((entry) => !entry.found).map((entry) => stem(entry.name));
  parts.remark.textContent = `Share of the variance of ${view.value.title} between runs that finished all of their epochs, that groups of one setting explain, each setting alone, `
    + "corrected for the number of groups. Seeds are there to compare with: what explains no more than they do is noise. Settings that were turned together share what they explain; this shows no cause."
    + (untold.length ? ` No evidence (fewer than ${FEWEST_RUNS} runs, or too few for each value): ${untold.join(", ")}.` : "");
  if (!told.length) {
    panes(parts.body, 0);
    parts.remark.textContent = `No evidence: this takes ${FEWEST_RUNS} finished runs or more in which a setting has several values; ${having.length} are shown.`;
    return true;
  }
  const rows = [...told.keys()];
  const trace = { type: "bar", orientation: "h", y: rows, x: told.map((entry) => entry.found.share), width: 0.6,
    marker: { color: told.map((entry) => (entry.name === "seed" ? ink("soft") : ink("accent"))) },
    text: told.map((entry) => `${Math.round(100 * entry.found.share)} % of ${entry.found.n} runs`), textposition: "outside", cliponaxis: false, hoverinfo: "skip" };
  return draw(panes(parts.body, 1)[0], [trace], { margin: { l: 56, r: 20, t: 6, b: 46 }, xaxis: axis("share of variance explained", { range: [0, parts.body.clientWidth > 500 ? 1.3 : 1.9], tickvals: [0, 0.5, 1], tickformat: ".0%" }),
    yaxis: axis("", { tickvals: rows, ticktext: told.map((entry) => stem(entry.name)), showgrid: false, ticks: "" }) }, Math.max(140, 70 + 32 * rows.length));
}
