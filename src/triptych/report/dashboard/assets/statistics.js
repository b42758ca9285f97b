// Means over seeds, and how much of a value each setting explains.
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
function deviation(values) {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

const groupBy = (items, key) => items.reduce((found, item) => {
  const name = key(item);
  return found.set(name, [...(found.get(name) ?? []), item]);
}, new Map());

const FEWEST_RUNS = 8;
const MOST_LEVELS = 6;

// Numbers with many values go into four groups of about equal size.
function levels(values) {
  const unique = distinct(values);
  if (unique.length <= MOST_LEVELS || !values.every((value) => typeof value === "number")) return values;
  const sorted = [...values].sort((a, b) => a - b);
  return values.map((value) => Math.min(3, Math.floor((4 * sorted.indexOf(value)) / sorted.length)));
}

// The share of the variance between runs that groups of equal setting explain, corrected for their
// number: 1 - (SS within / (n - k)) / (SS total / (n - 1)). Null where there is too little to say.
function explained(pairs) {
  const grouped = levels(pairs.map(([level]) => level));
  const groups = groupBy(pairs.map(([, value], place) => [grouped[place], value]), ([level]) => level);
  const [n, k] = [pairs.length, groups.size];
  if (n < FEWEST_RUNS || k < 2 || n - k < 4) return null;
  const spread = (values) => values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0);
  const total = spread(pairs.map(([, value]) => value));
  if (total === 0) return null;
  const within = [...groups.values()].reduce((sum, group) => sum + spread(group.map(([, value]) => value)), 0);
  return { share: Math.max(0, 1 - (within / (n - k)) / (total / (n - 1))), n, k };
}
