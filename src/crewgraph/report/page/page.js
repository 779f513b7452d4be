// One selection, an input and a span, drives everything; it stands in the address, so that it can be linked to.

const chosen = { run: null };

function remember() {
  const words = new URLSearchParams();
  if (chosen.run) words.set("input", String(chosen.run.index));
  if (trace.picked) words.set("span", trace.picked.key);
  if (picture.mode === "one") words.set("graph", "one");
  const hash = `#${words}`;
  if (hash !== location.hash) history.replaceState(null, "", location.search + hash);
}

function pickRun(run, key = null, isStill = false) {
  chosen.run = run;
  table.picked = run;
  rowList.show(table.shown.length, placeOf(run));
  if (!isStill) rowList.reveal();
  return showRun(run, key, remember, isStill);
}

// A node of the picture: that of the selected input if it ran there, else of the first input in which it failed, or ran.
function pickNode(number) {
  const has = (run, isFailed) => run.bars.some((bar) => bar.node === number && (!isFailed || bar.status !== "ok"));
  const run = chosen.run && has(chosen.run, false) ? chosen.run : runs.find((each) => has(each, true)) || runs.find((each) => has(each, false));
  if (!run) return;
  const show = () => {
    const place = trace.items.findIndex((item) => item.depth === 0 && item.span.node === number);
    showItem(place, remember);
  };
  if (run === trace.run && trace.details) show();
  else pickRun(run).then(show);
}

async function follow() {
  const words = new URLSearchParams(location.hash.slice(1));
  setMode(words.get("graph") === "one" ? "one" : "all");
  const wanted = words.has("input") ? [...open, ...runs].find((run) => String(run.index) === words.get("input")) : null;
  if (!wanted && words.has("input") && facts.live && document.documentElement.dataset.live !== "over") return; // it may come
  const first = wanted || firstFailure() || table.shown[0];
  if (first) await pickRun(first, wanted ? words.get("span") : null);
  else {
    picture.show(null, null);
    drawPane();
  }
}

const firstFailure = () => table.shown.find((run) => !isGood(run));

const pressMode = choose({ "mode-all": "all", "mode-one": "one" }, (mode) => {
  setMode(mode);
  remember();
});

function setMode(mode) {
  picture.mode = mode;
  pressMode(mode);
  picture.show(trace.run, trace.picked ? trace.picked.span.node : null);
}

function wireZoom() {
  by("canvas").classList.add("fit");
  choose({ "zoom-fit": true, "zoom-full": false }, (fits) => by("canvas").classList.toggle("fit", fits));
}

function wireTheme() {
  const store = (theme) => {
    try {
      if (theme) localStorage.setItem("crewgraph-theme", theme);
      return localStorage.getItem("crewgraph-theme");
    } catch {
      return theme; // a page of a file may have no storage
    }
  };
  const set = (theme) => {
    document.documentElement.dataset.theme = theme;
    by("theme").querySelector("span").textContent = theme;
    const svg = picture.svg();
    if (svg) svg.setAttribute("class", `crewgraph-${theme}`);
  };
  let now = ["light", "dark"].includes(store()) ? store() : "auto";
  by("theme").addEventListener("click", () => {
    now = { auto: "light", light: "dark", dark: "auto" }[now];
    store(now);
    set(now);
  });
  addEventListener("beforeprint", () => set("light")); // paper is white
  addEventListener("afterprint", () => set(now));
  set(now);
  return () => set(now);
}

function drawAbout() {
  const state = document.documentElement.dataset.live;
  const first = Math.min(0, extremes((run) => run.start ?? 0)[0]);
  const began = facts.origin ? new Date(facts.origin * 1000 + first).toISOString().slice(0, 19).replace("T", " ") : "";
  const many = `${runs.length.toLocaleString("en")} ${runs.length === 1 ? "input" : "inputs"}`;
  by("about").replaceChildren(
    ...(facts.live ? [make("span", "live", { yes: "● live", over: "✓ over", waiting: "… reconnecting", lost: "✗ connection lost" }[state] || ""), " "] : []),
    [many, began ? `started ${began} UTC` : "", `crewgraph ${facts.version}`].filter(Boolean).join(" · "),
  );
}

function drawSums() {
  drawAbout();
  drawTiles();
  drawErrors((run) => pickRun(run));
  drawCosts();
}

async function begin() {
  trace.list = virtualList(by("tree"), 26, (place) => drawItem(trace.items[place]));
  trace.list.onPick = (place) => showItem(place, remember);
  wireRows((run) => pickRun(run));
  wireGraph(pickNode);
  const setTheme = wireTheme();
  wireZoom();
  drawLegend();
  await readRows();
  refreshRows();
  drawSums();
  await follow();
  window.addEventListener("hashchange", follow);
  if (facts.live) listen(setTheme);
  document.documentElement.dataset.ready = "yes";
}

begin();
