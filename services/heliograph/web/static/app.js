// Makes the pages live: times and dates in the reader's own zone, the live list, the chart as a way to zoom, keys.
// Every page works without this file.
"use strict";

(() => {
  const zone = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const sameAsUtc = () => new Date().getTimezoneOffset() === 0;

  // "22 Nov 2026, 02:55 UTC" becomes "22 Nov, 06:55 (02:55 UTC)": the published time stays, whole in the tooltip.
  function localise(root) {
    if (sameAsUtc()) return;
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      time.dataset.local = "";
      const local = zone.format(moment);
      if ("short" in time.dataset) {
        time.title = `${local} (${time.title})`;
      } else {
        const published = document.createElement("span");
        published.className = "utc";
        const sameDay = moment.getUTCDate() === moment.getDate();
        published.textContent = ` (${sameDay ? time.textContent.split(", ").pop() : time.textContent})`;
        time.title = time.textContent;
        time.replaceChildren(local, published);
      }
    }
  }

  // New articles wait behind a button, so that nothing moves under the reader's eyes.
  function live() {
    const bar = document.getElementById("live");
    const cards = document.getElementById("cards");
    if (!bar || !cards || !("EventSource" in window)) return;
    const button = document.getElementById("fresh");
    const state = document.getElementById("live-state");
    const title = document.title;
    const waiting = new Map();
    bar.hidden = false;
    state.textContent = "Connecting…";

    function show() {
      const count = waiting.size;
      button.hidden = count === 0;
      button.textContent = `${count} new ${count === 1 ? "article" : "articles"}: show`;
      document.title = count ? `(${count}) ${title}` : title;
    }

    const source = new EventSource(bar.dataset.stream);
    source.addEventListener("open", () => { state.textContent = "Live"; bar.classList.add("on"); });
    source.addEventListener("error", () => {
      bar.classList.remove("on");
      state.textContent = source.readyState === EventSource.CLOSED ? "Not live: reload to connect" : "Connecting…";
    });
    source.addEventListener("article", (event) => {
      // The server escaped it; the policy of the page lets nothing in it run.
      const card = new DOMParser().parseFromString(event.data, "text/html").querySelector("article.card");
      if (!card) return;
      const known = document.getElementById(card.id);
      if (known) {
        localise(card);
        known.replaceWith(card);
        return;
      }
      waiting.delete(card.id);
      waiting.set(card.id, card);
      // What waits unseen for hours is not kept without end.
      if (waiting.size > 100) waiting.delete(waiting.keys().next().value);
      show();
    });
    source.addEventListener("reload", () => {
      source.close();
      bar.classList.remove("on");
      state.textContent = "The list has moved on: reload the page";
    });
    button.addEventListener("click", () => {
      for (const card of waiting.values()) {
        card.classList.add("fresh");
        localise(card);
        cards.prepend(card);
      }
      waiting.clear();
      show();
      document.querySelector(".empty")?.remove();
      cards.querySelector("a")?.focus();
    });
  }

  // A bar of the chart leads where its row of the table leads.
  function chart() {
    const links = document.querySelectorAll(".chart td a");
    const bars = document.querySelectorAll(".chart rect");
    if (links.length !== bars.length) return;
    bars.forEach((bar, at) => {
      bar.classList.add("can");
      bar.addEventListener("click", () => { window.location.assign(links[at].href); });
    });
  }

  // "/" goes to the search box, j and k from article to article.
  function keys() {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
      if (event.key === "/") {
        const box = document.getElementById("q");
        if (box) { event.preventDefault(); box.focus(); box.select(); }
      } else if (event.key === "j" || event.key === "k") {
        const heads = [...document.querySelectorAll(".card h2 a")];
        if (!heads.length) return;
        const at = heads.findIndex((head) => head.closest(".card").contains(document.activeElement));
        heads[Math.max(0, Math.min(heads.length - 1, event.key === "j" ? at + 1 : at - 1))].focus();
      }
    });
  }

  // Dates in a query are the reader's own: the next question says where that is. This page stays as it was asked for.
  function tellZone() {
    const form = document.querySelector("form[data-zone]");
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!form || !own || own === form.dataset.zone || !/^[\w+/-]+$/.test(own)) return;
    document.cookie = `time_zone=${own}; Path=/; SameSite=Lax; Max-Age=31536000`;
  }

  localise(document);
  tellZone();
  live();
  chart();
  keys();
})();
