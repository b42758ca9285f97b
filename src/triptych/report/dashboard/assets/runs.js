// Every run that is shown, as a table and as CSV.
const MARKS = { finished: "✓", running: "●", failed: "✕", interrupted: "❚❚", skipped: "–" };
const moment = (text) => text.replace("T", " ").replace(/:\d\d([+-]\d\d:\d\d|Z)?$/, "");

// A column: its heading, its name in CSV, and what a run has there.
function columns(runs) {
  const turned = DATA.knobs.filter((name) => name !== "model.name" && distinct(runs.map((run) => knob(run, name))).length > 1);
  return [
    { head: "status", name: "status", of: (run) => run.status },
    { head: "run", name: "name", of: (run) => run.name },
    { head: "setting", name: "setting", of: (run) => run.setting },
    { head: "seed", name: "seed", of: (run) => run.seed },
    ...DATA.values.map((value) => ({ head: value.title, name: value.id, of: (run) => run.values[value.id] })),
    ...turned.map((name) => ({ head: stem(name), name, of: (run) => run.knobs[name] })),
    { head: "group", name: "group", of: (run) => run.group },
    { head: "started", name: "started", of: (run) => run.started },
  ];
}

function sorted(runs, made) {
  const column = made.find((each) => each.name === one("sort"));
  if (!column) return runs;
  const sign = one("order") === "down" ? -1 : 1;
  const missing = (value) => value === undefined || value === null || value === "";
  return [...runs].sort((a, b) => {
    const [x, y] = [column.of(a), column.of(b)];
    return missing(x) || missing(y) ? missing(x) - missing(y) : sign * byValue(x, y);
  });
}

const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

function asCsv(runs) {
  const settings = distinct(runs.flatMap((run) => Object.keys(run.knobs))).sort();
  const made = [
    ...["id", "name", "status", "panel", "seed", "setting", "group", "started"].map((name) => [name, (run) => run[name]]),
    ...settings.map((name) => [name, (run) => run.knobs[name]]),
    ...DATA.values.map((value) => [value.id, (run) => run.values[value.id]]),
    ["error", (run) => run.error], ["result", (run) => run.link],
  ];
  const lines = [made.map(([name]) => name), ...runs.map((run) => made.map(([, of]) => of(run) ?? ""))];
  return lines.map((line) => line.map(quoted).join(",")).join("\n") + "\n";
}

function download(runs) {
  const address = URL.createObjectURL(new Blob([asCsv(runs)], { type: "text/csv" }));
  el("a", { href: address, download: "runs.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function cellOf(run, column) {
  const value = column.of(run);
  if (column.name === "status") {
    // A run that was killed says that it is running: when it last said anything tells.
    const news = run.status === "running" ? `last news ${moment(run.changed)} UTC` : "";
    const why = run.error || run.early || news;
    return el("td", { class: `status ${run.status}` }, el("span", { "aria-hidden": "true" }, MARKS[run.status]), ` ${run.status}`,
      why ? el("div", { class: "error" }, why) : "");
  }
  if (column.name === "name") return el("th", { scope: "row" }, el("a", { href: run.link }, run.name));
  if (column.name === "setting") return el("td", { class: "text" }, keyOf(run.setting), run.setting);
  if (column.name === "started") return el("td", { class: "text" }, moment(String(value ?? "")));
  return el("td", { class: typeof value === "number" ? "" : "text" }, VALUES.has(column.name) ? measured(value) : figures(value ?? ""));
}

function drawRuns(view, runs, parts) {
  const made = columns(runs);
  const listed = sorted(runs, made);
  parts.choices.replaceChildren(el("button", { type: "button", onclick: () => download(sorted(chosen(), made)) }, "Download as CSV"));
  const heading = (column) => {
    const isSorted = one("sort") === column.name;
    const next = () => {
      const order = isSorted && one("order") !== "down" ? "down" : "";
      asked.delete("order");
      if (order) asked.append("order", order);
      ask("sort", column.name);
    };
    return el("th", { scope: "col", "aria-sort": isSorted ? (one("order") === "down" ? "descending" : "ascending") : undefined },
      el("button", { type: "button", "data-sort": column.name, onclick: next }, column.head));
  };
  const scrolled = parts.body.firstChild?.scrollLeft ?? 0;
  parts.body.replaceChildren(el("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "all runs" },
    el("table", { class: "sortable runs" }, el("thead", {}, el("tr", {}, made.map(heading))),
      el("tbody", {}, listed.map((run) => el("tr", {}, made.map((column) => cellOf(run, column))))))));
  parts.body.firstChild.scrollLeft = scrolled;
  return true;
}
