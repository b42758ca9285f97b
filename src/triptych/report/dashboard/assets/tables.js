// Tables of the last test of one run.
function confusionTable(tables) {
  const matrix = tables.confusion, classes = tables.classes ?? matrix.map((_, place) => String(place));
  return table(["true ↓ predicted\u00a0→", ...classes], matrix.map((row, place) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return [classes[place] ?? String(place), ...row.map((count) => shade(total ? count / total : 0, count))];
  }), "grid");
}

function classTable(tables) {
  const matrix = tables.confusion;
  if (!matrix) return null;
  return table(["class", "samples", "recall", "precision"], matrix.map((row, place) => {
    const samples = row.reduce((sum, count) => sum + count, 0), called = matrix.reduce((sum, other) => sum + other[place], 0);
    const share = (total) => (total ? shade(row[place] / total, percent(row[place] / total)) : "");
    return [tables.classes?.[place] ?? String(place), samples, share(samples), share(called)];
  }), "grid");
}

function calibrationTable(tables) {
  const { count, confidence, accuracy } = tables.calibration;
  const total = count.reduce((sum, each) => sum + each, 0);
  const rows = [...count.keys()].filter((place) => count[place] > 0).map((place) => [
    `${percent(place / count.length)} to ${percent((place + 1) / count.length)}`, shade(count[place] / total, count[place]),
    percent(confidence[place]), percent(accuracy[place]), `${accuracy[place] >= confidence[place] ? "+" : "−"}${Number(Math.abs(100 * (accuracy[place] - confidence[place])).toFixed(1))}`]);
  return table(["confidence", "samples", "mean", "accuracy", "gap, points"], rows, "grid");
}

function routingTable(tables) {
  const families = tables.families ?? [];
  return el("div", { class: "beside" }, tables.routing.map((layer) => {
    const load = layer.load, total = load.reduce((sum, each) => sum + each, 0) || 1;
    const sums = layer.topk_by_family.map((row) => row.reduce((sum, each) => sum + each, 0) || 1);
    return el("div", {}, el("h4", {}, layer.layer), table(["expert", "routes", "share", ...sums.map((_, place) => families[place] ?? `family ${place}`)],
      load.map((routes, expert) => [String(expert), routes, shade(routes / total, percent(routes / total)),
        ...layer.topk_by_family.map((row, family) => shade(row[expert] / sums[family], percent(row[expert] / sums[family])))]), "grid"));
  }));
}

// Any other table: rows that are dictionaries.
function plainTable(rows) {
  const head = distinct(rows.flatMap((row) => Object.keys(row)));
  return table(head.map((name) => name.replaceAll("_", " ")), rows.map((row) => head.map((name) => (Array.isArray(row[name]) ? row[name].join(", ") : row[name] ?? "–"))), "grid");
}

const TABLES = { confusion: confusionTable, classes: classTable, calibration: calibrationTable, routing: routingTable };

function drawTable(view, runs, parts) {
  const having = runs.filter((run) => run.tables[view.table] && (view.table !== "classes" || run.tables.confusion));
  if (!having.length) return false;
  const [run, choice] = runChoice(view.choice, having);
  parts.choices.replaceChildren(choice);
  parts.body.replaceChildren((TABLES[view.table] ?? ((tables) => plainTable(tables[view.table])))(run.tables));
  return true;
}
