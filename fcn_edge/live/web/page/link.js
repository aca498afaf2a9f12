// The connection: pictures and state come in, "drawn" goes out. Comes back by itself, with growing pauses.

const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15000];
const SILENCE_MS = 6000;
const CLOCK_ANSWERS = 8;

/** How far the server's clock is from ours: found from the quickest of the last answers, as NTP does. */
class Clock {
  constructor() {
    this.answers = [];
  }

  add(askedMs, serverMs, nowMs) {
    const trip = nowMs - askedMs;
    this.answers = [...this.answers, { trip, offset: serverMs - (askedMs + trip / 2) }].slice(-CLOCK_ANSWERS);
  }

  get best() {
    return this.answers.reduce((best, answer) => (!best || answer.trip < best.trip ? answer : best), null);
  }
}

class Link {
  /** events: hello(message), status(message), picture(message) → promise, link(state). */
  constructor(events) {
    this.events = events;
    this.clock = new Clock();
    this.socket = null;
    this.failures = 0;
    this.timers = [];
  }

  open() {
    this.stop();
    this.events.link({ state: this.failures ? "lost" : "connecting", retryAt: 0, retry: () => this.open() });
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () => this.opened(socket);
    socket.onmessage = ({ data }) => this.heard(socket, data);
    socket.onclose = ({ code }) => socket === this.socket && this.closed(code);
    this.timers.push(setInterval(() => performance.now() - this.heardAt > SILENCE_MS && this.closed(0), 1000));
  }

  /** Let go, for as long as nobody looks. */
  pause() {
    this.stop();
    this.failures = 0;
    this.events.link({ state: "paused" });
  }

  stop() {
    this.timers.forEach((timer) => (clearInterval(timer), clearTimeout(timer)));
    this.timers = [];
    const socket = this.socket;
    this.socket = null;
    if (socket) socket.close();
  }

  opened(socket) {
    // Another start of the server has another clock.
    this.clock = new Clock();
    const ask = () => socket.readyState === WebSocket.OPEN && socket.send(`clock ${performance.now().toFixed(2)}`);
    for (const after of [100, 300, 600, 1000]) this.timers.push(setTimeout(ask, after));
    this.timers.push(setInterval(ask, 5000));
  }

  async heard(socket, data) {
    if (socket !== this.socket) return;
    this.heardAt = performance.now();
    if (typeof data !== "string") {
      try {
        await this.events.picture(readMessage(data));
      } finally {
        if (socket.readyState === WebSocket.OPEN) socket.send("drawn");
      }
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "clock") this.clock.add(Number(message.asked), message.server_ms, this.heardAt);
    if (message.type === "hello") {
      this.failures = 0;
      this.events.hello(message);
      this.events.link({ state: "open" });
    }
    if (message.type === "status") this.events.status(message);
  }

  async closed(code) {
    this.stop();
    const pause = PAUSES_MS[Math.min(this.failures, PAUSES_MS.length - 1)];
    this.failures += 1;
    const retryAt = performance.now() + pause;
    this.events.link({ state: "lost", retryAt, retry: () => this.open(), full: code === 1013 });
    this.timers.push(setTimeout(() => this.open(), pause));
    if (await isRefused()) {
      this.stop();
      this.events.link({ state: "refused" });
    }
  }
}

/** A browser does not say why a WebSocket was refused; an ordinary request does. */
async function isRefused() {
  try {
    const response = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(3000) });
    return response.status === 401 || response.status === 403;
  } catch {
    return false;
  }
}
