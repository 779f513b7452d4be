// What all runs together say: figures on top, errors, and what each node took.

const MOST_LARGE = 14; // letters of a figure that have room in their full size

function drawTiles() {
  const good = runs.filter((run) => run.status === "ok").length;
  const bad = runs.filter((run) => !isGood(run)).length;
  const counts = {};
  for (const run of [...runs, ...open]) if (run.status !== "ok") counts[words(run.status)] = (counts[words(run.status)] || 0) + 1;
  const unseen = (facts.total || 0) - runs.length - open.length;
  if (unseen > 0) counts[facts.live ? "to come" : "not begun"] = unseen;
  const told = Object.entries(counts).map(([word, count]) => `${count.toLocaleString("en")} ${word}`).join(" · ");
  const begun = [...open, ...runs].filter((run) => run.ms !== null);
  const times = ascending(runs.filter((run) => run.ms !== null).map((run) => run.ms));
  const work = begun.reduce((sum, run) => sum + run.ms, 0);
  const [first, last] = [Math.min(...extremes((run) => run.start ?? Infinity)), Math.max(...extremes((run) => (run.start === null ? -Infinity : run.start + run.ms)))];
  const wall = begun.length ? last - first : 0;
  const sum = (key) => runs.reduce((all, run) => all + run[key], 0);
  const [prompt, completion, usd, unpriced] = [sum("prompt"), sum("completion"), sum("usd"), sum("unpriced")];
  const costs = costsByNode(unpriced > 0);
  const dearest = costs[0] && (costs[0].usd || costs[0].tokens) ? costs[0] : null;
  const share = dearest ? (usd && !unpriced ? dearest.usd / usd : dearest.tokens / Math.max(1, prompt + completion)) : 0;
  const tiles = [
    ["succeeded", `${good.toLocaleString("en")} / ${(facts.total || runs.length).toLocaleString("en")}`, told || "none failed"],
    ["wall time", duration(wall) || "0 ms", wall ? `${(work / wall).toFixed(1)} × in parallel` : ""],
    ["median input", duration(quantile(times, 0.5)), times.length ? `p95 ${duration(quantile(times, 0.95))}` : ""],
    ["tokens", short(prompt + completion), prompt + completion ? `${short(prompt)} in · ${short(completion)} out` : ""],
    ["cost", dollars(usd, unpriced), runs.length && usd ? `${dollars(usd / runs.length, unpriced)} per input` : ""],
    [usd && !unpriced ? "dearest node" : "most tokens", dearest ? dearest.name : "–", dearest ? `${usd && !unpriced ? dollars(dearest.usd) : short(dearest.tokens)} · ${Math.round(100 * share)} %` : ""],
  ];
  by("tiles").replaceChildren(
    ...tiles.map(([what, figure, more], place) => {
      const tile = make("div", "tile", "", make("div", "what", what), userText("div", String(figure).length > MOST_LARGE ? "figure long" : "figure", figure || "–"), make("div", place === 0 && bad ? "more bad" : "more", more));
      tile.title = [figure, more].filter(Boolean).join("\n");
      return tile;
    }),
  );
}

// The dearest first; where a price is not known, those with the most tokens.
function costsByNode(isUnpriced) {
  const sums = nodes.map((node, number) => ({ ...node, number, runs: 0, failed: 0, times: [], prompt: 0, completion: 0, usd: 0, unpriced: 0 }));
  for (const run of runs) {
    for (const bar of run.bars) {
      const sum = sums[bar.node];
      sum.runs += 1;
      sum.failed += kindOf(bar.status) === "bad" ? 1 : 0;
      sum.times.push(bar.ms);
      for (const key of ["prompt", "completion", "usd", "unpriced"]) sum[key] += bar[key];
    }
  }
  const ran = sums.filter((sum) => sum.runs);
  for (const sum of ran) {
    sum.tokens = sum.prompt + sum.completion;
    ascending(sum.times);
  }
  return ran.sort((one, other) => (isUnpriced ? 0 : other.usd - one.usd) || other.tokens - one.tokens || other.runs - one.runs);
}

