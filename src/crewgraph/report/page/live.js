// A page of a kickoff that is under way: told of every run that ends, and of what all of them look like.

function listen(setTheme) {
  const source = new EventSource(`events${location.search}`);
  let late = 0;
  const soon = () => {
    late = late || setTimeout(() => {
      late = 0;
      refreshRows();
      drawSums();
      if (!chosen.run && runs.length) follow();
    }, 250);
  };
  source.addEventListener("runs", (event) => {
    const told = JSON.parse(event.data);
    Object.assign(facts, told.facts);
    told.facts.nodes.slice(nodes.length).forEach((node) => nodes.push(node));
    told.rows.forEach(take);
    soon();
  });
  source.addEventListener("picture", (event) => {
    // Our own server's picture, whose names are escaped; as XML it can hold nothing but elements of a picture.
    const svg = new DOMParser().parseFromString(JSON.parse(event.data), "image/svg+xml").documentElement;
    picture.svg().replaceWith(document.importNode(svg, true));
    picture.remember();
    setTheme();
    picture.show(trace.run, trace.picked ? trace.picked.span.node : null);
  });
  source.addEventListener("end", () => {
    source.close();
    document.documentElement.dataset.live = "over";
    drawAbout();
  });
  source.addEventListener("open", () => { document.documentElement.dataset.live = "yes"; });
  source.addEventListener("error", () => { document.documentElement.dataset.live = source.readyState === EventSource.CLOSED ? "lost" : "waiting"; });
}
