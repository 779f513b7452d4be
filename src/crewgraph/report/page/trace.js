// One run: its nodes, their tasks and calls as a tree, and whatever of it is selected in full.

const trace = { items: [], picked: null, list: null, run: null, details: null, ticket: 0 };

// A tree as rows: each with how deep it stands, and a key by which a link finds it again.
function treeOf(details) {
  const items = [];
  const first = Math.min(...details.spans.filter((span) => span.start !== undefined).map((span) => span.start));
  details.spans.forEach((span, place) => {
    if (span.start === undefined) return;
    const put = (depth, key, kind, name, item, status) => items.push({ depth, key: `${place}${key}`, kind, name, item, status, span, first });
    put(0, "", span.kind, nodes[span.node].name, span, span.status);
    const calls = span.calls || [];
    const loose = new Set(calls);
    (span.tasks || []).forEach((task, number) => {
      const own = calls.filter((call) => loose.has(call) && isOf(task, call, span));
      put(1, `.${number}`, "task", task.name || textOf(details, task.description) || `task ${number + 1}`, { ...task, own }, task.flags?.includes("skipped") ? "skipped" : "ok");
      own.forEach((call, nth) => {
        loose.delete(call);
        put(2, `.${number}.${nth}`, call.kind === "tool" ? "tool" : "model", call.name, call, call.error === undefined ? "ok" : "failed");
      });
    });
    const groups = new Map(); // calls of tasks that have no answer, or of crews within
    for (const call of loose) {
      const label = call.task || "";
      if (!groups.has(label)) groups.set(label, []);
      groups.get(label).push(call);
    }
    [...groups].forEach(([label, own], number) => {
      const failed = span.status !== "ok" && own.at(-1).error !== undefined;
      if (label) put(1, `.x${number}`, "task", bare(label), { own, agent: own[0].agent }, failed ? "failed" : "ok");
      own.forEach((call, nth) => put(label ? 2 : 1, `.x${number}.${nth}`, call.kind === "tool" ? "tool" : "model", call.name, call, call.error === undefined ? "ok" : "failed"));
    });
  });
  return items;
}

// A call names its task as messages do: task 'name', or by its description.
const bare = (label) => label.replace(/^task '(.*)'$/s, "$1");
const isOf = (task, call, span) => (task.label ? call.task === task.label : span.tasks.length === 1 || bare(call.task || "") === task.name);
const textOf = (details, place) => (place === undefined ? "" : details.texts[place]);

function sumOf(usage, key) {
  return (usage && usage[key]) || 0;
}

function figuresOf(item) {
  const usage = item.item.usage;
  const tokens = item.item.own
    ? item.item.own.reduce((sum, call) => sum + sumOf(call.usage, "total_tokens"), 0)
    : sumOf(usage, "total_tokens");
  const ms = item.item.own ? item.item.own.reduce((sum, call) => sum + call.ms, 0) : item.item.ms;
  return [tokens ? `${short(tokens)} tok` : "", item.item.own && !item.item.own.length ? "" : duration(ms)].filter(Boolean).join(" · ");
}

function drawItem(item) {
  const name = userText("span", `name ${kindOf(item.status) === "bad" ? "bad" : kindOf(item.status) === "off" ? "off" : ""}`, item.name);
  const extra = item.kind === "router" && item.span.route ? ` → ${item.span.route}` : item.kind === "task" && item.item.agent ? ` — ${item.item.agent}` : "";
  name.textContent += extra + (item.item.attempt ? ` (attempt ${item.item.attempt})` : "");
  const row = make("div", "", "", make("span", "kind", item.kind), name, make("span", "figures", figuresOf(item)));
  row.style.paddingLeft = `${14 + 18 * item.depth}px`;
  return row;
}

async function showRun(run, key, remember, isStill = false) {
  const ticket = (trace.ticket += 1);
  trace.run = run;
  by("trace-hint").textContent = title(run);
  const details = await detailsOf(run);
  if (ticket !== trace.ticket) return; // somebody has selected another one meanwhile
  trace.details = details;
  if (details.run !== undefined) by("trace-hint").textContent = `${title(run)} · ${details.run}`; // what a store calls it
  trace.items = treeOf(details);
  const wanted = trace.items.findIndex((item) => item.key === key);
  showItem(wanted >= 0 ? wanted : worst(), remember, isStill);
  const off = details.spans.filter((span) => span.start === undefined).map((span) => nodes[span.node].name);
  by("not-run").textContent = off.length ? `${off.length} not run: ${cut(off.join(", "), 600)}` : "";
}

