/* The three kinds of plots: lines, state strips, events. */
// ---------------------------------------------------------------- lines

class LinePanel extends Panel {
  constructor(frame, spec) {
    super(frame);
    this.spec = spec;
    this.traces = spec.traces.map((trace) => ({ ...trace, on: !trace.hidden }));
    let group = null;
    for (const trace of this.traces) {
      if (trace.group !== group) {
        group = trace.group;
        const members = this.traces.filter((other) => other.group === trace.group);
        const title = element("button", "group", group);
        title.title = "show or hide the group";
        title.onclick = () => { const on = !members.some((m) => m.on); members.forEach((m) => this.toggle(m, on)); this.draw(); };
        if (members.every((m) => !m.on)) { // a group that starts hidden is one line until it is asked for
          title.textContent = `${group}: ${members.length} hidden, show`;
          title.classList.add("folded");
          title.addEventListener("click", () => {
            title.textContent = group;
            title.classList.remove("folded");
            members.forEach((m) => { m.item.hidden = false; });
          });
          members.forEach((m) => { m.folded = true; });
        }
        this.legend.append(title);
      }
      const item = element("button", "item");
      item.title = trace.title || "show or hide";
      trace.output = element("b");
      trace.item = item;
      item.append(swatch(trace.color, trace.dash, trace.hi_v !== undefined ? 9 : Math.max(2, trace.width_px)), element("span", "", trace.name), trace.output);
      if (trace.hi_v !== undefined) item.querySelector("line").setAttribute("stroke-opacity", ".35");
      item.onclick = () => { this.toggle(trace, !trace.on); this.draw(); };
      this.toggle(trace, trace.on);
      item.hidden = trace.folded === true;
      this.legend.append(item);
    }
  }

  toggle(trace, on) { trace.on = on; trace.item.classList.toggle("off", !on); }

  figure() {
    const layout = baseLayout(this, this.spec.height_px), pixels = this.pixels(), data = [];
    let low = Infinity, high = -Infinity;
    const stretch = (ys) => { for (const y of ys) { if (y < low) low = y; if (y > high) high = y; } };
    for (const trace of [...this.traces].reverse()) { // the first in the legend lies on top
      if (!trace.on) continue;
      const line = inView(timeArray(trace.t), valueArray(trace.v), range[0], range[1], pixels);
      if (trace.hi_v !== undefined) {
        const upper = inView(timeArray(trace.hi_t), valueArray(trace.hi_v), range[0], range[1], pixels);
        data.unshift(...band(line, upper, trace));
        this.bandHigh = upper.y;
        continue;
      }
      stretch(line.y);
      data.push({ type: "scatter", mode: isolated(line.y) ? "lines+markers" : "lines", x: line.x, y: line.y, connectgaps: false,
                  marker: { size: 4, color: trace.color },
                  line: { color: trace.color, dash: trace.dash, width: trace.width_px, shape: trace.step ? "hv" : "linear" } });
    }
    // An interval may be far wider than the estimate at first: it widens the axis to three times the lines, no further.
    for (const trace of this.traces) {
      if (!trace.on || trace.hi_v === undefined) continue;
      const top = Number.isFinite(high) && high > 0 ? 3 * high : Infinity;
      stretch(this.bandHigh.map((y) => Math.min(y, top)));
    }
    if (this.spec.level) stretch([this.spec.level[0]]);
    if (this.spec.from_zero) stretch([0]);
    if (!Number.isFinite(low)) { low = 0; high = 1; }
    if (this.spec.cap) high = Math.min(high, this.spec.cap);
    const room = (high - low) * 0.06 || Math.abs(high) * 0.01 || 1;
    layout.yaxis.range = [this.spec.from_zero && low >= 0 ? -room * 0.4 : low - room, high + room];
    layout.yaxis.title = { text: this.spec.axis, font: { size: 11.5 } };
    layout.yaxis.nticks = Math.max(3, Math.floor(this.spec.height_px / 38));
    layout.yaxis.separatethousands = true;
    layout.yaxis.exponentformat = "none";
    if (this.spec.level) {
      const [y, text] = this.spec.level;
      layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: INK, width: 1.3, dash: "dash" } });
      layout.annotations.push({ xref: "paper", x: 0.003, y, xanchor: "left", yanchor: "bottom", text, showarrow: false, font: { size: 11.5 },
                                bgcolor: "#ffffffcc", borderpad: 1 });
    }
    return { data, layout };
  }

  read(t) {
    for (const trace of this.traces) {
      if (t === null) { trace.output.textContent = ""; continue; }
      const value = this.valueAt(trace.t, trace.v, t, trace.step);
      let text = show(value);
      if (trace.hi_v !== undefined && text !== "unknown") text += " to " + show(this.valueAt(trace.hi_t, trace.hi_v, t, trace.step));
      trace.output.textContent = text === "unknown" ? text : `${text} ${trace.unit}`;
    }
  }

  /** The recorded sample nearest to the pointer (of a step: the one that holds there), never one between two. */
  valueAt(t, v, at, step) {
    const time = timeArray(t), i = atOrBefore(time, at);
    if (!step && i + 1 < time.length && (i < 0 || time[i + 1] - at < at - time[i])) return valueArray(v)[i + 1];
    return i < 0 ? NaN : valueArray(v)[i];
  }
}

