// The inputs, and when each of their nodes ran: the table and the timeline are the same rows on one clock.

const HEIGHT = 30;
const table = { shown: [], order: "index", falls: false, failed: false, search: "", clock: "wall", picked: null };

const COLUMNS = [
  ["#", "index", (run) => run.index, "right"],
  ["input", "label", (run) => run.label.toLowerCase(), ""],
  ["status", "status", (run) => run.status, ""],
  ["route", "route", (run) => run.routes.join(", "), ""],
  ["time", "ms", (run) => run.ms ?? -1, "right"],
  ["tokens", "tokens", (run) => run.tokens, "right"],
  ["cost", "usd", (run) => run.usd, "right"],
];

function clock() {
  if (table.clock === "own") return { first: 0, last: Math.max(1, ...extremes((run) => run.ms ?? 0)) };
  const starts = extremes((run) => run.start ?? 0);
  const ends = extremes((run) => (run.start ?? 0) + (run.ms ?? 0));
  return { first: Math.min(...starts), last: Math.max(Math.min(...starts) + 1, ...ends) };
}

// The lowest and the highest of a figure, without handing a hundred thousand arguments to Math.max.
function extremes(figure) {
  let [low, high] = [Infinity, -Infinity];
  for (const run of [...open, ...runs]) {
    const value = figure(run);
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return runs.length + open.length ? [low, high] : [0, 0];
}

function ticks(first, last) {
  const span = last - first;
  const most = Math.max(1, Math.min(6, Math.floor((by("columns").lastElementChild?.clientWidth || 500) / 75)));
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 144e5, 432e5, 864e5];
  const step = steps.find((each) => span / each <= most) || 864e5 * Math.ceil(span / 864e5 / most);
  const found = [];
  for (let at = 0; at <= span; at += step) found.push(at);
  return found;
}

function drawHead(axis) {
  const cells = COLUMNS.map(([word, key, , kind]) => {
    const mark = table.order === key ? (table.falls ? " ▾" : " ▴") : "";
    const button = make("button", kind, word + mark);
    button.type = "button";
    button.ariaLabel = `order by ${word === "#" ? "number" : word}${mark ? (table.falls ? ", now falling" : ", now rising") : ""}`;
    button.addEventListener("click", () => {
      table.falls = table.order === key ? !table.falls : key !== "index" && key !== "label";
      table.order = key;
      refreshRows();
    });
    return button;
  });
  const scale = make("div", "axis");
  for (const at of axis.ticks) {
    const tick = make("span", "", at ? duration(at) : "0");
    const share = at / (axis.last - axis.first);
    tick.style.left = `${100 * share}%`;
    if (share > 0.92) tick.className = "last";
    scale.append(tick);
  }
  by("columns").replaceChildren(...cells, scale);
}

// Bars that overlap stand above each other; times are rounded, so that a millisecond is none.
function lanes(bars) {
  const ends = [];
  const placed = bars.map((bar) => {
    let lane = ends.findIndex((end) => end <= bar.start + 1);
    if (lane < 0) lane = ends.length;
    ends[lane] = bar.start + bar.ms;
    return lane;
  });
  return [placed, Math.max(1, ends.length)];
}

function drawRow(run, axis) {
  const cells = [
    make("span", "right", String(run.index)),
    userText("span", "", run.label),
    make("span", kindOf(run.status), `${sign(run.status)} ${words(run.status)}`),
    run.routes.length ? make("span", "", "", userText("span", "chip-text", run.routes.join(", "))) : make("span"),
    make("span", "right", duration(run.ms)),
    make("span", "right", run.tokens ? short(run.tokens) : ""),
    make("span", "right", run.usd || run.unpriced ? dollars(run.usd, run.unpriced) : ""),
  ];
  const lane = make("div", "lane");
  const width = axis.last - axis.first;
  for (const at of axis.ticks.slice(1)) {
    const line = make("b");
    line.style.left = `${(100 * at) / width}%`;
    lane.append(line);
  }
  const zero = table.clock === "own" ? run.start : axis.first;
  const [placed, count] = lanes(run.bars);
  const high = Math.max(2, 18 / count);
  run.bars.forEach((bar, number) => {
    const piece = make("i", kindOf(bar.status) === "bad" ? "h-bad" : `h-${nodes[bar.node].hue} is-${bar.status}`);
    piece.style.left = `${(100 * (bar.start - zero)) / width}%`;
    piece.style.width = `${(100 * bar.ms) / width}%`;
    piece.style.top = `${6 + placed[number] * high}px`;
    piece.style.height = `${Math.max(2, high - 1)}px`;
    piece.title = `${nodes[bar.node].name} · ${words(bar.status)} · ${duration(bar.ms)}`;
    lane.append(piece);
  });
  const row = make("div", "grid", "", ...cells, lane);
  if (run.error) row.title = run.error;
  return row;
}

// A run under way is another object each time that it is told of.
const placeOf = (run) => table.shown.findIndex((each) => each === run || (isOpen(run) && isOpen(each) && each.index === run.index));

let axis = { first: 0, last: 1, ticks: [] };
let rowList = null;

function refreshRows() {
  const value = COLUMNS.find(([, key]) => key === table.order)[2];
  const wanted = table.search.trim().toLowerCase();
  table.shown = [...open, ...runs].filter((run) => (!table.failed || !isGood(run)) && (!wanted || run.search.includes(wanted)));
  const way = table.falls ? -1 : 1;
  table.shown.sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    return a < b ? -way : a > b ? way : one.index - other.index;
  });
  axis = clock();
  axis.ticks = ticks(axis.first, axis.last);
  drawHead(axis);
  by("rows").style.height = `${Math.min(12, Math.max(2, table.shown.length)) * HEIGHT + 2}px`;
  rowList.show(table.shown.length, placeOf(table.picked));
  const count = open.length + runs.length;
  const all = count.toLocaleString("en");
  const some = table.shown.length.toLocaleString("en");
  by("none").hidden = table.shown.length > 0 || !count;
  by("inputs-hint").textContent = table.shown.length === count ? `${all} · a bar is a node at work` : `${some} of ${all}`;
}

function wireRows(pick) {
  rowList = virtualList(by("rows"), HEIGHT, (place) => drawRow(table.shown[place], axis));
  rowList.onPick = (place) => pick(table.shown[place]);
  new ResizeObserver(refreshRows).observe(by("columns"));
  by("search").addEventListener("input", (event) => {
    table.search = event.target.value;
    refreshRows();
  });
  choose({ "show-all": false, "show-failed": true }, (failed) => {
    table.failed = failed;
    refreshRows();
  });
  choose({ "clock-wall": "wall", "clock-own": "own" }, (which) => {
    table.clock = which;
    refreshRows();
  });
}

// Buttons of which one is pressed.
function choose(values, take) {
  const press = (id) => {
    for (const each of Object.keys(values)) by(each).setAttribute("aria-pressed", String(each === id));
  };
  for (const [id, value] of Object.entries(values)) {
    by(id).addEventListener("click", () => {
      press(id);
      take(value);
    });
  }
  return (value) => press(Object.keys(values).find((id) => values[id] === value));
}

function drawLegend() {
  const words = { core: "before and between routes", slate: "default" };
  const hues = [...new Set(nodes.map((node) => node.hue))];
  const entries = hues.map((hue) => make("span", "", "", make("i", `dot h-${hue}`), facts.hues[hue] || words[hue] || hue));
  by("legend").replaceChildren(...entries, make("span", "", "", make("i", "dot h-bad"), "failed"));
}
