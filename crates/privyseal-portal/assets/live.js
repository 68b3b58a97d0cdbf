// Keeps a page up to date: listens to server-sent events, fetches a fragment, replaces the elements that it carries by id.
// Nothing is replaced under a person's hands: an element whose `data-version` is unchanged stays, focus and scrolling stay.

const { liveSource, liveFragment, now } = document.body.dataset;
const mark = document.querySelector("[data-live-mark]");
const skew = Date.parse(now) - Date.now();

function say(state, words) {
  if (!mark || mark.dataset.state === state) return;
  mark.hidden = false;
  mark.dataset.state = state;
  mark.textContent = words;
}

function replace(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || (old.dataset.version && old.dataset.version === fresh.dataset.version)) return;
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const found = (root) => active?.id ? root.querySelector("#" + CSS.escape(active.id))
    : active?.href ? root.querySelector(`a[href="${CSS.escape(active.getAttribute("href"))}"]`) : null;
  const typed = active && "value" in active ? [active.value, active.selectionStart, active.selectionEnd] : null;
  for (const open of old.querySelectorAll("details[open][id]")) fresh.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
  const top = window.scrollY;
  old.replaceWith(fresh);
  if (active) {
    const again = found(fresh) ?? fresh;
    if (typed && "value" in again) {
      again.value = typed[0];
      try { again.setSelectionRange(typed[1], typed[2]); } catch { /* not a text field */ }
    }
    again.focus({ preventScroll: true });
  }
  window.scrollTo({ top, behavior: "instant" });
}

let busy = false, again = false;
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    do {
      again = false;
      const answer = await fetch(liveFragment, { headers: { accept: "text/html" }, credentials: "same-origin" });
      if (answer.status === 401 || answer.status === 403) { location.reload(); return; }
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const fresh of page.querySelectorAll("[data-live][id]")) replace(document.adoptNode(fresh));
      count();
    } while (again);
    if (!lost) say("live", "Live");
  } catch {
    say("reconnecting", "Reconnecting");
    setTimeout(refresh, 5000);
  } finally {
    busy = false;
  }
}

function span(seconds) {
  const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
  if (days > 1) return `${days} days`;
  if (days === 1) return hours ? `1 day ${hours} h` : "1 day";
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  return minutes ? `${minutes} min` : `${seconds} s`;
}

function count() {
  for (const element of document.querySelectorAll("[data-until]")) {
    const seconds = Math.floor((Date.parse(element.dataset.until) - Date.now() - skew) / 1000);
    const text = seconds > 0 ? `${span(seconds)} left` : "time is up";
    if (element.textContent !== text) element.textContent = text;
    element.closest(".left")?.classList.toggle("left-urgent", seconds < 300);
  }
}

// The browser reconnects by itself after a broken line, not after an answer that is no stream; then we do.
let lost = false;
function listen() {
  const source = new EventSource(liveSource);
  source.addEventListener("open", () => { say("live", "Live"); if (lost) refresh(); lost = false; });
  source.addEventListener("changed", refresh);
  source.addEventListener("error", () => {
    lost = true;
    say("reconnecting", "Reconnecting");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}
listen();
setInterval(count, 1000);
count();
