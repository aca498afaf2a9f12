// Switches, and the start of it all.

const STORE = "fcn-edge-view";
const picture = new Picture(byId("picture"));
const legend = new Legend(byId("classes"));
const trend = new Trend(byId("trend"));
const state = new State(picture);
const shownAt = [];
let newest = null;

function load() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify({ show: picture.show, opacity: picture.opacity }));
  } catch {
    // Private windows may not remember; then the switches begin as they are.
  }
}

function setShow(show) {
  picture.show = show;
  document.querySelector(".opacity").toggleAttribute("data-off", show !== "overlay");
  byId("opacity").disabled = show !== "overlay";
  picture.paint();
}

function setOpacity(percentage) {
  picture.opacity = percentage / 100;
  byId("opacity").value = String(percentage);
  setText(byId("opacity-text"), `${percentage} %`);
  picture.paint();
}

function setUpSwitches() {
  const kept = load();
  const radio = document.querySelector(`input[name="show"][value="${CSS.escape(String(kept.show))}"]`);
  if (radio) radio.checked = true;
  setShow(document.querySelector('input[name="show"]:checked').value);
  setOpacity(kept.opacity >= 0 && kept.opacity <= 1 ? Math.round(100 * kept.opacity) : 50);
  document.querySelectorAll('input[name="show"]').forEach((input) =>
    input.addEventListener("change", () => (setShow(input.value), keep())));
  byId("opacity").addEventListener("input", ({ target }) => (setOpacity(Number(target.value)), keep()));
  byId("snapshot").addEventListener("click", () => picture.save());
}

function setUpFullScreen() {
  const stage = byId("stage");
  const isFull = () => document.fullscreenElement === stage || stage.classList.contains("full");
  const told = () => {
    byId("fullscreen").setAttribute("aria-pressed", String(isFull()));
    setText(byId("fullscreen-text"), isFull() ? "Leave" : "Full screen");
  };
  byId("fullscreen").addEventListener("click", async () => {
    if (document.fullscreenElement) await document.exitFullscreen();
    // An iPhone gives no element the whole screen; then it fills the window.
    else if (stage.requestFullscreen) await stage.requestFullscreen().catch(() => stage.classList.toggle("full"));
    else stage.classList.toggle("full");
    told();
  });
  document.addEventListener("fullscreenchange", told);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && (stage.classList.remove("full"), told()));
}

const link = new Link({
  hello(message) {
    document.title = message.title;
    setText(byId("title"), message.title);
    picture.setClasses(message.classes);
    legend.setClasses(message.classes);
  },
  status(message) {
    if (message.status) showStatus({ ...message.status, viewers: message.viewers });
    state.setStatus(message);
  },
  async picture(message) {
    await picture.take(message);
    newest = message.header;
    shownAt.push(picture.drawnAt);
    trend.add(newest.result_ms, picture.drawnAt);
    byId("snapshot").disabled = false;
  },
  link(found) {
    state.setLink(found);
  },
});

/** Four times a second: quick enough to follow, slow enough to read. */
function refresh() {
  const now = performance.now();
  while (shownAt.length && now - shownAt[0] > 2000) shownAt.shift();
  setText(byId("fps-shown"), newest ? (shownAt.length / 2).toFixed(1) : "–");
  if (newest) {
    // What an old picture took is no news.
    setText(byId("age"), shownAt.length ? milliseconds(newest.result_ms) : "–");
    legend.setShares(newest.shares);
    byId("picture").setAttribute("aria-label", `Live picture: ${legend.describe(newest.shares)}`);
    const best = link.clock.best;
    if (best && shownAt.length) {
      const drawnMs = picture.drawnAt + best.offset - newest.begun_ms;
      setText(byId("age-drawn"), `${Math.round(drawnMs)} ms ± ${Math.max(1, Math.ceil(best.trip / 2))}`);
    } else setText(byId("age-drawn"), "–");
  }
  trend.draw(now);
  state.update();
}

let hiddenTimer = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  // Nobody looks: the seat is free for others and the board encodes nothing.
  if (document.hidden) hiddenTimer = setTimeout(() => link.pause(), 2000);
  else if (!link.socket) link.open();
});
window.addEventListener("online", () => link.open());

setUpSwitches();
setUpFullScreen();
setInterval(refresh, 250);
refresh();
link.open();
