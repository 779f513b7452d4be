// The picture: as it was drawn for all inputs, or as one input went through it.

const picture = {
  mode: "all",
  drawn: new Map(), // elements as they were drawn: class and text

  svg: () => by("canvas").querySelector("svg"),

  remember() {
    this.drawn.clear();
    for (const element of this.svg()?.querySelectorAll("g[id], g[id] > text") || []) {
      this.drawn.set(element, [element.getAttribute("class") || "", element.textContent]);
    }
    for (const node of nodes) {
      this.group(node)?.setAttribute("tabindex", "0");
      this.group(node)?.setAttribute("role", "button");
    }
  },

  restore() {
    for (const [element, [kind, text]] of this.drawn) {
      element.setAttribute("class", kind);
      if (element.tagName === "text") element.textContent = text;
    }
  },

  show(run, picked) {
    this.restore();
    if (this.mode === "one" && run) this.showOne(run);
    for (const bar of open.flatMap((each) => each.bars)) {
      const group = this.group(nodes[bar.node]);
      group?.classList.remove("did-not");
      if (bar.status === "running") group?.classList.add("at-work");
      const sign = group?.querySelector(".sign");
      if (sign?.textContent === "not run") sign.textContent = "●";
    }
    if (picked !== null) this.group(nodes[picked])?.classList.add("picked");
    const went = run && this.mode === "one" ? `${title(run)}${run.routes.length ? ` → ${run.routes.join(", ")}` : ""}` : "";
    by("graph-hint").textContent = went || `${(runs.length + open.length).toLocaleString("en")} ${runs.length + open.length === 1 ? "input" : "inputs"} · line width is traffic`;
  },

  group: (node) => (node?.id ? document.getElementById(`n-${node.id}`) : null),

  showOne(run) {
    const way = new Set(run.way === null ? [] : facts.ways[run.way]);
    for (let number = 0; number < facts.lines; number += 1) {
      const [line, label] = [document.getElementById(`l-${number}`), document.getElementById(`k-${number}`)];
      line?.setAttribute("class", this.plain(line) + (way.has(number) ? " took w3" : " did-not"));
      label?.setAttribute("class", this.plain(label) + (way.has(number) ? "" : " did-not"));
    }
    const ran = new Map(run.bars.map((bar) => [bar.node, bar]));
    nodes.forEach((node, number) => this.showNode(node, ran.get(number), run));
    for (const [id, inside] of facts.boxes) {
      const box = document.getElementById(`c-${id}`);
      box?.setAttribute("class", this.plain(box) + (inside.some((number) => ran.has(number)) ? "" : " did-not"));
    }
  },

  // The classes of an element without those that tell what happened.
  plain: (element) => element.getAttribute("class").split(" ").filter((word) => !/^(took|did-.*|w\d+|picked)$/.test(word)).join(" "),

  showNode(node, bar, run) {
    const group = this.group(node);
    if (!group) return;
    const state = bar ? ({ ok: "ok", running: "ok", waiting: "waiting" }[bar.status] || "failed") : "not";
    group.setAttribute("class", `${this.plain(group)} did-${state}`);
    const told = bar ? (state === "ok" ? (bar.route ? `→ ${bar.route}` : "") : bar.status === "cancelled" ? "" : run.error || "") : "";
    const texts = {
      sign: bar ? (state === "ok" ? sign(bar.status) : `${sign(bar.status)} ${words(bar.status)}`) : "–",
      foot: bar ? (node.kind === "router" ? told : duration(bar.ms)) : "",
      figures: bar ? spentOf(bar) : "",
      error: node.kind === "router" ? "" : told,
    };
    for (const text of group.querySelectorAll("text")) {
      const kind = text.getAttribute("class");
      if (kind in texts) text.textContent = cut(texts[kind], kind === "foot" ? 28 : 40);
    }
  },
};

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function spentOf(bar) {
  const tokens = bar.prompt + bar.completion;
  return tokens ? `${short(tokens)} tok${bar.usd || bar.unpriced ? ` · ${dollars(bar.usd, bar.unpriced)}` : ""}` : "";
}

const title = (run) => (run.label ? `#${run.index} ${run.label}` : `#${run.index}`);

function wireGraph(pickNode) {
  picture.remember();
  by("canvas").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  });
  by("canvas").addEventListener("click", (event) => {
    const group = event.target.closest("g.node");
    const number = group ? nodes.findIndex((node) => node.id && `n-${node.id}` === group.id) : -1;
    if (number >= 0) pickNode(number);
  });
}
