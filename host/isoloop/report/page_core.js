/* Data, time axis and what all plots share. The three scripts are joined into one function by build.py. */
const doc = JSON.parse(document.getElementById("data").textContent);
const MARGIN = { l: 98, r: 10, t: 6, b: 38 };
const PRINT_WIDTH_PX = 835;   // A4 landscape less margins and the legend column
const SHORT_RUN_S = 1200;     // longer runs have a clock on the time axis, shorter ones plain seconds
const INK = "#16202c", GRID = "#e6eaef", FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const SEVERITIES = ["info", "low", "medium", "high"];
const SEVERITY_LOOK = {
  info: ["#6b7280", "circle-open"], low: ["#3a94cf", "circle"], medium: ["#c77700", "diamond"], high: ["#b00020", "square"],
};
const CALM = "#dde4ec", ALARM = "#b00020", AMBER = "#f0a202", DARK = "#243b55";
const STATE_COLORS = {
  valves: { open: "#cfe8dc", closed: DARK, travelling: AMBER, fault: ALARM, on: "#cfe8dc", off: DARK,
            "driven open": "#007a58", "driven closed": "#0060a0" },
  states: { ok: CALM, suspect: AMBER, leak: ALARM, stale: "#9aa1ab", error: "#a8487f",
            none: CALM, coolant_leak: ALARM, cabin_leak: "#c04a00", flow_loss: ALARM, sensor_fault: "#a8487f",
            accumulator_gas_loss: "#c04a00", pump_fault: "#c77700", valve_fault: "#8a6d00",
            normal: CALM, opening_bypass: "#8fc3e8", closing: AMBER, isolated: "#007a58", incomplete: ALARM,
            inhibited: "#9aa1ab", passive: "#8fc3e8", armed: CALM,
            rad1: "#007a58", rad2: "#a8487f", rad3: "#8a6d00", internal: "#c04a00",
            "3 sensors": CALM, "2 sensors": AMBER, "1 sensor": "#c04a00", "0 sensors": ALARM },
  channels: { ok: CALM, stale: "#9aa1ab", open: ALARM, short: "#7b1e3a", stuck: AMBER, rate: "#3a94cf", absent: "#ffffff" },
};
const SPARE = ["#0060a0", "#007a58", "#a8487f", "#8a6d00", "#c04a00", "#3a94cf"];

// ---------------------------------------------------------------- data

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const times = new Map(), values = new Map();
const timeArray = (i) => times.get(i) || (times.set(i, new Uint32Array(bytes(doc.arrays[i]))), times.get(i));
const valueArray = (i) => values.get(i) || (values.set(i, new Float32Array(bytes(doc.arrays[i]))), values.get(i));

/** Index of the last element <= t, or -1. */
function atOrBefore(array, t) {
  let lo = 0, hi = array.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (array[mid] <= t) lo = mid + 1; else hi = mid;
  }
  return lo - 1;
}

/** The samples of a line within lo..hi, one beyond either end, thinned to about four a pixel: first, least, greatest, last. */
function inView(t, v, lo, hi, pixels) {
  const from = Math.max(0, atOrBefore(t, lo)), to = Math.min(t.length - 1, atOrBefore(t, hi) + 1);
  const x = [], y = [];
  if (to - from <= 4 * pixels) {
    for (let i = from; i <= to; i++) { x.push(t[i] / 1000); y.push(v[i]); }
    return { x, y };
  }
  const width = (hi - lo) / pixels;
  for (let i = from; i <= to;) {
    const end = t[i] + width;
    let first = -1, least = -1, most = -1, last = -1, gap = -1;
    for (; i <= to && (t[i] < end || first < 0 && gap < 0); i++) {
      if (Number.isNaN(v[i])) { if (gap < 0) gap = i; continue; }
      if (first < 0) first = least = most = i;
      if (v[i] < v[least]) least = i;
      if (v[i] > v[most]) most = i;
      last = i;
    }
    for (const k of [...new Set([first, least, most, last, gap])].filter((k) => k >= 0).sort((a, b) => a - b)) {
      x.push(t[k] / 1000); y.push(v[k]);
    }
  }
  return { x, y };
}

// ---------------------------------------------------------------- time axis

const asClock = doc.end_ms / 1000 > SHORT_RUN_S;
const STEPS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200,
                 86400, 172800, 432000];
const pad = (n) => String(n).padStart(2, "0");

