// The page: filters at the side, sections of views, and the order in which they are drawn.
const DRAW = { Curves: drawCurves, Points: drawPoints, Rank: drawRank, Parallel: drawParallel, Importance: drawImportance,
  Comparison: drawComparison, Heat: drawHeat, Table: drawTable, Runs: drawRuns };
const FULL = ["Rank", "Parallel", "Importance", "Comparison", "Heat", "Runs"];
const WIDE_TABLES = ["routing", "density"];

function keyOf(label) {
  const look = SETTINGS.get(label);
  const dashes = { solid: "", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3" }[look.dash];
  const mark = el("span", { class: "key", "aria-hidden": "true" });
  mark.innerHTML = '<svg viewBox="0 0 30 12"><line x1="0" x2="30" y1="6" y2="6" stroke-width="3"/></svg>';
  mark.querySelector("line").setAttribute("stroke", tone(look.colour));
  mark.querySelector("line").setAttribute("stroke-dasharray", dashes);
  return mark;
}

// Texts of the specification: paragraphs, with `code`.
const prose = (text) => text.split("\n\n").map((part) =>
  el("p", {}, part.split("`").map((piece, place) => (place % 2 ? el("code", {}, piece) : piece))));

function figureOf(view) {
  const parts = { heading: el("h3", {}, view.title), choices: el("div", { class: "choices" }), body: el("div", { class: "panes" }), remark: el("figcaption") };
  const node = el("figure", { id: view.slug, class: FULL.includes(view.kind) || WIDE_TABLES.includes(view.table) ? "full" : "" }, parts.heading, parts.choices, parts.body, parts.remark);
  return { ...view, parts, node };
}

function sectionOf(section) {
  const views = section.views.map((view) => figureOf({ ...view, slug: slug(view.title), choice: `run-${slug(section.title)}` }));
  const words = views.filter((view) => view.kind === "Words");
  for (const view of words) view.node = el("div", { class: "words" }, prose(view.text));
  const node = el("section", { id: `s-${slug(section.title)}` }, el("h2", {}, section.title), el("div", { class: "views" }, views.map((view) => view.node)));
  return { ...section, node, views, drawn: views.filter((view) => view.kind !== "Words") };
}

const sections = [...DATA.sections.filter((section) => section.views.some((view) => view.kind !== "Words")),
  { title: "Runs", views: [{ kind: "Runs", title: "All runs shown" }] },
  ...DATA.sections.filter((section) => section.views.every((view) => view.kind === "Words"))].map(sectionOf);

// Filters. A button for each value that runs have; pressed ones are wanted, none means all.
function chips(name, label, texts) {
  const node = el("div", { class: "chips", role: "group", "aria-label": label });
  node.append(el("span", { class: "label" }, label), ...texts.map((text) => el("button", { type: "button", "data-filter": name, "data-value": text,
    onclick: () => ask(name, many(name).includes(text) ? many(name).filter((each) => each !== text) : [...many(name), text]) },
  name === "status" ? `${MARKS[text]} ${text}` : text)));
  return texts.length > 1 ? node : null;
}

const have = (name) => distinct(RUNS.map((run) => String(run[name])));
const search = el("input", { type: "search", placeholder: "words in settings, as top_k=2", "aria-label": "search in settings", oninput: () => ask("q", search.value) });
const groupChoice = el("span"), xChoice = el("span"), lineChoice = el("span");
const legend = el("ul", { class: "legend" });
const count = el("p", { class: "count", role: "status" });
const reset = el("button", { type: "button", onclick: () => { asked = new URLSearchParams(); ask("q", ""); } }, "Show all");
const field = (label, node) => el("div", { class: "field" }, el("span", { class: "label" }, label), node);
const bar = el("details", { class: "bar", open: innerWidth > 1000 }, el("summary", {}, "Filters and legend"),
  el("div", { class: "inner" }, search,
    chips("panel", "Panel", have("panel")), chips("status", "Status", have("status")),
    have("seed").length <= 12 ? chips("seed", "Seed", have("seed").sort(byValue)) : field("Seed", el("span", { id: "seed" })),
    have("group").length > 1 ? field("Folder", groupChoice) : null, field("Curves against", xChoice), field("Lines", lineChoice),
    el("div", { class: "field" }, el("span", { class: "label" }, "Settings"), reset), legend));

function drawControls() {
  const runs = chosen();
  if (document.activeElement !== search) search.value = one("q");
  for (const button of bar.querySelectorAll("[data-filter]")) {
    button.ariaPressed = String(many(button.dataset.filter).includes(button.dataset.value));
  }
  const all = (name) => [["", "all"], ...have(name).sort(byValue).map((text) => [text, text])];
  groupChoice.replaceChildren(select("folder", all("group"), one("group"), (value) => ask("group", value)));
  bar.querySelector("#seed")?.replaceChildren(select("seed", all("seed"), one("seed"), (value) => ask("seed", value)));
  const against = [["step", "optimizer steps"], ["flops", "FLOPs of training"], ["seconds", "seconds of training"]];
  xChoice.replaceChildren(select("curves against", against, one("x", "step"), (value) => ask("x", value === "step" ? "" : value)));
  const ways = [["band", "mean ± standard deviation"], ["mean", "mean over seeds"], ["runs", "single runs"]];
  lineChoice.replaceChildren(select("lines", ways, one("lines", "band"), (value) => ask("lines", value === "band" ? "" : value)));
  const able = groupBy(RUNS.filter((run) => matches(run, "off")), (run) => run.setting);
  const off = many("off");
  const turn = (label) => ask("off", off.includes(label) ? off.filter((each) => each !== label) : [...off, label]);
  legend.replaceChildren(...[...able].map(([label, group]) => el("li", {},
    el("button", { type: "button", "aria-pressed": String(!off.includes(label)), title: "show or hide", onclick: () => turn(label) },
      keyOf(label), el("span", {}, label), el("span", { class: "soft" }, ` ${group.length}`)))));
  const counted = [...groupBy(runs, (run) => run.status)].map(([status, group]) => `${group.length} ${status}`).join(", ");
  count.textContent = `${runs.length} of ${RUNS.length} runs shown${counted ? ": " + counted : ""}`;
  reset.disabled = !location.hash.slice(1);
}

const nav = el("nav", { "aria-label": "sections" }, sections.map((section) => el("a", { href: "#", "data-section": section.node.id,
  onclick: (event) => { event.preventDefault(); section.node.scrollIntoView(); } }, section.title)));
const age = () => `Drag over a figure to look closer, click it twice to go back. Written ${moment(DATA.made)} UTC${DATA.refresh_s ? `; looks for news every ${DATA.refresh_s} s` : ""}. ${DATA.thinned}`;
document.getElementById("app").replaceWith(el("div", { class: "app" },
  el("aside", {}, el("h1", {}, "Triptych: runs"), count, bar),
  el("main", {}, nav, el("p", { class: "byline" }, age()),
    DATA.notes.length ? el("div", { class: "warning", role: "note" }, DATA.notes.map((note) => el("p", {}, note))) : null,
    el("p", { class: "nothing", hidden: true }, "No run matches. “Show all” drops the filters."),
    sections.map((section) => section.node))));

async function drawView(view, runs) {
  const able = view.panels ? runs.filter((run) => view.panels.includes(run.panel)) : runs;
  view.node.hidden = false;
  const drawn = able.length ? keepingFocus(view.node, () => DRAW[view.kind](view, able, view.parts)) : false;
  view.node.hidden = drawn === false;
  await drawn;
}

// What is in sight comes first; a newer wish drops what an older one had not drawn yet.
let wish = 0;
async function refresh() {
  const mine = ++wish;
  delete document.body.dataset.drawn;
  keepingFocus(bar, drawControls);
  const runs = chosen();
  document.querySelector(".nothing").hidden = runs.length > 0;
  const away = ({ node }) => Math.max(0, node.getBoundingClientRect().top - innerHeight, -node.getBoundingClientRect().bottom);
  const views = sections.flatMap((section) => section.drawn);
  const order = views.map((view) => [view.node.hidden ? 1e6 : away(view), view]).sort(([a], [b]) => a - b).map(([, view]) => view);
  for (const view of order) {
    await drawView(view, runs);
    if (!view.node.hidden && away(view) > 0) document.body.dataset.ready = "";
    await new Promise((resolve) => setTimeout(resolve));
    if (mine !== wish) return;
  }
  document.body.dataset.ready = "";
  for (const section of sections) {
    section.node.hidden = section.drawn.length > 0 && section.drawn.every((view) => view.node.hidden);
    nav.querySelector(`[data-section="${section.node.id}"]`).hidden = section.node.hidden;
  }
  document.body.dataset.plots = document.querySelectorAll("figure:not([hidden]) .plot").length;
  document.body.dataset.drawn = document.querySelectorAll("figure:not([hidden]) .js-plotly-plot").length;
}

// Only what a change can be seen in is drawn again.
const OF_ONE_VIEW = /^(evaluation|a|b|sort|order|run-.*|layer-.*|x-.*|y-.*)$/;
async function refreshSome(name) {
  const touched = { evaluation: ["Heat"], a: ["Comparison"], b: ["Comparison"], sort: ["Runs"] }[name];
  const views = sections.flatMap((section) => section.drawn).filter((view) =>
    touched?.includes(view.kind) || view.choice === name || name.endsWith(`-${view.slug}`));
  const runs = chosen();
  for (const view of views) if (!view.node.hidden) await drawView(view, runs);
}

listener = (name) => (OF_ONE_VIEW.test(name) && document.body.dataset.drawn ? refreshSome(name) : refresh());
dark.addEventListener("change", refresh);
// A browser prints when this returns, so nothing is waited for.
addEventListener("beforeprint", () => {
  onPaper = true;
  wish++;
  drawControls();
  for (const view of sections.flatMap((section) => section.drawn)) drawView(view, chosen());
});
addEventListener("afterprint", () => { onPaper = false; refresh(); });

// While runs go on the page loads itself again, in place, unless somebody is busy with it.
let touched = 0;
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
function reload() {
  if (document.hidden || Date.now() - touched < 2000) return setTimeout(reload, 500);
  sessionStorage.setItem("triptych-scroll", String(scrollY));
  return location.reload();
}

refresh().then(() => {
  if (DATA.refresh_s) setTimeout(reload, 1000 * DATA.refresh_s);
  const scroll = sessionStorage.getItem("triptych-scroll");
  if (scroll) scrollTo({ top: Number(scroll), behavior: "instant" });
  sessionStorage.removeItem("triptych-scroll");
});