/** True when a known value stands between two unknown ones: a line alone would not show it. */
function isolated(y) {
  for (let i = 0; i < y.length; i++) {
    if (!Number.isNaN(y[i]) && (i === 0 || Number.isNaN(y[i - 1])) && (i === y.length - 1 || Number.isNaN(y[i + 1]))) return true;
  }
  return false;
}

/** Runs of known points of a line. */
function runs(line) {
  const found = [];
  let open = null;
  line.y.forEach((y, i) => {
    if (Number.isNaN(y)) { open = null; return; }
    if (!open) found.push(open = { x: [], y: [] });
    open.x.push(line.x[i]); open.y.push(y);
  });
  return found;
}

function band(lower, upper, trace) {
  const low = runs(lower), high = runs(upper);
  if (low.length !== high.length) {
    return [lower, upper].map((line) => ({ type: "scatter", mode: "lines", x: line.x, y: line.y, line: { color: trace.color, width: 1 } }));
  }
  const x = [], y = [];
  low.forEach((run, i) => {
    x.push(...run.x, ...high[i].x.reverse(), null);
    y.push(...run.y, ...high[i].y.reverse(), null);
  });
  return [{ type: "scatter", mode: "none", x, y, fill: "toself", fillcolor: trace.color + "44", line: { width: 0 } }];
}

// ---------------------------------------------------------------- state strips

class StripPanel extends Panel {
  constructor(frame, spec) {
    super(frame);
    this.spec = spec;
    this.colors = { ...(STATE_COLORS[spec.key] || {}) };
    this.rows = 0;
    for (const strip of spec.strips) {
      strip.row = strip.thin ? this.rows - 0.58 : this.rows++;
      for (const state of strip.states) {
        if (!this.colors[state]) this.colors[state] = SPARE[Object.keys(this.colors).length % SPARE.length];
      }
    }
    const states = [...new Set(spec.strips.flatMap((strip) => strip.states))];
    this.legend.append(element("span", "group static", "states (blank: unknown or not driven)"));
    this.key = element("div", "key");
    this.legend.append(this.key);
    for (const state of states) {
      const item = element("div", "item static");
      item.append(swatch(this.colors[state], "solid", state.startsWith("driven") ? 4 : 10), element("span", "", state.replaceAll("_", " ")));
      if (this.colors[state] === "#ffffff") item.querySelector("svg").style.outline = "1px solid #b8c1cd";
      this.key.append(item);
    }
    for (const strip of spec.strips) {
      if (strip.thin) continue;
      const item = element("div", "item static");
      strip.output = element("b");
      strip.label = element("span", "", strip.name);
      item.append(element("span"), strip.label, strip.output);
      item.style.display = "none";
      strip.item = item;
      this.legend.append(item);
    }
  }

