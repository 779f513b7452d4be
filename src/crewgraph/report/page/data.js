// What the page knows: facts about the pipeline, a row for each run, and details that are unpacked when somebody looks.

const facts = JSON.parse(document.getElementById("facts").textContent);
const nodes = facts.nodes; // {name, kind, hue, id, summary}
const runs = []; // in the order in which they ended
const open = []; // those that have not ended, on a page that is told of them

// A row and its bars, as crewgraph.report.compact writes them. Times are milliseconds since the first run began.
// Literals: of a hundred thousand rows objects of one shape are made in a tenth of the time that Object.fromEntries takes.
const ROW = ([index, label, status, error, start, ms, way, bars]) => ({ index, label, status, error, start, ms, way, bars });
const BAR = ([node, status, start, ms, prompt, completion, usd, unpriced, route]) => ({ node, status, start, ms, prompt, completion, usd, unpriced, route });

function parsed(row) {
  const run = ROW(row);
  run.bars = run.bars.map(BAR);
  run.prompt = run.completion = run.usd = run.unpriced = 0;
  for (const bar of run.bars) {
    run.prompt += bar.prompt;
    run.completion += bar.completion;
    run.usd += bar.usd;
    run.unpriced += bar.unpriced;
  }
  run.tokens = run.prompt + run.completion;
  run.routes = run.bars.filter((bar) => bar.route !== null).map((bar) => bar.route);
  run.search = `${run.index} ${run.label} ${run.status} ${run.routes.join(" ")} ${run.error || ""}`.toLowerCase();
  return run;
}

function take(row) {
  runs.push({ ...parsed(row), place: runs.length });
}

async function unpacked(script) {
  if (script.type === "application/json") return JSON.parse(script.textContent);
  const bytes = Uint8Array.from(atob(script.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

async function readRows() {
  const parts = await Promise.all([...document.querySelectorAll('script[data-part="rows"]')].map(unpacked));
  parts.flat().forEach(take);
}

const isOpen = (run) => Boolean(run) && run.place === undefined; // it has not ended, and only its row is known

let lastPart = { place: -1, runs: [] }; // one part of the details is kept unpacked

async function detailsOf(run) {
  if (isOpen(run)) {
    const spans = run.bars.map((bar) => ({ ...bar, kind: nodes[bar.node].kind, route: bar.route ?? undefined, usage: { total_tokens: bar.prompt } }));
    return { spans, texts: [], error: null, inputs: {} };
  }
  if (facts.live) {
    const answer = await fetch(`run/${run.place}${location.search}`).catch(() => null);
    return answer?.ok ? answer.json() : { spans: [], texts: ["The details cannot be loaded: nobody serves this page any more."], error: 0, inputs: {} };
  }
  const place = Math.floor(run.place / facts.chunk);
  if (lastPart.place !== place) {
    lastPart = { place, runs: await unpacked(document.querySelectorAll('script[data-part="details"]')[place]) };
  }
  return lastPart.runs[run.place % facts.chunk];
}

const isGood = (run) => ["ok", "running", "waiting"].includes(run.status);

// ---- words -----------------------------------------------------------------------------------------------------

function duration(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  const whole = Math.round(ms / 1000);
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${seconds} s`;
  return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : `${seconds} s`;
}

function short(count) {
  for (const unit of ["", "k", "M"]) {
    if (Math.round(count) < 1000) return `${count < 10 ? Number(count.toFixed(1)) : Math.round(count)}${unit}`;
    count /= 1000;
  }
  return `${Math.round(count)}G`;
}

function dollars(usd, unpriced = 0) {
  if (unpriced) return usd ? `≥ ${dollars(usd)}` : "unknown"; // what some calls cost nobody knows
  if (usd >= 1 || usd <= 0) return `$${usd.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return `$${usd.toFixed(Math.min(20, 3 - Math.floor(Math.log10(usd)))).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}

const words = (status) => String(status).replaceAll("_", " ");
const sign = (status) => ({ ok: "✓", skipped: "–", running: "●", waiting: "◷" })[status] || "✗";
const kindOf = (status) => ({ ok: "ok", skipped: "off", running: "off", waiting: "off", cancelled: "off" })[status] || "bad";

function quantile(sorted, part) {
  if (!sorted.length) return null;
  const place = (sorted.length - 1) * part;
  const low = sorted[Math.floor(place)];
  return low + (sorted[Math.ceil(place)] - low) * (place - Math.floor(place));
}

const ascending = (values) => values.sort((one, other) => one - other);

// ---- elements --------------------------------------------------------------------------------------------------

// Text only ever becomes text: nothing here makes elements of a string.
function make(tag, kind = "", text = "", ...children) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text !== "") element.textContent = text;
  element.append(...children);
  return element;
}

function userText(tag, kind, text) {
  const element = make(tag, kind, text);
  element.dir = "auto";
  return element;
}

const by = (id) => document.getElementById(id);

const MAX_PRINTED = 500; // rows of a list that paper shows

// A list of any length of which only what is seen is in the page; for paper its first rows are.
function virtualList(element, height, draw) {
  const space = make("div", "space");
  element.append(space);
  const list = { count: 0, picked: -1, onPick: () => {} };
  let isPrinted = false;
  const refresh = () => {
    const first = isPrinted ? 0 : Math.max(0, Math.floor(element.scrollTop / height) - 8);
    const seen = isPrinted ? MAX_PRINTED : Math.ceil((element.scrollTop + element.clientHeight) / height) + 8;
    const last = Math.min(list.count, seen);
    space.style.height = `${(isPrinted ? last : list.count) * height}px`;
    const rows = [];
    for (let place = first; place < last; place += 1) {
      const row = draw(place);
      row.classList.add("row");
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(place === list.picked));
      row.id = `${element.id}-${place}`;
      row.style.top = `${place * height}px`;
      row.style.height = `${height}px`;
      row.dataset.place = place;
      rows.push(row);
    }
    space.replaceChildren(...rows);
    element.setAttribute("aria-activedescendant", list.picked >= 0 ? `${element.id}-${list.picked}` : "");
  };
  list.show = (count, picked) => {
    Object.assign(list, { count, picked });
    refresh();
  };
  list.reveal = () => {
    if (list.picked < 0) return;
    const top = list.picked * height;
    if (top < element.scrollTop || top + height > element.scrollTop + element.clientHeight) {
      element.scrollTop = Math.max(0, top - element.clientHeight / 2);
    }
    refresh();
  };
  element.addEventListener("scroll", refresh, { passive: true });
  new ResizeObserver(refresh).observe(element);
  for (const [name, is] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(name, () => {
      isPrinted = is;
      refresh();
    });
  }
  // As a list box does, not by "click": a row that is drawn anew between the press and the release is never clicked.
  element.addEventListener("mousedown", (event) => {
    const row = event.target.closest(".row");
    if (row && event.button === 0) list.onPick(Number(row.dataset.place));
  });
  element.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(element.clientHeight / height) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -list.count, End: list.count }[event.key];
    if (!step || !list.count) return;
    event.preventDefault();
    list.onPick(Math.min(list.count - 1, Math.max(0, list.picked + step)));
  });
  return list;
}