// What a person wants to see first: the innermost of what failed, else the last node.
function worst() {
  const failed = trace.items.findLastIndex((item) => kindOf(item.status) === "bad" && item.span.status !== "ok");
  if (failed >= 0) return failed;
  return trace.items.findLastIndex((item) => item.depth === 0);
}

function showItem(place, remember, isStill = false) {
  trace.picked = place >= 0 ? trace.items[place] : null;
  trace.list.show(trace.items.length, place);
  if (!isStill) trace.list.reveal();
  drawPane(isStill);
  picture.show(trace.run, trace.picked ? trace.picked.span.node : null);
  remember();
}

// ---- the pane --------------------------------------------------------------------------------------------------

function drawPane(isStill = false) {
  const pane = by("pane");
  const item = trace.picked;
  if (!item) {
    by("span-hint").textContent = "";
    const error = trace.details?.error;
    pane.replaceChildren(...(error === undefined || error === null ? [make("div", "empty", "Nothing ran.")] : block("error", error, "error")), ...given(trace.details?.inputs, "input"));
    return;
  }
  by("span-hint").textContent = `${item.kind} · ${item.name}`;
  const parts = [factList(item)];
  const own = item.item;
  if (own.error !== undefined) parts.push(...block("error", own.error, "error"));
  if (item.depth === 0) {
    if (item.span.status !== "ok" && own.error === undefined && trace.details.error !== null) parts.push(...(item.span.status === "waiting" ? block("asked", trace.details.error, "") : block("error of the run", trace.details.error, "error")));
    if (own.answer !== undefined) parts.push(...block("answer", own.answer));
    else if (own.raw !== undefined) parts.push(...block("answer", own.raw));
    parts.push(...given(own.inputs, "given"));
  }
  if (item.kind === "task") {
    if (own.description !== undefined) parts.push(...block("description", own.description));
    if (own.raw !== undefined) parts.push(...block("answer", own.raw));
    if (own.file) parts.push(...lines("written to", own.file));
  }
  pane.replaceChildren(...parts);
  if (!isStill) pane.scrollTop = 0;
}

function factList(item) {
  const own = item.item;
  const usage = own.usage || (own.own && total(own.own));
  const status = item.depth === 0 ? words(own.status) : words(item.status);
  const facts_ = [
    ["status", status, kindOf(item.status)],
    ["duration", own.own ? figuresOf(item).split(" · ").at(-1) : duration(own.ms)],
    ["started", own.start === undefined ? "" : `+${duration(own.start - item.first)}`],
    ["tokens", usage?.total_tokens ? `${sumOf(usage, "prompt_tokens").toLocaleString("en")} in · ${sumOf(usage, "completion_tokens").toLocaleString("en")} out` : ""],
    ["cached", usage?.cached_prompt_tokens ? `${usage.cached_prompt_tokens.toLocaleString("en")} in` : ""],
    ["cost", usage && (usage.picodollars || usage.unpriced_requests) ? dollars(sumOf(usage, "picodollars") / 1e12, sumOf(usage, "unpriced_requests")) : ""],
    ["model", item.kind === "model" ? own.name : own.model || ""],
    ["agent", own.agent || ""],
    ["task", item.depth > 0 && item.kind !== "task" && own.task ? bare(own.task) : ""],
    ["crew", own.crew && own.crew !== nodes[item.span.node].name ? own.crew : ""],
    ["attempt", own.attempt ? String(own.attempt) : ""],
    ["waited", own.waited ? duration(own.waited) : ""],
    ["from", own.source || ""],
    ["route", item.depth === 0 && own.route ? own.route : ""],
    ["tools", own.tools ? own.tools.join(", ") : ""],
    ["noted", own.flags ? own.flags.join(", ") : ""],
  ];
  const list = make("dl", "facts");
  for (const [name, text, kind] of facts_) {
    if (text) list.append(make("div", "", "", make("dt", "", name), userText("dd", kind || "", text)));
  }
  return list;
}

function total(calls) {
  const sum = {};
  for (const call of calls) for (const [key, count] of Object.entries(call.usage || {})) sum[key] = (sum[key] || 0) + count;
  return sum;
}

const lines = (name, text, kind = "") => [userText("h3", "", name), userText("pre", kind, text)];
const block = (name, place, kind = "") => lines(name, trace.details.texts[place], kind);

function given(values, word) {
  const keys = Object.entries(values || {});
  return keys.flatMap(([key, place]) => lines(`${word} · ${key}`, trace.details.texts[place]));
}