  figure() {
    const hasThin = this.spec.strips.some((strip) => strip.thin), rowPx = hasThin ? 29 : 23;
    const layout = baseLayout(this, this.rows * rowPx + MARGIN.t + MARGIN.b + 8);
    const perMs = this.pixels() / (range[1] - range[0]);
    const lines = new Map();
    for (const strip of this.spec.strips) {
      const y = -strip.row;
      const from = Math.max(0, atOrBefore(strip.t_ms, range[0]));
      for (let i = from; i < strip.t_ms.length && strip.t_ms[i] <= range[1]; i++) {
        if (strip.v[i] < 0) continue;
        const state = strip.states[strip.v[i]];
        const start = Math.max(strip.t_ms[i], range[0]);
        let end = Math.min(i + 1 < strip.t_ms.length ? strip.t_ms[i + 1] : strip.end_ms, range[1]);
        if (end < start) continue;
        if ((end - start) * perMs < 1.5) end = start + 1.5 / perMs; // a short state stays visible in a long run
        const key = `${strip.thin ? 1 : 0}|${state}`;
        if (!lines.has(key)) lines.set(key, { state, thin: strip.thin, x: [], y: [], total: 0 });
        const line = lines.get(key);
        line.x.push(start / 1000, end / 1000, null);
        line.y.push(y, y, null);
        line.total += end - start;
        const text = state.replaceAll("_", " ");
        if (!strip.thin && (end - start) * perMs > 6.2 * text.length + 8 && layout.annotations.length < 150) {
          layout.annotations.push({ x: (start + end) / 2000, y, text, showarrow: false, font: { size: 10.5, color: inkOn(this.colors[state]) } });
        }
      }
    }
    const data = [...lines.values()].sort((a, b) => b.total - a.total).map((line) => ({
      type: "scatter", mode: "lines", x: line.x, y: line.y, hoverinfo: "skip",
      line: { color: this.colors[line.state], width: line.thin ? 4 : 15 },
    }));
    const named = this.spec.strips.filter((strip) => !strip.thin);
    layout.yaxis = { ...layout.yaxis, range: [-this.rows + (hasThin ? 0.15 : 0.4), 0.6], tickvals: named.map((strip) => -strip.row),
                     ticktext: named.map((strip) => strip.name), showgrid: false, ticks: "", tickfont: { size: 11 } };
    layout.shapes.forEach((shape) => { shape.layer = "above"; });
    return { data, layout };
  }

  /** The values stand in the place of the key, so that nothing on the page moves. */
  read(t) {
    if (!this.legend.style.minHeight) this.legend.style.minHeight = `${this.legend.clientHeight}px`;
    this.key.style.display = t === null ? "" : "none";
    for (const strip of this.spec.strips) {
      if (strip.thin) continue;
      strip.item.style.display = t === null ? "none" : "";
      if (t === null) continue;
      const i = atOrBefore(strip.t_ms, t);
      strip.output.textContent = i < 0 || strip.v[i] < 0 || t > strip.end_ms ? "unknown" : strip.states[strip.v[i]].replaceAll("_", " ");
    }
  }
}

function inkOn(color) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? INK : "#fff";
}

// ---------------------------------------------------------------- events

class EventPanel extends Panel {
  constructor(frame) {
    super(frame);
    for (const severity of [...SEVERITIES].reverse()) {
      const count = doc.events.filter((event) => event[2] === severity).length;
      const item = element("div", "item static");
      const [color, symbol] = SEVERITY_LOOK[severity];
      const shape = { square: '<rect x="10" y="1" width="8" height="8"', diamond: '<path d="M14 0L19 5L14 10L9 5Z"',
                      circle: '<circle cx="14" cy="5" r="4"', "circle-open": '<circle cx="14" cy="5" r="3.5"' }[symbol];
      const holder = element("span");
      holder.innerHTML = `<svg width="28" height="10">${shape} fill="${symbol.endsWith("open") ? "none" : color}" stroke="${color}"/></svg>`;
      item.append(holder.firstChild, element("span", "", severity), element("b", "", String(count)));
      this.legend.append(item);
    }
  }