function drawCosts() {
  const isUnpriced = runs.some((run) => run.unpriced);
  const costs = costsByNode(isUnpriced);
  const most = Math.max(1, ...costs.map((sum) => sum.tokens));
  const usd = costs.reduce((all, sum) => all + sum.usd, 0);
  const tokens = Math.max(1, costs.reduce((all, sum) => all + sum.tokens, 0));
  const head = [["node", ""], ["about", ""], ["runs", "right"], ["p50", "right"], ["p95", "right"], ["tokens", ""], ["cost", "right"], ["share", "right"]];
  const rows = costs.map((sum) => {
    const meter = make("span", "meter", "", make("i", "prompt"), make("i", "completion"));
    meter.title = `${sum.prompt.toLocaleString("en")} in, ${sum.completion.toLocaleString("en")} out`;
    meter.children[0].style.width = `${(100 * sum.prompt) / most}%`;
    meter.children[1].style.width = `${(100 * sum.completion) / most}%`;
    const name = make("td", "name", "", make("i", `dot h-${sum.hue}`), userText("span", "", sum.name));
    name.title = sum.name;
    const part = usd && !isUnpriced ? sum.usd / usd : sum.tokens / tokens;
    return make("tr", "", "",
      name,
      userText("td", "off", sum.summary || sum.kind),
      make("td", sum.failed ? "right bad" : "right", sum.runs.toLocaleString("en") + (sum.failed ? ` (${sum.failed.toLocaleString("en")} ✗)` : "")),
      make("td", "right", duration(quantile(sum.times, 0.5))),
      make("td", "right", duration(quantile(sum.times, 0.95))),
      make("td", "", "", sum.tokens ? meter : ""),
      make("td", "right", sum.usd || sum.unpriced ? dollars(sum.usd, sum.unpriced) : ""),
      make("td", "right", sum.tokens ? `${Math.round(100 * part)} %` : ""));
  });
  const titles = make("tr", "", "", ...head.map(([word, kind]) => make("th", kind, word)));
  by("cost-table").replaceChildren(make("thead", "", "", titles), make("tbody", "", "", ...rows));
}

const MOST_ERRORS = 200;
const MOST_NODES = 4;

// What an error says behind the name of the node that failed by it, and that name: "'send' failed: …".
function causeOf(run) {
  const error = run.error || words(run.status);
  const node = run.bars.map((bar) => nodes[bar.node].name).find((name) => error.startsWith(`'${name}' failed: `));
  return node === undefined ? [error, null] : [error.slice(`'${node}' failed: `.length), node];
}

// The same cause is told once, of however many inputs and at however many nodes.
function drawErrors(pick) {
  const failed = runs.filter((run) => !isGood(run));
  const groups = new Map();
  for (const run of failed) {
    const [cause, node] = causeOf(run);
    const key = `${run.status}\n${cause.replaceAll(/\d+/g, "0")}`;
    if (!groups.has(key)) groups.set(key, { cause, run, count: 0, at: new Set() });
    const group = groups.get(key);
    group.count += 1;
    if (node !== null) group.at.add(node);
  }
  const sorted = [...groups.values()].sort((one, other) => other.count - one.count || one.run.index - other.run.index);
  const entries = sorted.slice(0, MOST_ERRORS).map(({ cause, run, count, at }) => {
    const who = make("b", "", "", userText("span", "", title(run)));
    const more = count > 1 ? ` and ${(count - 1).toLocaleString("en")} more` : "";
    const named = [...at].slice(0, MOST_NODES).map((name) => `'${name}'`).join(", ");
    const rest = at.size > 1 ? `${more}, at ${named}${at.size > MOST_NODES ? ` and ${at.size - MOST_NODES} other nodes` : ""}` : more;
    const entry = make("button", "mistake", "", who, rest, userText("code", "", at.size > 1 ? cause : run.error || cause));
    entry.type = "button";
    entry.addEventListener("click", () => pick(run));
    return entry;
  });
  const left = sorted.length - entries.length;
  if (left > 0) entries.push(make("div", "off", `… and ${left.toLocaleString("en")} more kinds`));
  by("error-list").replaceChildren(...entries);
  document.querySelector("main").classList.toggle("flawless", !failed.length);
  by("errors-hint").textContent = failed.length ? `${failed.length.toLocaleString("en")} of ${runs.length.toLocaleString("en")} inputs` : "";
}
