// Completes the query while it is being written: a combobox with a list, after the ARIA Authoring Practices Guide
// (editable combobox, list autocomplete with manual selection). Nothing is chosen until the reader chooses it: Enter
// searches as ever, unless an arrow key has gone to a suggestion.
"use strict";

(() => {
  const PAUSE = 120; // milliseconds without a key before the server is asked
  const box = document.getElementById("q");
  const list = document.getElementById("suggestions");
  const said = document.getElementById("suggested");
  if (!box || !list || !said) return;

  let shown = null; // the last answer, while its list is open
  let written = ""; // what it was asked for
  let active = -1;
  let asked = null; // the question under way
  let timer = 0;

  // The server counts characters, JavaScript counts UTF-16 units.
  const before = (units) => Array.from(box.value.slice(0, units)).length;
  const units = (characters) => Array.from(box.value).slice(0, characters).join("").length;

  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", list.id);
  box.setAttribute("aria-expanded", "false");

  function close() {
    window.clearTimeout(timer);
    asked?.abort();
    asked = null;
    shown = null;
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    said.textContent = "";
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function go(to) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = to;
    const option = list.children[active];
    if (!option) {
      box.removeAttribute("aria-activedescendant");
      return;
    }
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", option.id);
  }

  function open(answer) {
    if (!answer.items.length) {
      close();
      return;
    }
    shown = answer;
    written = box.value;
    list.replaceChildren(...answer.items.map((item, at) => {
      const option = document.createElement("li");
      const text = document.createElement("code");
      const detail = document.createElement("span");
      option.id = `suggestion-${at}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      text.textContent = item.text;
      text.dir = "auto";
      detail.textContent = item.detail || item.kind;
      option.append(text, detail);
      return option;
    }));
    go(-1);
    list.hidden = false;
    list.scrollTop = 0;
    said.textContent = answer.items.length === 1 ? "1 suggestion" : `${answer.items.length} suggestions`;
    box.setAttribute("aria-expanded", "true");
  }

  async function ask() {
    asked?.abort();
    const question = new AbortController();
    asked = question;
    const text = box.value;
    const query = new URLSearchParams({ q: text, at: before(box.selectionStart ?? text.length) });
    try {
      const answer = await fetch(`${box.dataset.complete}?${query}`, { signal: question.signal });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const found = await answer.json();
      // What was written meanwhile has a question of its own.
      if (asked === question && box.value === text && document.activeElement === box) open(found);
    } catch {
      // Suggestions are a help: where there are none, the search itself says what is wrong.
      if (asked === question) close();
    }
  }

  function take(at) {
    if (box.value !== written) {
      ask();
      return;
    }
    const item = shown.items[at];
    const [start, end] = [units(shown.start), units(shown.end)];
    const rest = box.value.slice(end);
    const space = /\s$/.test(item.text) || /^[\s)]/.test(rest) ? "" : " ";
    box.setRangeText(item.text + space, start, end, "end");
    close();
    // A field wants a value, a value an operator: what may follow is shown at once.
    ask();
  }

  box.addEventListener("input", (event) => {
    window.clearTimeout(timer);
    // The list stays where it is until the next one comes, so that nothing flickers; it can no longer be chosen from.
    if (shown) go(-1);
    if (event.isComposing) return;
    timer = window.setTimeout(ask, PAUSE);
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const count = shown && box.value === written ? shown.items.length : 0;
    if (event.key === "ArrowDown" && !count) ask();
    else if (event.key === "ArrowDown") go(active + 1 < count ? active + 1 : -1);
    else if (event.key === "ArrowUp" && count) go(active < 0 ? count - 1 : active - 1);
    else if (event.key === "Enter" && active >= 0) take(active);
    else if (event.key === "Escape" && shown) close();
    else {
      if (event.key === "Enter") close();
      return;
    }
    event.preventDefault();
  });
  box.addEventListener("blur", close);
  // Before the box loses the focus, and the list with it.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) take(Array.from(list.children).indexOf(option));
  });
})();