  figure() {
    const perMs = this.pixels() / (range[1] - range[0]);
    const labels = this.placeLabels(perMs);
    const levels = Math.max(0, ...labels.map((label) => label.level + 1));
    const rowPx = 27, labelPx = 19;
    const layout = baseLayout(this, 4 * rowPx + levels * labelPx + MARGIN.t + MARGIN.b + 4);
    const perRow = labelPx / rowPx, top = 3.55 + levels * perRow;
    layout.hovermode = "closest";
    layout.hoverlabel = { align: "left", bgcolor: "#fff", font: { size: 12, color: INK } };
    layout.yaxis = { ...layout.yaxis, range: [-0.55, top], tickvals: [0, 1, 2, 3], ticktext: SEVERITIES, showgrid: false };
    for (const label of labels) {
      layout.annotations.push({ x: label.mark.t_ms / 1000, y: 3.55 + (levels - label.level - 0.5) * perRow, xanchor: label.left ? "right" : "left",
                                text: label.text, showarrow: false, font: { size: 11.5, color: label.mark.color }, bgcolor: "#fffffff0", borderpad: 1,
                                xshift: label.left ? -3 : 3 });
    }
    const visible = doc.events.filter((event) => event[0] >= range[0] && event[0] <= range[1]);
    layout.annotations.push(...this.eventLabels(visible, perMs));
    const data = SEVERITIES.map((severity, row) => {
      const some = visible.filter((event) => event[2] === severity);
      const [color, symbol] = SEVERITY_LOOK[severity];
      return { type: "scatter", mode: "markers", x: some.map((event) => event[0] / 1000), y: some.map(() => row),
               text: some.map((event) => `<b>${safe(event[1])}</b> · ${(event[0] / 1000).toFixed(2)} s · ${severity}`
                 + (event[3] ? `<br>${safe(event[3])}` : "") + (event[4] ? `<br>${safe(event[4])}` : "")),
               hoverinfo: "text", marker: { color, symbol, size: 9, line: { width: 1.2, color } } };
    });
    return { data, layout };
  }

  /** Key marks get a label each, on as many levels as it takes for none to cover another. */
  placeLabels(perMs) {
    const ends = [], placed = [];
    const visible = doc.marks.filter((mark) => mark.t_ms >= range[0] && mark.t_ms <= range[1]).sort((a, b) => a.t_ms - b.t_ms);
    for (const mark of visible) {
      const text = `${mark.label} ${(mark.t_ms / 1000).toFixed(2).replace(/\.?0+$/, "")} s`;
      const wide = text.length * 6.3 + 12, x = (mark.t_ms - range[0]) * perMs, left = x + wide > this.pixels();
      const from = left ? x - wide : x;
      let level = ends.findIndex((end) => end <= from);
      if (level < 0) level = ends.length;
      ends[level] = left ? x : x + wide;
      placed.push({ mark, text, level, left });
    }
    return placed;
  }

  /** Names beside the markers of the two graver rows where the next marker leaves room. */
  eventLabels(visible, perMs) {
    const labels = [];
    for (const severity of ["medium", "high"]) {
      const row = visible.filter((event) => event[2] === severity);
      row.forEach((event, i) => {
        const x = (event[0] - range[0]) * perMs, next = i + 1 < row.length ? (row[i + 1][0] - range[0]) * perMs : this.pixels();
        const text = event[1].toLowerCase().replaceAll("_", " ");
        if (labels.length < 80 && next - x > text.length * 5.8 + 16) {
          labels.push({ x: event[0] / 1000, y: SEVERITIES.indexOf(severity), text, xanchor: "left", xshift: 7, showarrow: false,
                        bgcolor: "#ffffffe0", borderpad: 0, font: { size: 10.5, color: "#4a5666" } });
        }
      });
    }
    return labels;
  }
}

const safe = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
