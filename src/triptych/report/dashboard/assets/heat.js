// Experts against families by layer, evaluation by evaluation of one run.
function drawHeat(view, runs, parts) {
  const having = runs.filter((run) => run.heat.length);
  if (!having.length) return false;
  const [run, choice] = runChoice(view.choice, having);
  const count = run.heat.length;
  const wanted = one("evaluation") === "" ? count - 1 : Number(one("evaluation"));
  const place = Math.min(count - 1, Math.max(0, Math.round(wanted) || 0));
  const now = run.heat[place];
  const when = (now.split === "test" ? "test split, best checkpoint" : `validation split, step ${now.step}`) + ` (${place + 1} of ${count})`;
  // The slider that is being moved stays: a new one would drop the hand that holds it.
  let slider = parts.choices.querySelector("input");
  if (!slider) {
    slider = el("input", { type: "range", min: 0, step: 1, "aria-label": "evaluation", oninput: () => ask("evaluation", slider.value) });
    parts.choices.replaceChildren(el("span"), slider, el("output"));
  }
  slider.max = count - 1;
  slider.value = place;
  slider.setAttribute("aria-valuetext", when);
  parts.choices.replaceChild(choice, parts.choices.firstChild);
  parts.choices.lastChild.textContent = when;
  parts.remark.textContent = "Share of a family's routes that went to each expert: a row sums to 100 %. Shades are the same for all evaluations of a run.";
  const families = run.tables.families ?? [];
  const most = Math.max(...run.heat.flatMap((each) => each.layers.flatMap((layer) => layer.shares.flat()))) / 1000;
  const nodes = panes(parts.body, now.layers.length);
  return Promise.all(now.layers.map((layer, order) => {
    const experts = layer.shares[0].map((_, expert) => String(expert));
    const names = layer.shares.map((_, family) => plainText(families[family] ?? `family ${family}`));
    const z = layer.shares.map((row) => row.map((share) => share / 1000));
    const readable = experts.length <= 16 && names.length <= 12;
    return draw(nodes[order], [{ type: "heatmap", x: experts, y: names, z, zmin: 0, zmax: most, colorscale: shadesOf(), showscale: false, xgap: 2, ygap: 2,
      text: z.map((row) => row.map((share) => (readable ? Math.round(100 * share) : ""))), texttemplate: "%{text}",
      hovertemplate: "%{y}, expert %{x}: %{z:.1%}<extra></extra>" }],
    { title: plainText(layer.layer), xaxis: axis("expert", { type: "category", showgrid: false }), yaxis: axis("", { type: "category", autorange: "reversed", showgrid: false, ticks: "" }) },
    Math.max(190, 100 + 34 * names.length));
  }));
}
