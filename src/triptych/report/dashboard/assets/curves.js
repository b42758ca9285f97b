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

// Experts of a layer have no order, so neighbours differ most.
function expertLook(place) {
  const colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A8F98", "#7a6a00"];
  return { colour: colours[place % colours.length], dash: DASHES[Math.floor(place / colours.length) % DASHES.length], symbol: "circle" };
}

function drawCurves(view, runs, parts) {
  const keys = distinct(runs.flatMap((run) => Object.keys(run.curves)));
  const meant = view.metrics.flatMap((metric, place) => keys.flatMap((key) => {
    const found = stars(metric, key);
    const isLogged = () => runs.some((run) => run.curves[key]?.some((value) => value !== null));
    return found && isLogged() ? [{ key, place, layer: found[0] ?? "", line: found[1] }] : [];
  }));
  if (!meant.length) return false;
  const x = view.x === "step" ? one("x", "step") : view.x;
  const layers = inOrder(meant.map((each) => each.layer));
  const wanted = one(`layer-${view.slug}`);
  const picked = layers.includes(wanted) ? wanted : layers.length > MOST_PANES ? layers[0] : "";
  const shown = picked ? [picked] : layers;
  const choices = [];
  let drawn = runs;
  // Expert 3 of one seed is not expert 3 of another: a mean of the two would mean nothing.
  const ofExperts = meant.some((each) => each.line !== undefined);
  if (ofExperts) {
    const [run, choice] = runChoice(view.choice, runs.filter((able) => meant.some((each) => able.curves[each.key])));
    drawn = [run];
    choices.push(choice);
  }
  const settings = [...groupBy(drawn, (run) => run.setting)];
  if (layers.length > 1) {
    const all = layers.length > MOST_PANES ? [] : [["", "all layers"]];
    const options = [...all, ...layers.map((layer) => [layer, layer])];
    choices.push(select("layer", options, picked, (layer) => ask(`layer-${view.slug}`, layer)));
  }
  parts.choices.replaceChildren(...choices);
  const names = ofExperts ? "One run: experts of different seeds have nothing but their number in common." : view.metrics.length > 1 ? view.metrics.map((metric, place) => `${OF_METRIC[place][1]}: ${metric}`).join(", ") : "";
  parts.remark.textContent = names;
  const nodes = panes(parts.body, shown.length);
  return Promise.all(shown.map((layer, place) => {
    const bandsFirst = (a, b) => ("fill" in b) - ("fill" in a);
    const traces = meant.filter((each) => each.layer === layer).flatMap((each, order, all) => settings.flatMap(([label, group]) => {
      const look = each.line === undefined ? { ...SETTINGS.get(label) } : expertLook(inOrder(all.map((other) => other.line)).indexOf(each.line));
      if (view.metrics.length > 1) look.dash = OF_METRIC[each.place][0];
      const name = each.line !== undefined ? `expert ${each.line}` : view.metrics.length > 1 ? `${label}, ${each.key}` : label;
      const having = group.filter((run) => run.curves[each.key]);
      return having.length ? linesOf(having, each.key, x, look, name) : [];
    })).sort(bandsFirst);
    if (ofExperts) for (const trace of traces.filter((able) => !("fill" in able))) {
      const number = (at) => (at === trace.x.length - 1 ? trace.name.replace("expert ", " ") : "");
      Object.assign(trace, { mode: "lines+text", text: trace.x.map((_, at) => number(at)), textposition: "middle right", cliponaxis: false });
    }
    const least = Math.min(...traces.flatMap((trace) => trace.y));
    return draw(nodes[place], traces, { xaxis: axis(AXES[x], { rangemode: "tozero" }), yaxis: axis("", least >= 0 ? { rangemode: "nonnegative" } : {}), title: plainText(layer) }, shown.length > 1 ? 250 : 300);
  }));
}
