/* Zoom, pointer, print, the event table, and the start. */
// ---------------------------------------------------------------- zoom, pointer, print

let queued = false;
function zoom(lo, hi) {
  const span = Math.max(200, Math.min(hi - lo, FULL[1]));
  const start = Math.min(Math.max(0, (lo + hi - span) / 2), FULL[1] - span);
  range = [Math.max(0, start), Math.max(0, start) + span];
  if (!queued) {
    queued = true;
    requestAnimationFrame(() => { queued = false; drawAll(); });
  }
}

function drawAll() {
  for (const panel of panels) panel.draw();
  point(null);
}

const cursor = document.getElementById("cursor");
function point(t) {
  for (const panel of panels) panel.point(t);
  cursor.textContent = t === null ? "" : `${(t / 1000).toFixed(2)} s` + (asClock ? ` = ${clock(t / 1000, 1)}` : "");
}

function wirePointer() {
  const main = document.getElementById("panels");
  main.addEventListener("mousemove", (event) => {
    const plot = event.target.closest(".plot");
    let t = null;
    if (plot) {
      const box = plot.getBoundingClientRect(), x = event.clientX - box.left - MARGIN.l;
      const wide = Math.max(320, plot.clientWidth) - MARGIN.l - MARGIN.r;
      if (x >= 0 && x <= wide) t = range[0] + x / wide * (range[1] - range[0]);
    }
    point(t);
  });
  main.addEventListener("mouseleave", () => point(null));
}

function wireBar() {
  const bar = document.getElementById("bar"), zooms = document.getElementById("zooms"), marks = document.getElementById("marks");
  const button = (text, title, action) => {
    const made = element("button", "", text);
    made.title = title;
    made.onclick = action;
    zooms.append(made);
  };
  const span = () => range[1] - range[0];
  button("whole run", "the whole time axis", () => zoom(...FULL));
  if (doc.marks.length) {
    const at = doc.marks.map((mark) => mark.t_ms), first = Math.min(...at), last = Math.max(...at);
    const around = Math.max(3000, 0.4 * (last - first));
    button("marked times", "from before the first to after the last mark", () => zoom(first - around, last + around));
  }
  for (const [number, from, to] of doc.captures) {
    const around = Math.max(50, (to - from) / 30);
    button(`black box ${number}`, "the ticks that the firmware's black box kept", () => zoom(from - around, to + around));
  }
  button("◀", "earlier", () => zoom(range[0] - span() / 2, range[1] - span() / 2));
  button("▶", "later", () => zoom(range[0] + span() / 2, range[1] + span() / 2));
  button("+", "closer", () => zoom(range[0] + span() / 4, range[1] - span() / 4));
  button("−", "further", () => zoom(range[0] - span() / 2, range[1] + span() / 2));
  for (const mark of doc.marks) {
    const item = element("span");
    item.append(swatch(mark.color, mark.dash, 2), mark.label);
    marks.append(item);
  }
  bar.hidden = false;
}

function wirePrint() {
  window.addEventListener("beforeprint", () => { printing = true; drawAll(); });
  window.addEventListener("afterprint", () => { printing = false; drawAll(); });
  let timer = null, width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (printing || window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(timer);
    timer = setTimeout(drawAll, 150);
  });
}

// ---------------------------------------------------------------- event table

function wireTable() {
  if (!doc.events.length) return;
  const table = document.getElementById("events"), body = table.tBodies[0];
  const rows = doc.events.map((event, order) => {
    const row = element("tr");
    const severity = element("td");
    severity.append(element("span", `sev ${event[2]}`, event[2]));
    row.append(element("td", "", (event[0] / 1000).toFixed(2) + (asClock ? ` = ${clock(event[0] / 1000, 0)}` : "")), severity,
               element("td", "", event[1]), element("td", "", event[3]), element("td", "", event[4]));
    row.onclick = () => {
      zoom(event[0] - 10000, event[0] + 10000);
      document.getElementById("plots").scrollIntoView({ behavior: "smooth" });
    };
    return { row, event, order, find: `${event[1]} ${event[3]} ${event[4]}`.toLowerCase() };
  });
  const text = document.getElementById("filter-text"), count = document.getElementById("filter-count"), boxes = {};
  for (const severity of [...SEVERITIES].reverse()) {
    const label = element("label"), box = element("input");
    box.type = "checkbox";
    box.checked = true;
    box.onchange = filter;
    boxes[severity] = box;
    label.append(box, " " + severity);
    document.getElementById("filter-severity").append(label);
  }
  function filter() {
    const wanted = text.value.toLowerCase();
    let shown = 0;
    for (const { row, event, find } of rows) {
      row.hidden = !(boxes[event[2]].checked && find.includes(wanted));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
  }
  text.oninput = filter;
  const keys = { time: (r) => r.order, severity: (r) => -SEVERITIES.indexOf(r.event[2]), name: (r) => r.event[1], detail: (r) => r.event[3] };
  for (const head of table.querySelectorAll("th[data-sort]")) {
    head.firstElementChild.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = keys[head.dataset.sort];
      rows.sort((a, b) => ((key(a) > key(b)) - (key(a) < key(b)) || a.order - b.order) * (down ? -1 : 1));
      body.append(...rows.map((r) => r.row));
    };
  }
  body.append(...rows.map((r) => r.row));
  filter();
  table.hidden = false;
  document.getElementById("filters").hidden = false;
}

// ---------------------------------------------------------------- start

const lines = new Map(doc.panels.map((spec) => [spec.key, spec])), strips = new Map(doc.strips.map((spec) => [spec.key, spec]));
for (const frame of document.querySelectorAll(".panel")) {
  const kind = frame.dataset.kind;
  if (kind === "lines") panels.push(new LinePanel(frame, lines.get(frame.dataset.key)));
  if (kind === "strips") panels.push(new StripPanel(frame, strips.get(frame.dataset.key)));
  if (kind === "events") panels.push(new EventPanel(frame));
}
const asked = /^#t=([\d.]+),([\d.]+)$/.exec(location.hash); // report.html#t=55,80 opens at these seconds
wireBar();
wirePointer();
wirePrint();
wireTable();
if (asked) zoom(asked[1] * 1000, asked[2] * 1000);
drawAll();
