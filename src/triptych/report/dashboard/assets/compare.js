// Two runs side by side.
function drawComparison(view, runs, parts) {
  if (runs.length < 2) return false;
  const asked = (name) => runs.find((run) => run.link === one(name));
  const first = asked("a") ?? runs[0];
  const second = asked("b") ?? runs.find((run) => run.setting !== first.setting) ?? runs.find((run) => run !== first);
  const options = runs.map((run) => [run.link, title(run)]);
  parts.choices.replaceChildren(
    select("first run", options, first.link, (link) => ask("a", link), "wide"),
    select("second run", options, second.link, (link) => ask("b", link), "wide"));
  const told = (value) => (value === undefined || value === null ? "–" : value);
  const pair = (name) => [told(first.knobs[name]), told(second.knobs[name])];
  const names = distinct([...view.settings, ...Object.keys(first.knobs).sort(), ...Object.keys(second.knobs).sort()]);
  const differ = names.filter((name) => pair(name)[0] !== pair(name)[1]);
  const others = differ.filter((name) => !view.settings.includes(name));
  const settings = [...(first.seed !== second.seed ? [["seed", first.seed, second.seed]] : []),
    ...differ.filter((name) => view.settings.includes(name)).map((name) => [stem(name), ...pair(name)])];
  const values = DATA.values.filter((value) => value.id in first.values || value.id in second.values).map((value) => {
    const [a, b] = [first.values[value.id], second.values[value.id]];
    const both = typeof a === "number" && typeof b === "number";
    return [value.title, told(measured(a) || null), told(measured(b) || null), both ? measured(Number((b - a).toPrecision(6))).replace("-", "−") : "–", both && a > 0 ? `× ${figures(b / a)}` : "–"];
  });
  const head = [first.name, second.name];
  parts.body.replaceChildren(
    el("h4", {}, settings.length ? "Settings that differ" : "No setting of a sweep differs"),
    settings.length ? table(["", ...head], settings, "grid pair") : "",
    others.length ? el("details", {}, el("summary", {}, `${others.length} other differences of the configuration`), table(["", ...head], others.map((name) => [name, ...pair(name)]), "grid pair")) : "",
    el("h4", {}, "Values"), table(["", ...head, "second − first", "second / first"], values, "grid"));
  return true;
}
