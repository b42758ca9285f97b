// Metrics over the training: a line for each setting, or for each run.
const AXES = { step: "optimizer step", flops: "FLOPs of training", seconds: "seconds of training" };
const AXIS_KEYS = { flops: "compute/train_flops", seconds: "time/train_s" };
const DASHES = ["solid", "dot", "dash", "dashdot"];
const MOST_PANES = 6;
// Of a view with several metrics: how the line of each is drawn, and what that is called.
const OF_METRIC = [["dot", "dotted"], ["solid", "solid"], ["dash", "dashed"]];

// The parts of a key that stand for `*`, or null if the metric does not mean the key.
function stars(metric, key) {
  const escaped = metric.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  return key.match(new RegExp(`^${escaped.join("([^/]+)")}$`))?.slice(1) ?? null;
}

const inOrder = (texts) => distinct(texts).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

function along(run, key, x) {
  const places = x === "step" ? run.steps : run.curves[AXIS_KEYS[x]] ?? [];
  const values = run.curves[key] ?? [];
  const rows = [];
  values.forEach((value, place) => {
    if (value !== null && places[place] !== null && places[place] !== undefined) rows.push([run.steps[place], places[place], value]);
  });
  return rows;
}

// Runs are aligned by their steps; x is the mean of where they were then.
function averaged(runs, key, x) {
  const found = new Map();
  for (const run of runs) for (const [step, place, value] of along(run, key, x)) {
    if (!found.has(step)) found.set(step, [[], []]);
    found.get(step)[0].push(place);
    found.get(step)[1].push(value);
  }
  return [...found].sort(([a], [b]) => a - b)
    .map(([, [places, values]]) => ({ x: mean(places), y: mean(values), sd: deviation(values), n: values.length }));
}

function lineOf(look, x, y, extra) {
  return { type: "scatter", x, y, mode: x.length > 30 ? "lines" : "lines+markers", line: { color: tone(look.colour), dash: look.dash, width: 2 },
    marker: { symbol: look.symbol, size: 5 }, ...extra };
}

function linesOf(runs, key, x, look, name) {
  if (one("lines") === "runs") return runs.map((run) => {
    const rows = along(run, key, x);
    return lineOf(look, rows.map((row) => row[1]), rows.map((row) => row[2]), { line: { color: tone(look.colour), dash: look.dash, width: 1.3 },
      marker: { size: 3, symbol: look.symbol }, name: plainText(`${name}, seed ${run.seed}`), hovertemplate: "%{x:.4~s}, %{y:.4~g}<extra>%{fullData.name}</extra>" });
  });
  const points = averaged(runs, key, x);
  const places = points.map((point) => point.x);
  const line = lineOf(look, places, points.map((point) => point.y), { name: plainText(name),
    customdata: points.map((point) => [point.sd, point.n]),
    hovertemplate: `%{x:.4~s}, %{y:.4~g} ± %{customdata[0]:.2~g}, %{customdata[1]} of ${runs.length} runs<extra>%{fullData.name}</extra>` });
  if (one("lines") === "mean" || !points.some((point) => point.sd > 0)) return [line];
  const band = { type: "scatter", mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: veil(look.colour, 0.16), hoverinfo: "skip",
    x: [...places, ...places.toReversed()],
    y: [...points.map((point) => point.y + point.sd), ...points.toReversed().map((point) => point.y - point.sd)] };
  return [band, line];
}

// Experts of a layer, in colours of growing lightness: their numbers are names, but neighbours differ.
function expertLook(place, count) {
  const colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A8F98", "#7a6a00"];
  return { colour: colours[place % colours.length], dash: DASHES[Math.floor(place / colours.length) % DASHES.length], symbol: "circle" };
}

function drawCurves(view, runs, parts) {
  const keys = distinct(runs.flatMap((run) => Object.keys(run.curves)));
  const meant = view.metrics.flatMap((metric, place) => keys.flatMap((key) => {
    const found = stars(metric, key);
    return found && runs.some((run) => run.curves[key]?.some((value) => value !== null)) ? [{ key, place, layer: found[0] ?? "", line: found[1] }] : [];
  }));
  if (!meant.length) return false;
  const x = view.x === "step" ? one("x", "step") : view.x;
  const layers = inOrder(meant.map((one) => one.layer));
  const picked = layers.includes(one(`layer-${view.slug}`)) ? one(`layer-${view.slug}`) : layers.length > MOST_PANES ? layers[0] : "";
  const shown = picked ? [picked] : layers;
  let settings = [...groupBy(runs, (run) => run.setting)];
  const choices = [];
  if (meant.some((one) => one.line !== undefined)) {
    const able = settings.filter(([, group]) => group.some((run) => meant.some((one) => run.curves[one.key])));
    const setting = able.find(([label]) => label === one(`of-${view.slug}`)) ?? able[0];
    settings = [setting];
    choices.push(select("setting", able.map(([label]) => [label, label]), setting[0], (label) => ask(`of-${view.slug}`, label)));
  }
  if (layers.length > 1) choices.push(select("layer", [["", layers.length > MOST_PANES ? "layer …" : "all layers"], ...layers.map((layer) => [layer, layer])].slice(layers.length > MOST_PANES ? 1 : 0), picked, (layer) => ask(`layer-${view.slug}`, layer)));
  parts.choices.replaceChildren(...choices);
  const names = view.metrics.length > 1 ? view.metrics.map((metric, place) => `${OF_METRIC[place][1]}: ${metric}`).join(", ") : "";
  parts.remark.textContent = names;
  const nodes = panes(parts.body, shown.length);
  return Promise.all(shown.map((layer, place) => {
    const traces = meant.filter((one) => one.layer === layer).flatMap((meantOne, order, all) => settings.flatMap(([label, group]) => {
      const look = meantOne.line === undefined ? { ...SETTINGS.get(label) } : expertLook(inOrder(all.map((one) => one.line)).indexOf(meantOne.line));
      if (view.metrics.length > 1) look.dash = OF_METRIC[meantOne.place][0];
      const name = meantOne.line !== undefined ? `expert ${meantOne.line}` : view.metrics.length > 1 ? `${label}, ${meantOne.key}` : label;
      const having = group.filter((run) => run.curves[meantOne.key]);
      return having.length ? linesOf(having, meantOne.key, x, look, name) : [];
    }));
    return draw(nodes[place], traces, { xaxis: axis(AXES[x], { rangemode: "tozero" }), yaxis: axis(""), title: layer }, shown.length > 1 ? 250 : 300);
  }));
}
