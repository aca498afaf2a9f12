// Numbers and lists beside the picture.

const byId = (id) => document.getElementById(id);

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

const known = (value) => value !== null && value !== undefined;
const fixed = (value, digits = 1) => (known(value) ? value.toFixed(digits) : "–");
const count = (value) => value.toLocaleString("en").replace(/,/g, "\u202f");
const milliseconds = (value) => (known(value) ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : "–");
const words = (name) => name.replace(/_/g, " ");

function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  return `${(100 * share).toFixed(1)} %`;
}

function duration(seconds) {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** The list of classes with a bar each. */
class Legend {
  constructor(list) {
    this.list = list;
    this.rows = [];
  }

  setClasses(classes) {
    this.rows = classes.map((spec) => {
      const row = element("li");
      const swatch = element("i", "swatch");
      const bar = element("span", "bar");
      const fill = bar.appendChild(element("i"));
      swatch.style.backgroundColor = `rgb(${spec.color_rgb.join(" ")})`;
      // Black bars of a background would vanish on a dark page.
      fill.style.backgroundColor = Math.max(...spec.color_rgb) < 40 ? "var(--soft)" : swatch.style.backgroundColor;
      const label = element("span", "label", words(spec.name));
      label.title = spec.name;
      const share = element("span", "share", "–");
      row.append(swatch, label, bar, share);
      return { row, fill, share, name: spec.name };
    });
    this.list.replaceChildren(...this.rows.map(({ row }) => row));
  }

  setShares(shares) {
    this.rows.forEach(({ row, fill, share }, id) => {
      const value = shares[id] ?? 0;
      setText(share, percent(value));
      fill.style.transform = `scaleX(${value.toFixed(4)})`;
      row.toggleAttribute("data-absent", value === 0);
    });
  }

  /** Say in words what is in the picture, for those who do not see it. */
  describe(shares) {
    const seen = this.rows.map(({ name }, id) => [words(name), shares[id] ?? 0]).filter(([, share], id) => id > 0 && share > 0.0005);
    return seen.length ? seen.map(([name, share]) => `${name} ${percent(share)}`).join(", ") : "no class but the background";
  }
}

/** Rows of a description list: [name, value, kind, explanation]; unknown values are left out. */
function setList(list, rows) {
  const shown = rows.filter(([, value]) => known(value));
  while (list.children.length > 2 * shown.length) list.lastElementChild.remove();
  while (list.children.length < 2 * shown.length) list.append(element("dt"), element("dd"));
  shown.forEach(([name, value, kind = "", why = ""], i) => {
    const [term, text] = [list.children[2 * i], list.children[2 * i + 1]];
    setText(term, name);
    setText(text, value);
    if (text.className !== kind) text.className = kind;
    if (why) term.title = why;
    else term.removeAttribute("title");
  });
}

function showStatus(status) {
  setText(byId("fps-camera"), fixed(status.camera_fps));
  setText(byId("fps-processed"), fixed(status.processed_fps));
  setText(byId("inference"), milliseconds(status.inference_ms));
  setText(byId("origin"), [status.source, status.runtime].filter(Boolean).join(" · "));
  showFrames(status);
  showDevice(status);
  showOutputs(status.outputs);
}

const CAUSES = {
  newer_frame: ["Replaced by a newer one", "A live picture never waits: while one frame is segmented, the newest replaces the one before"],
  undecodable: ["Could not be decoded", "The camera or the network delivered damaged pictures"],
};

function showFrames(status) {
  const health = status.health;
  const dropped = Object.entries(status.dropped_by_cause).map(([cause, number]) => {
    const [name, why] = CAUSES[cause] ?? [words(cause), ""];
    return [name, count(number), "", why];
  });
  setList(byId("frames"), [
    ["Delivered", count(status.captured)],
    ["Segmented", count(status.processed)],
    ...dropped,
    ["Gaps", health.gaps || health.losses ? `${count(health.gaps)} (${duration(health.gap_s)})` : null, "", "The next frame came more than three frame times late; the time counts losses too"],
    ["Camera lost", health.losses ? `${count(health.losses)}×, back ${count(health.reconnects)}×` : null, health.waiting ? "bad" : ""],
  ]);
}

function showDevice(status) {
  const temperature = known(status.temperature_c) ? `${status.temperature_c.toFixed(1)} °C` : null;
  const hot = known(status.temperature_c) && status.temperature_c >= 80;
  setList(byId("device"), [
    ["Temperature", temperature, hot ? "warn" : ""],
    ["Throttled", known(status.throttled) ? (status.throttled ? "yes, slowed down" : "no") : null, status.throttled ? "warn" : ""],
    ["Supply voltage", known(status.undervoltage) ? (status.undervoltage ? "too low" : "fine") : null, status.undervoltage ? "bad" : ""],
    ["Clock", known(status.clock_mhz) ? `${Math.round(status.clock_mhz)} MHz` : null],
    ["Memory", known(status.memory_mb) ? `${Math.round(status.memory_mb)} MB` : null, "", "Resident memory of the camera's process"],
    ["Model", status.model],
    ["Runtime", status.runtime],
    ["Running for", duration(status.running_s)],
    ["Viewers", known(status.viewers) ? count(status.viewers) : null],
  ]);
}

function showOutputs(outputs) {
  const entries = Object.entries(outputs);
  byId("outputs-part").hidden = entries.length === 0;
  const rows = entries.map(([name, output]) => {
    const row = element("li");
    const lost = output.dropped ? `, ${count(output.dropped)} dropped` : "";
    row.append(element("span", "", words(name)), element("span", "count", `${count(output.written)} written${lost}`));
    if (output.error) row.append(element("span", "error", `Stopped: ${output.error}`));
    return row;
  });
  byId("outputs").replaceChildren(...rows);
}

/** Capture to mask over the last minute, the longest of each second. */
class Trend {
  constructor(canvas) {
    this.canvas = canvas;
    this.seconds = [];
  }

  add(value, now) {
    const second = Math.floor(now / 1000);
    const last = this.seconds[this.seconds.length - 1];
    if (last && last[0] === second) last[1] = Math.max(last[1], value);
    else this.seconds.push([second, value]);
    this.seconds = this.seconds.filter(([at]) => at > second - 60);
  }

  draw(now) {
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
    const context = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const top = niceCeiling(Math.max(10, ...this.seconds.map(([, value]) => value)));
    const second = Math.floor(now / 1000);
    const x = (at) => canvas.width * (1 - (second - at) / 59);
    const y = (value) => canvas.height - 1 - (canvas.height - 14 * scale) * (value / top);
    context.strokeStyle = style.getPropertyValue("--line");
    context.lineWidth = scale;
    context.beginPath();
    for (const level of [0, top]) context.moveTo(0, y(level)), context.lineTo(canvas.width, y(level));
    context.stroke();
    context.fillStyle = style.getPropertyValue("--soft");
    context.font = `${10.5 * scale}px system-ui, sans-serif`;
    context.fillText(`${top} ms`, 0, 9 * scale);
    context.textAlign = "right";
    context.fillText("last minute", canvas.width, 9 * scale);
    if (this.seconds.length < 2) return;
    context.strokeStyle = style.getPropertyValue("--accent");
    context.lineWidth = 1.75 * scale;
    context.lineJoin = "round";
    context.beginPath();
    this.seconds.forEach(([at, value], i) => {
      const gap = i > 0 && at - this.seconds[i - 1][0] > 2;
      context[i === 0 || gap ? "moveTo" : "lineTo"](x(at), y(value));
    });
    context.stroke();
  }
}

function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => step * power >= value);
}
