// A page of a kickoff that is under way: told of every run that begins and ends, and of what all of them look like.

function listen(setTheme) {
  const source = new EventSource(`events${location.search}`);
  const on = (name, take) => source.addEventListener(name, (event) => take(JSON.parse(event.data)));
  const state = (word) => {
    document.documentElement.dataset.live = word;
    drawAbout();
  };
  const learn = (named) => named.slice(nodes.length).forEach((node) => nodes.push(node));
  let late = 0;
  const soon = () => {
    late = late || setTimeout(() => {
      late = 0;
      stillBelowMouse(() => {
        refreshRows();
        drawSums();
      });
    }, 200);
  };
  on("runs", (told) => {
    const selected = runs.length || open.length ? chosen.run : null;
    Object.assign(facts, told.facts, { nodes });
    learn(told.facts.nodes);
    told.rows.forEach(take);
    soon();
    const ended = isOpen(selected) ? runs.findLast((run) => run.index === selected.index) : null;
    if (!chosen.run) pickFirst();
    if (ended) pickRun(ended, isGood(ended) ? trace.picked?.key : null, true);
  });
  on("under-way", ({ rows, nodes: named }) => {
    if (!rows.length && !open.length) return;
    learn(named);
    open.splice(0, open.length, ...rows.map(parsed));
    soon();
    const now = isOpen(chosen.run) ? open.find((run) => run.index === chosen.run.index) : null;
    if (now) pickRun(now, trace.picked?.key, true);
    else if (!chosen.run) pickFirst();
    else picture.show(trace.run, trace.picked ? trace.picked.span.node : null);
  });
  on("picture", (text) => {
    // Our own server's, whose texts are escaped; and the policy keeps what is parsed from being run.
    const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    stillBelowMouse(() => {
      picture.svg().replaceWith(document.importNode(svg, true));
      picture.remember();
      setTheme();
      picture.show(trace.run, trace.picked ? trace.picked.span.node : null);
    });
  });
  on("end", () => {
    source.close();
    open.length = 0;
    soon();
    state("over");
    if (!chosen.run || isOpen(chosen.run)) pickFirst();
  });
  source.addEventListener("open", () => state("yes"));
  source.addEventListener("error", () => state(source.readyState === EventSource.CLOSED ? "lost" : "waiting"));
}

// Rows come in between and the picture above grows; the row below the mouse stays there, so that a click meets what was
// aimed at.
let mouse = null; // how far down the window it is, while it is over the rows
by("rows").addEventListener("pointermove", (event) => { mouse = event.clientY; });
by("rows").addEventListener("pointerleave", () => { mouse = null; });

function stillBelowMouse(change) {
  const list = by("rows");
  const { top } = list.getBoundingClientRect();
  const place = mouse === null ? -1 : Math.floor((mouse - top + list.scrollTop) / HEIGHT);
  const run = table.shown[place];
  change();
  const now = run ? table.shown.findIndex((each) => each.index === run.index) : -1;
  if (now >= 0) list.scrollTop += (now - place) * HEIGHT + list.getBoundingClientRect().top - top;
}

// What the address says, or the first failure, or the first run.
function pickFirst() {
  refreshRows();
  follow();
}
