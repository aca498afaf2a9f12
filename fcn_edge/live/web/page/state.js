// Whether what is seen is live: pill, banner, and the veil over a picture that is old.

const OLD_AFTER_MS = 2500;

class State {
  constructor(picture) {
    this.picture = picture;
    this.link = { state: "connecting" };
    this.status = null;
    this.statusAt = 0;
    this.resultAgeS = null;
    this.act = null;
    byId("banner-act").addEventListener("click", () => this.act && this.act());
  }

  setLink(link) {
    this.link = link;
    this.update();
  }

  setStatus(message) {
    this.status = message.status;
    this.statusAt = performance.now();
    this.resultAgeS = message.result_age_s;
    this.update();
  }

  update() {
    const now = performance.now();
    const found = this.find(now);
    const pill = byId("pill");
    pill.dataset.state = found.pill;
    setText(byId("pill-text"), found.word);
    this.act = found.act ?? null;
    const banner = byId("banner");
    banner.hidden = !found.title;
    banner.dataset.kind = found.kind ?? "";
    setText(byId("banner-title"), found.title ?? "");
    setText(byId("banner-text"), found.text ?? "");
    const button = byId("banner-act");
    button.hidden = !found.actName;
    setText(button, found.actName ?? "");
    this.veil(now);
  }

  /** The most important thing there is to say. */
  find(now) {
    const { link, status } = this;
    if (link.state === "refused") {
      return { pill: "lost", word: "No access", kind: "bad", title: "The camera asks for its token.", actName: "Enter token", act: () => location.reload() };
    }
    if (link.state === "paused") return { pill: "off", word: "Paused" };
    if (link.state === "connecting") return { pill: "off", word: "Connecting" };
    if (link.state === "lost") {
      const wait = Math.ceil((link.retryAt - now) / 1000);
      const text = wait > 0 ? `Trying again in ${wait} s.` : "Trying again …";
      const title = link.full ? "All seats are taken." : "The camera's server does not answer.";
      return { pill: "lost", word: "Disconnected", kind: "bad", title, text, actName: "Try now", act: link.retry };
    }
    return status ? this.findInStatus(status, now) : { pill: "off", word: "Connecting" };
  }

  findInStatus(status, now) {
    const sinceS = (now - this.statusAt) / 1000;
    if (status.health.waiting) {
      const next = status.health.next_try_s;
      const wait = known(next) ? Math.ceil(next - sinceS) : 0;
      const when = wait > 0 ? `Opening it again in ${wait} s.` : "Opening it again …";
      return { pill: "wait", word: "Waiting", title: "The camera was lost.", text: `${sentence(status.health.note)}${when}` };
    }
    if (!known(this.resultAgeS)) return { pill: "wait", word: "Starting" };
    const ageS = this.resultAgeS + sinceS;
    if (ageS > 4) return { pill: "wait", word: "Stalled", title: `No new picture for ${duration(ageS)}.` };
    const failed = Object.entries(status.outputs).filter(([, output]) => output.error);
    if (failed.length) {
      const text = failed.map(([name, output]) => `${words(name)}: ${sentence(output.error)}`).join(" ");
      return { pill: "live", word: status.live ? "Live" : "Playing", kind: "bad", title: "An output has stopped.", text };
    }
    if (status.undervoltage) {
      return { pill: "live", word: "Live", title: "The supply voltage is too low.", text: "The board may slow down or stop; use a stronger power supply or a shorter cable." };
    }
    return { pill: "live", word: status.live ? "Live" : "Playing" };
  }

  veil(now) {
    const { drawnAt } = this.picture;
    byId("empty").hidden = drawnAt !== null;
    byId("frame").toggleAttribute("data-blank", drawnAt === null);
    const old = drawnAt !== null && now - drawnAt > OLD_AFTER_MS;
    byId("frame").toggleAttribute("data-old", old);
    byId("old").hidden = !old;
    if (old) setText(byId("old"), `Old picture, drawn ${duration((now - drawnAt) / 1000)} ago`);
  }
}

function sentence(text) {
  if (!text) return "";
  const begun = text[0].toUpperCase() + text.slice(1);
  return `${begun}${/[.!?]$/.test(begun) ? "" : "."} `;
}
