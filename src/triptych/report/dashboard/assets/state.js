// What the page is asked to show. It lives in the address after the #, so a link or a reload keeps it.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SETTINGS = new Map(DATA.settings.map((setting) => [setting.label, setting]));
const RUNS = DATA.runs;
const LISTS = ["panel", "status", "seed", "group"];

let asked = new URLSearchParams(location.hash.slice(1));
let listener = () => {};

const one = (name, otherwise = "") => asked.get(name) ?? otherwise;
const many = (name) => asked.getAll(name);

function ask(name, values) {
  asked.delete(name);
  for (const value of [values].flat()) if (value !== "") asked.append(name, value);
  const text = asked.toString();
  // A fragment alone: no load, no new entry in the history, and allowed in files too.
  location.replace("#" + text);
  listener(name);
}

addEventListener("hashchange", () => {
  if (location.hash.slice(1) === asked.toString()) return;
  asked = new URLSearchParams(location.hash.slice(1));
  listener("");
});

const words = (run) => [run.name, run.setting, run.group, run.overrides, run.error,
  ...Object.entries(run.knobs).map(([name, value]) => `${name}=${value}`)].join(" ").toLowerCase();
const WORDS = new Map(RUNS.map((run) => [run, words(run)]));

// `except` names a filter that is not applied: what could be chosen in it.
function matches(run, except = "") {
  for (const name of LISTS) {
    const wanted = many(name);
    if (name !== except && wanted.length && !wanted.includes(String(run[name]))) return false;
  }
  const wanted = one("q").toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.every((word) => WORDS.get(run).includes(word))) return false;
  return except === "off" || !many("off").includes(run.setting);
}

const chosen = () => RUNS.filter((run) => matches(run));
