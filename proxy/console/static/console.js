// What a page does by itself. Everything works without it, by loading the page again.
// htmx (when it was built in) asks for the part of a page that changed; without htmx this file does.
"use strict";
(() => {
  const heard = document.getElementById("heard");

  // busy: somebody is writing, or opened a form; then nothing may be replaced under their hands.
  const busy = (part) => {
    const el = document.activeElement;
    if (part.contains(el) && el.matches("input, textarea")) return true;
    return [...part.querySelectorAll("details.kill[open] input")].some((i) => i.value !== "");
  };

  // told: the title and the live region say what is new, once.
  let said = document.querySelector("[data-heard]")?.dataset.heard;
  const told = (part) => {
    if (!part || !part.dataset || !part.dataset.heard) return;
    if (part.dataset.heard !== said) {
      said = part.dataset.heard;
      heard.textContent = said;
    }
    document.title = document.title.replace(/^.*? · Sluice/, part.dataset.title + " · Sluice");
  };

  document.addEventListener("htmx:beforeSwap", (e) => {
    const part = e.detail.target;
    if (busy(part)) {
      e.detail.shouldSwap = false;
      return;
    }
    // Opened details stay open.
    const open = [...part.querySelectorAll("details[open] > summary")].map((s) => s.id || s.textContent);
    document.addEventListener("htmx:afterSwap", () => {
      for (const s of document.querySelectorAll("details > summary")) {
        if (open.includes(s.id || s.textContent)) s.parentElement.open = true;
      }
    }, { once: true });
  });

  const settled = () => {
    const part = document.querySelector("[data-heard]");
    told(part);
    // A ticket that somebody else decided needs no form any more.
    if (part && part.dataset.state && part.dataset.state !== "pending") document.getElementById("decide")?.remove();
    ages();
  };
  document.addEventListener("htmx:afterSettle", settled);

  // When the stream breaks the page says so, and asks whether it is still signed in: what is shown may be old.
  const stale = document.getElementById("stale");
  const lost = async () => {
    const part = document.querySelector("[data-parts]");
    if (!part) return;
    try {
      const answer = await fetch(part.getAttribute("hx-get"), { headers: { "HX-Request": "true" } });
      if (answer.status === 401) location.reload();
      stale.hidden = answer.ok;
    } catch {
      stale.hidden = false;
    }
  };
  const found = () => { stale.hidden = true; };
  document.addEventListener("htmx:sseError", lost);
  document.addEventListener("htmx:sseOpen", found);

  // ages keeps "in 9 min" true, and gives the reader's own time beside the gateway's.
  const ages = () => {
    const now = Date.now();
    for (const t of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(t.dateTime);
      const rel = t.querySelector(".rel");
      if (!rel || Number.isNaN(at)) continue;
      const text = age(at - now);
      if (rel.textContent !== text) rel.textContent = text;
      if (!t.title) t.title = new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  };
  const age = (ms) => {
    const s = Math.abs(ms) / 1000;
    if (s < 5) return "now";
    const words = s < 100 ? `${Math.floor(s)} s` : s < 6000 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`;
    return ms < 0 ? `${words} ago` : `in ${words}`;
  };
  ages();
  setInterval(ages, 10000);

  // One press, one answer: a second one would only be told that it is too late.
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (form.dataset.sent) e.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const f of document.forms) delete f.dataset.sent;
  });

  // Denying without a reason is refused by the gateway; say so before the round trip.
  const reason = document.getElementById("reason");
  for (const b of document.querySelectorAll("#decide button")) {
    b.addEventListener("click", () => { reason.required = b.hasAttribute("formaction"); });
  }

  // Without htmx: the same, by hand, but for the keyboard's place.
  if (!window.htmx && document.body.hasAttribute("data-live")) {
    const source = new EventSource("/live");
    const names = document.querySelector("[data-parts]")?.dataset.parts.split(" ") ?? [];
    const fetched = async () => {
      const part = document.querySelector("[data-parts]");
      const answer = await fetch(part.getAttribute("hx-get"), { headers: { "HX-Request": "true" } });
      if (!answer.ok || busy(part)) return;
      const fresh = document.createElement("template");
      fresh.innerHTML = await answer.text();
      part.replaceWith(fresh.content);
      settled();
    };
    for (const name of names) source.addEventListener(name, fetched);
    source.addEventListener("error", lost);
    source.addEventListener("open", found);
  }
})();