function clock(s, decimals) {
  const sign = s < 0 ? "−" : "", scale = 10 ** decimals, total = Math.round(Math.abs(s) * scale);
  const whole = Math.floor(total / scale), rest = total - whole * scale;
  const day = Math.floor(whole / 86400), h = Math.floor(whole / 3600) % 24, m = Math.floor(whole / 60) % 60;
  const tail = decimals ? "." + String(rest).padStart(decimals, "0") : "";
  return `${sign}${day ? day + " d " : ""}${day ? pad(h) : h}:${pad(m)}:${pad(whole % 60)}${tail}`;
}

function timeTicks(lo, hi, pixels) {
  const span = (hi - lo) / 1000;
  const step = STEPS_S.find((s) => span / s <= pixels / (asClock ? 105 : 80)) || Math.ceil(span / 8 / 86400) * 86400;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const tickvals = [], ticktext = [];
  for (let k = Math.ceil(lo / 1000 / step - 1e-9); k * step <= hi / 1000 + 1e-9; k++) {
    tickvals.push(k * step);
    ticktext.push(asClock ? clock(k * step, decimals) : (k * step).toFixed(decimals));
  }
  return { tickvals, ticktext };
}

function show(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return "unknown";
  const size = Math.abs(value);
  const decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 || size === 0 ? 2 : 3;
  return value.toFixed(decimals);
}

// ---------------------------------------------------------------- what all plots share

const FULL = [0, doc.end_ms];
let range = FULL.slice();
let printing = false;
const panels = [];

function baseLayout(panel, heightPx) {
  const width = panel.width();
  return {
    width, height: heightPx, margin: MARGIN, paper_bgcolor: "#fff", plot_bgcolor: "#fff", showlegend: false, dragmode: "zoom", hovermode: false,
    font: { family: FONT, size: 12, color: INK },
    xaxis: {
      range: [range[0] / 1000, range[1] / 1000], ...timeTicks(range[0], range[1], width - MARGIN.l - MARGIN.r),
      title: { text: asClock ? "scenario time, h:mm:ss" : "scenario time, s", standoff: 4, font: { size: 11.5 } },
      showgrid: true, gridcolor: GRID, zeroline: false, showline: true, linecolor: "#9aa5b3", ticks: "outside", ticklen: 4, tickcolor: "#9aa5b3",
    },
    yaxis: { fixedrange: true, gridcolor: GRID, zeroline: false, showline: true, linecolor: "#9aa5b3" },
    shapes: marksAsShapes(), annotations: [],
  };
}

function marksAsShapes() {
  const line = (t_ms, look) => ({ type: "line", x0: t_ms / 1000, x1: t_ms / 1000, yref: "paper", y0: 0, y1: 1, line: look });
  return doc.marks.map((mark) => line(mark.t_ms, { color: mark.color, width: 1.4, dash: mark.dash }));
}

const CONFIG = { displaylogo: false, responsive: false, doubleClick: false, displayModeBar: false };

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function swatch(color, dash, widthPx) {
  const dashes = { dash: "6 3", dot: "2 3", dashdot: "6 3 2 3" }[dash] || "none";
  const svg = element("span");
  svg.innerHTML = `<svg width="28" height="10"><line x1="0" y1="5" x2="28" y2="5" stroke="${color}" stroke-width="${widthPx}" stroke-dasharray="${dashes}"/></svg>`;
  return svg.firstChild;
}

class Panel {
  constructor(frame) {
    this.frame = frame;
    this.plot = frame.querySelector(".plot");
    this.legend = frame.querySelector(".legend");
    this.graph = element("div");
    this.line = element("div", "cursor-line");
    this.plot.append(this.graph, this.line);
  }

  width() { return printing ? PRINT_WIDTH_PX : Math.max(320, this.plot.clientWidth); }

  pixels() { return this.width() - MARGIN.l - MARGIN.r; }

  draw() {
    const { data, layout } = this.figure();
    Plotly.react(this.graph, data, layout, CONFIG);
    if (!this.wired) {
      this.wired = true;
      this.graph.on("plotly_relayout", (change) => {
        if (change["xaxis.range[0]"] !== undefined) zoom(change["xaxis.range[0]"] * 1000, change["xaxis.range[1]"] * 1000);
        else if (change["xaxis.range"]) zoom(change["xaxis.range"][0] * 1000, change["xaxis.range"][1] * 1000);
      });
      this.graph.on("plotly_doubleclick", () => zoom(...FULL));
    }
    this.line.style.top = MARGIN.t + "px";
    this.line.style.height = layout.height - MARGIN.t - MARGIN.b + "px";
  }

  point(t) {
    const inside = t !== null && t >= range[0] && t <= range[1];
    this.line.style.display = inside ? "block" : "none";
    if (inside) this.line.style.left = MARGIN.l + (t - range[0]) / (range[1] - range[0]) * this.pixels() + "px";
    this.read(inside ? t : null);
  }

  read() {}
}
