/*
 * Longlead: the one script. Every page works without it; it makes pages quicker, never possible.
 * Load it in <head> without `defer`, so that the theme stands before the first paint.
 * Behaviour is asked for by attributes; what the server must do stands with each section:
 * helpers · theme and rail · swapping · live updates · palette and keys · chains on Horizons ·
 * tables · forms · inline editing · charts · asking in SQL · start.
 */
"use strict";
(() => {
  // ---- Helpers -----------------------------------------------------------------------------

  const root = document.documentElement;
  const $ = (selector, scope = document) => scope.querySelector(selector);
  const $$ = (selector, scope = document) => [...scope.querySelectorAll(selector)];
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a private window */ } };

  /** An element from a tag, its attributes and its children; text is never read as markup. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  }

  function makeButton(kind, text, run) {
    const button = make("button", { type: "button", class: `button ${kind}` }, text);
    button.addEventListener("click", run);
    return button;
  }

  /** `fetch` with our headers. A fragment must not be cached under the page's own address. */
  function send(url, options = {}) {
    const headers = new Headers(options.headers);
    if ((options.method || "GET") !== "GET") {
      const meta = $('meta[name="csrf"]');
      headers.set("X-CSRF-Token", meta ? meta.content : "");
    }
    return fetch(url, { credentials: "same-origin", cache: "no-store", ...options, headers });
  }

  function fieldsOf(form, submitter) {
    const fields = new FormData(form);
    if (submitter && submitter.name) fields.append(submitter.name, submitter.value);
    return [...fields];
  }

  function toast(text, action, run) {
    const box = make("div", { class: "toast" }, make("span", {}, text));
    if (action) box.append(makeButton("small", action, () => { box.remove(); run(); }));
    else setTimeout(() => box.remove(), 5000);
    const close = makeButton("quiet icon-only", "×", () => box.remove());
    close.setAttribute("aria-label", "Dismiss");
    box.append(close);
    $("#live")?.replaceChildren(box);
  }

  // ---- Theme and rail ----------------------------------------------------------------------
  // button[data-theme-toggle], whose name tells the choice.

  const themes = ["system", "light", "dark"];
  const theme = () => (themes.includes(remembered("theme")) ? remembered("theme") : "system");

  function showTheme() {
    if (theme() === "system") delete root.dataset.theme;
    else root.dataset.theme = theme();
    $$("[data-theme-toggle]").forEach((button) => {
      button.title = `Theme: ${theme()}`;
      button.setAttribute("aria-label", button.title);
    });
  }

  function nextTheme() {
    remember("theme", themes[(themes.indexOf(theme()) + 1) % themes.length]);
    showTheme();
    drawCharts(document, true);
  }

  function openRail(open) {
    root.classList.toggle("rail-open", open);
    $(".rail-toggle").setAttribute("aria-expanded", String(open));
    $(open ? ".rail a" : ".rail-toggle").focus();
  }

  // ---- Swapping parts of a page ------------------------------------------------------------
  // a[data-swap="#hz"], form[data-swap="#hz, .lede"]: GET, then each part named is replaced by its
  // namesake in the answer. The header X-Fragment names the parts ("hz, .lede"); the server may
  // answer the whole page all the same. form[data-auto] submits itself on change; a date, which
  // changes with each key, when it is left ([data-wait]). What is still being computed has a link to
  // look again, a[data-swap][data-again], which is followed after a while.

  const running = new Map();

  /** Replaces a part, but keeps what the reader has opened, scrolled to, typed as filter and focused. */
  function replacePart(selector, answer) {
    const [old, fresh] = [$(selector), $(selector, answer)];
    if (!old || !fresh) return false;
    const name = (details, at) => details.id || `${$("summary", details)?.textContent.trim()} ${at}`;
    const open = new Map($$("details", old).map((details, at) => [name(details, at), details.open]));
    const filters = $$("[data-filter-table]", old).map((input) => input.value);
    const scrolled = $$(".scroll, .timeline", old).map((box) => [box.scrollLeft, box.scrollTop]);
    const focusAgain = keepFocus(old);
    const page = [window.scrollX, window.scrollY];
    if (window.Plotly) $$(".chart", old).forEach((chart) => window.Plotly.purge(chart));
    old.replaceWith(document.adoptNode(fresh));
    $$("details", fresh).forEach((details, at) => { details.open = open.get(name(details, at)) ?? details.open; });
    $$("[data-filter-table]", fresh).forEach((input, at) => { input.value = filters[at] ?? input.value; });
    enhance(fresh);
    $$(".scroll, .timeline", fresh).forEach((box, at) => { [box.scrollLeft, box.scrollTop] = scrolled[at] ?? [0, 0]; });
    window.scrollTo(...page);
    focusAgain(fresh);
    return true;
  }

  /** Finds the focused element again by its id or its address, or else by its place. */
  function keepFocus(old) {
    const element = document.activeElement;
    if (!old.contains(element) || element === old) return () => {};
    const trait = ["id", "data-hotkey", "data-node", "name", "href"].find((name) => element.hasAttribute(name));
    const named = trait && `${element.localName}[${trait}="${CSS.escape(element.getAttribute(trait))}"]`;
    const place = $$(element.localName, old).indexOf(element);
    return (fresh) => (named ? $(named, fresh) : $$(element.localName, fresh)[place])?.focus({ preventScroll: true });
  }

  /** Fetches `url` and replaces `parts`, and `extras` where the answer has them. The last call wins. */
  async function swap(url, parts, extras = []) {
    const abort = new AbortController();
    running.get(parts)?.abort();
    running.set(parts, abort);
    const selectors = parts.split(",").map((part) => part.trim());
    const busy = selectors.map((selector) => $(selector)).filter(Boolean);
    busy.forEach((part) => part.setAttribute("aria-busy", "true"));
    try {
      const wanted = selectors.map((part) => part.replace(/^#/, "")).join(", ");
      const response = await send(url, { headers: { "X-Fragment": wanted }, signal: abort.signal });
      const moved = new URL(response.url).pathname !== new URL(url, location.href).pathname;
      if (!response.ok || moved) throw new Error("not the page that was asked for");
      const answer = parse(await response.text());
      if (!selectors.map((selector) => replacePart(selector, answer)).includes(true)) throw new Error("no such part");
      extras.forEach((selector) => replacePart(selector, answer));
      if (answer.title) document.title = answer.title;
      return answer.documentElement;
    } finally {
      busy.forEach((part) => part.removeAttribute("aria-busy"));
      if (running.get(parts) === abort) running.delete(parts);
    }
  }

  /** A swap that the reader asked for: it enters the history, and becomes a plain visit if it fails. */
  async function visit(url, parts, push = true) {
    try {
      // What a refresh would answer is about the page that is being left.
      running.get("#main")?.abort();
      if (push) history.replaceState({ swap: parts }, "");
      await swap(url, parts);
      if (push) history.pushState({ swap: parts }, "", url);
    } catch (failure) {
      if (failure.name !== "AbortError") location.assign(url);
    }
  }

  // ---- Live updates ------------------------------------------------------------------------
  // GET /events: event `forecast`, data {"sequence": n}, which is also sent on connecting, so that
  // a page that slept catches up. <main data-live> is refreshed in place; while a form is in use,
  // the reader is asked. Other pages show no plan. html[data-sequence] tells what the page shows,
  // html[data-sent] that it answers a form.

  let events = null;
  let wait = 1000;
  let newest = 0;
  let refreshing = false;
  const shown = () => Number(root.dataset.sequence) || 0;

  function changed(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.localName !== "select") return field.type !== "hidden" && field.value !== (field.defaultValue ?? field.value);
    const options = [...field.options];
    return options.some((option) => option.defaultSelected)
      ? options.some((option) => option.selected !== option.defaultSelected) : !field.multiple && field.selectedIndex > 0;
  }

  /** What a form holds that the server has shown again isn't saved, though nothing in it changed. */
  const isShownAgain = (form) => "sent" in root.dataset && form.matches("[data-dirty-guard]");
  const isDirty = (form) => form.method !== "get" && (isShownAgain(form) || [...form.elements].some(changed));
  const inUse = (main) => $("dialog[open]") || $$("form", main).some(isDirty) || $(":is(input, select, textarea):focus", main);

  /** Brings the page up to date. What the reader asks for meanwhile goes first. */
  async function refresh() {
    if (refreshing) return;
    refreshing = true;
    try {
      while (shown() < newest) {
        if (running.size) await new Promise((later) => { setTimeout(later, 100); });
        else await refreshOnce(newest);
      }
      $("#live .toast")?.remove();
    } catch {
      toast("The plan has changed.", "Show it", showAnew);
    } finally {
      refreshing = false;
    }
  }

  async function refreshOnce(goal) {
    try {
      const answer = await swap(location.href, "#main", [".lede", ".rail > ul"]);
      root.dataset.sequence = Math.max(goal, Number(answer.dataset.sequence) || 0);
    } catch (failure) {
      if (failure.name !== "AbortError") throw failure;
    }
  }

  /** A page that answers a form must not be loaded again as it was: that would send the form again. */
  const showAnew = () => ("sent" in root.dataset ? location.assign(location.pathname) : location.reload());

  function onForecast(message) {
    const { sequence } = JSON.parse(message.data);
    if (!(sequence > Math.max(newest, shown()))) return;
    newest = sequence;
    const main = $("#main[data-live]");
    if (main && !inUse(main)) refresh();
    else if (main) toast("The plan has changed.", "Show it", $$("form", main).some(isDirty) ? showAnew : refresh);
  }

  /** A browser allows six connections to a host, so tabs in the background must not hold any. */
  function listen() {
    const seen = document.visibilityState === "visible";
    if (!seen) events = events?.close();
    if (!seen || events || !$("#live")) return;
    events = new EventSource("/events");
    events.addEventListener("open", () => { wait = 1000; });
    events.addEventListener("forecast", onForecast);
    events.addEventListener("error", () => {
      // The browser reconnects by itself unless the server refused; then we do, ever more rarely.
      if (events?.readyState !== EventSource.CLOSED) return;
      events = null;
      setTimeout(listen, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, 60000);
    });
  }

  // ---- Palette and keys --------------------------------------------------------------------
  // GET /search?q=… answers {items: [{title, hint, kind, href}]}. Pages come from the rail, with
  // the letter in data-key or else the first free letter of the name. [data-hotkey="]"] gives a
  // link or button a key. Single keys can be switched off in the list of shortcuts.

  let items = [];
  let chosen = 0;
  let searchLater = 0;
  let lastG = 0;
  const keysOn = () => remembered("keys") !== "off";

  function pages() {
    const links = $$(".rail ul a[href]").filter((link) => !link.closest(".menu"));
    const taken = new Set(links.map((link) => link.dataset.key));
    return links.map((link) => {
      const title = ($("span", link) ?? link).textContent.trim();
      const key = link.dataset.key ?? [...title.toLowerCase()].find((letter) => /[a-z]/.test(letter) && !taken.has(letter));
      taken.add(key);
      return { title, kind: "Page", href: link.getAttribute("href"), key };
    });
  }

  const commands = () => [
    ...pages(),
    { title: "Change theme", hint: `now ${theme()}`, kind: "Command", run: nextTheme },
    { title: "Keyboard shortcuts", kind: "Command", run: showShortcuts },
    { title: "Print this page", kind: "Command", run: () => window.print() },
  ];

  function openPalette() {
    const dialog = $("#palette");
    if (!dialog || dialog.open) return;
    const label = "Search records, pages and commands";
    const input = make("input", {
      role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
      "aria-label": label, placeholder: label, autocomplete: "off", spellcheck: "false",
    });
    const list = make("ul", { id: "palette-list", role: "listbox", "aria-label": "Results" });
    const foot = make("p", { class: "foot" }, "↑ ↓ choose", make("span", {}, "Enter opens"), make("span", {}, "Esc closes"));
    dialog.setAttribute("aria-label", "Search");
    dialog.replaceChildren(input, list, foot);
    input.addEventListener("input", () => search(input.value.trim()));
    input.addEventListener("keydown", onPaletteKey);
    const optionAt = (event) => Number(event.target.closest("[role=option]")?.dataset.index ?? -1);
    list.addEventListener("pointermove", (event) => { if (optionAt(event) >= 0) choose(optionAt(event)); });
    list.addEventListener("click", (event) => { if (optionAt(event) >= 0) runChosen(); });
    dialog.showModal();
    search("");
  }

  function search(query) {
    clearTimeout(searchLater);
    const words = query.toLowerCase().split(/\s+/);
    const own = commands().filter((item) => words.every((word) => item.title.toLowerCase().includes(word)));
    listItems(own);
    if (!query) return;
    searchLater = setTimeout(async () => {
      let found = [];
      try {
        const response = await send(`/search?q=${encodeURIComponent(query)}`, { headers: { Accept: "application/json" } });
        if (response.ok) found = (await response.json()).items;
      } catch { /* without the server there are still the pages */ }
      if ($("#palette input").value.trim() !== query) return;
      listItems([...own, ...found]);
      if (!items.length) $("#palette-list").append(make("li", { class: "none", role: "presentation" }, `Nothing is called “${query}”.`));
    }, 120);
  }

  function listItems(found) {
    const before = items[chosen]?.href;
    items = found;
    $("#palette-list").replaceChildren(...items.map((item, at) => {
      const part = (name) => make("span", { class: name }, item[name] ?? "");
      const option = make("li", { role: "option", id: `palette-${at}`, "data-index": at }, part("title"), part("hint"), part("kind"));
      if (item.key && keysOn()) option.append(make("kbd", {}, `g ${item.key}`));
      return option;
    }));
    // Results that come late mustn't move what the reader is about to open.
    choose(before && chosen > 0 ? items.findIndex((item) => item.href === before) : 0);
  }

  function choose(at) {
    chosen = Math.max(0, Math.min(items.length - 1, at));
    $$("#palette [role=option]").forEach((option, index) => option.setAttribute("aria-selected", String(index === chosen)));
    $("#palette input").setAttribute("aria-activedescendant", items.length ? `palette-${chosen}` : "");
    $(`#palette-${chosen}`)?.scrollIntoView({ block: "nearest" });
  }

  function onPaletteKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) choose(chosen + step);
    else if (event.key === "Enter" && !event.isComposing) runChosen();
    else return;
    event.preventDefault();
  }

  function runChosen() {
    const item = items[chosen];
    if (!item) return;
    $("#palette").close();
    if (item.run) item.run();
    else location.assign(item.href);
  }

  function showShortcuts() {
    const list = make("dl", { class: "shortcuts" });
    const row = (keys, text) => list.append(make("dt", {}, make("kbd", {}, keys)), make("dd", {}, text));
    row("Ctrl K", "Search (also /)");
    pages().forEach((page) => { if (page.key) row(`g ${page.key}`, page.title); });
    row("j, k", "Next and previous row; Enter opens it");
    $$("[data-hotkey]").forEach((item) => row(item.dataset.hotkey, item.getAttribute("aria-label") ?? item.textContent.trim()));
    row("?", "This list");
    const box = make("input", { type: "checkbox", id: "keys-on" });
    box.checked = keysOn();
    box.addEventListener("change", () => remember("keys", box.checked ? "on" : "off"));
    const label = make("label", { for: "keys-on" }, "Use single keys (Ctrl K always works)");
    ask("Keyboard shortcuts", "Close", null, list, make("p", { class: "field check" }, box, label));
  }

  function onKey(event) {
    const { key, target } = event;
    const command = event.ctrlKey || event.metaKey;
    const cell = target.closest?.("[data-edit]");
    if (command && key.toLowerCase() === "k") openPalette();
    else if (key === "Escape") return onEscape(target, cell);
    else if (command || event.altKey || event.isComposing || target.closest?.("input, select, textarea, dialog")) return;
    else if (key === "Enter" && target === cell) startEdit(cell);
    else if (!keysOn() || !onSingleKey(key)) return;
    event.preventDefault();
  }

  function onSingleKey(key) {
    const page = Date.now() - lastG < 1500 && pages().find((item) => item.key === key);
    const hotkey = $(`[data-hotkey="${CSS.escape(key)}"]`);
    lastG = key === "g" && !page ? Date.now() : 0;
    if (page) location.assign(page.href);
    else if (key === "/") openPalette();
    else if (key === "?") showShortcuts();
    else if (key === "j" || key === "k") moveRow(key === "j" ? 1 : -1);
    else if (hotkey) hotkey.click();
    else return key === "g";
    return true;
  }

  function onEscape(target, cell) {
    const menu = target.closest?.("details.menu[open]");
    if (menu) { menu.open = false; $("summary", menu).focus(); }
    else if (cell) endEdit(cell);
    else if (root.classList.contains("rail-open")) openRail(false);
  }

  // ---- Chains on Horizons ------------------------------------------------------------------
  // Within .hz: [data-node=ID] for items, [data-from][data-to] for links; #hz-chains is JSON
  // {nodes: [ID], chains: [[places of the nodes on its chain]]}. Pointing at an item or focusing it
  // lights its chain.

  let lit = null;

  function light(target) {
    const node = target?.closest?.(".hz [data-node]")?.dataset.node ?? null;
    if (node === lit) return;
    lit = node;
    const { nodes, chains } = JSON.parse((node && $("#hz-chains")?.textContent) || '{"nodes":[],"chains":[]}');
    const chain = new Set([node, ...(chains[nodes.indexOf(node)] ?? []).map((at) => nodes[at])]);
    const show = (element, on) => {
      element.classList.toggle("lit", node !== null && on);
      element.classList.toggle("dim", node !== null && !on);
    };
    $$(".hz [data-node]").forEach((item) => show(item, chain.has(item.dataset.node)));
    $$(".hz [data-from]").forEach((link) => show(link, chain.has(link.dataset.from) && chain.has(link.dataset.to)));
  }

  // ---- Tables ------------------------------------------------------------------------------
  // table[data-sortable] (td[data-value] where the text does not sort; th[data-nosort]),
  // input[data-filter-table="#id"], [data-rows].

  const sorts = new Map();

  function makeSortable(table) {
    $$("thead th:not([data-nosort])", table).forEach((head) => {
      if (!head.textContent.trim() || $("button", head)) return;
      const button = make("button", { type: "button", class: "sort" }, ...head.childNodes);
      button.addEventListener("click", () =>
        sortBy(table, head.cellIndex, head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending"));
      head.append(button);
      head.setAttribute("aria-sort", "none");
    });
    if (sorts.has(table.id)) sortBy(table, ...sorts.get(table.id));
  }

  function sortBy(table, column, order) {
    const body = table.tBodies[0];
    const value = (row) => (row.cells[column]?.dataset.value ?? row.cells[column]?.textContent ?? "").trim().replace(/^[–—]$/, "");
    const compare = (a, b) => {
      const [left, right] = [value(a), value(b)];
      if (!left || !right) return !left - !right; // what is unknown stays below
      const by = Number(left) - Number(right);
      return (Number.isNaN(by) ? left.localeCompare(right, undefined, { numeric: true }) : by) * (order === "ascending" ? 1 : -1);
    };
    body.append(...[...body.rows].sort((a, b) => a.matches(".total") - b.matches(".total") || compare(a, b)));
    $$("thead th[aria-sort]", table).forEach((head) => head.setAttribute("aria-sort", head.cellIndex === column ? order : "none"));
    if (table.id) sorts.set(table.id, [column, order]);
  }

  function filterRows(input) {
    const rows = $$(`${input.dataset.filterTable} > tbody > tr`);
    const words = input.value.toLowerCase().split(/\s+/);
    rows.forEach((row) => { row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word)); });
  }

  function moveRow(step) {
    const rows = $$("[data-rows] tbody tr:not([hidden]), [data-rows] > li:not([hidden])").filter((row) => $("a[href]", row));
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const row = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + step))];
    if (row) ($("a.row-link", row) ?? $("a[href]", row)).focus();
  }

  // ---- Forms -------------------------------------------------------------------------------
  // form[data-dirty-guard], [data-confirm="question"] on a form, button or link,
  // [data-copy="#id"]. A form is sent once.

  let leaving = false;

  /** A question in a dialog; answers whether the reader agreed. */
  function ask(title, yes, no, ...content) {
    return new Promise((answer) => {
      const buttons = make("div", { class: "form-actions" }, make("span", { class: "spacer" }));
      const dialog = make("dialog", { "aria-label": title }, make("h2", {}, title), ...content, buttons);
      if (no) buttons.append(makeButton("", no, () => dialog.close()));
      buttons.append(makeButton(no ? "danger" : "", yes, () => dialog.close("yes")));
      dialog.addEventListener("close", () => { dialog.remove(); answer(dialog.returnValue === "yes"); });
      document.body.append(dialog);
      dialog.showModal();
    });
  }

  /** Holds an event back until its question is answered. Tells whether it did. */
  function confirmFirst(event, element, proceed) {
    if (!element?.dataset.confirm || element.dataset.confirmed) return false;
    event.preventDefault();
    const label = (event.submitter ?? element).textContent.trim();
    ask(element.dataset.confirm, label, "Cancel").then((agreed) => {
      if (!agreed) return;
      element.dataset.confirmed = "yes";
      proceed();
      delete element.dataset.confirmed;
    });
    return true;
  }

  function copy(selector) {
    const source = $(selector);
    const copying = navigator.clipboard?.writeText(source.value ?? source.textContent) ?? Promise.reject();
    copying.then(() => toast("Copied."), () => toast("The browser did not allow copying."));
  }

  function onSubmit(event) {
    const { target: form, submitter } = event;
    if (confirmFirst(event, form, () => form.requestSubmit(submitter))) return;
    if (form.dataset.swap && form.method === "get") {
      const url = new URL(form.getAttribute("action") || location.pathname, location.href);
      url.search = new URLSearchParams(fieldsOf(form, submitter).filter(([, value]) => value !== ""));
      event.preventDefault();
      visit(url.href, form.dataset.swap);
    } else if (form.closest("[data-edit]")) {
      event.preventDefault();
      sendEdit(form, submitter);
    } else if (form.method !== "get") {
      // Saving waits for the plan, long enough for a second press.
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
      leaving = true;
    }
  }

  /** The reader comes back to the page as it was. */
  function onPageShow() {
    leaving = false;
    $$("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
    if (document.body) listen();
  }

  function onClick(event) {
    const near = (selector) => event.target.closest(selector);
    $$("details.menu[open]").forEach((menu) => { menu.open = menu.contains(event.target); });
    if (root.classList.contains("rail-open") && !near(".rail, .rail-toggle")) openRail(false);
    const [asked, link, cell] = [near("[data-confirm]:not(form)"), near("a[href]"), near("[data-edit]")];
    const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (confirmFirst(event, asked, () => asked.click())) return;
    if (near("[data-copy]")) copy(near("[data-copy]").dataset.copy);
    else if (near("[data-theme-toggle]")) nextTheme();
    else if (near("[data-palette-open]")) openPalette();
    else if (near(".rail-toggle")) openRail(!root.classList.contains("rail-open"));
    else if (event.target.id === "palette") event.target.close();
    else if (near("[data-edit-cancel]")) endEdit(cell);
    else if (link?.dataset.swap && plain) {
      event.preventDefault();
      visit(new URL(link.getAttribute("href"), location.href).href, link.dataset.swap);
    } else if (cell && plain && !link) startEdit(cell);
  }

  // ---- Inline editing ----------------------------------------------------------------------
  // [data-edit="/url"]: GET answers a fragment with a <form>; POSTing it answers either the form
  // again, with its errors (422), or the new content. Escape or [data-edit-cancel] gives up.

  const edits = new WeakMap();

  async function startEdit(cell) {
    if (edits.has(cell)) return;
    edits.set(cell, [...cell.childNodes]);
    try {
      const response = await send(cell.dataset.edit, { headers: { "X-Fragment": "edit" } });
      if (!response.ok || !showEdit(cell, await response.text())) throw new Error("no form");
    } catch {
      endEdit(cell);
      toast("This can't be changed here at the moment.");
    }
  }

  function showEdit(cell, text) {
    const form = $("form", parse(text));
    if (!form) return false;
    cell.replaceChildren(document.adoptNode(form));
    ($('[aria-invalid="true"]', form) ?? $("input:not([type=hidden]), select, textarea", form))?.focus();
    return true;
  }

  function endEdit(cell, content = edits.get(cell)) {
    if (!edits.delete(cell)) return;
    cell.replaceChildren(...content);
    cell.focus();
  }

  async function sendEdit(form, submitter) {
    const cell = form.closest("[data-edit]");
    if (cell.hasAttribute("aria-busy")) return;
    const body = new URLSearchParams(fieldsOf(form, submitter));
    cell.setAttribute("aria-busy", "true");
    try {
      const url = form.getAttribute("action") || cell.dataset.edit;
      const response = await send(url, { method: "POST", headers: { "X-Fragment": "edit" }, body });
      const text = await response.text();
      if (showEdit(cell, text)) return;
      if (!response.ok) throw new Error("refused");
      // In a template a bare <td> or <tr> survives the parser.
      const fresh = $("template", parse(`<template>${text}</template>`)).content;
      endEdit(cell, [...($("[data-edit]", fresh) ?? fresh).childNodes]);
    } catch {
      toast("It isn't known whether that was saved.", "Look", () => location.reload());
    } finally {
      cell.removeAttribute("aria-busy");
    }
  }

  // ---- Charts ------------------------------------------------------------------------------
  // .chart[data-plotly="#json"]: JSON {data, layout, config}; any string "var(--risk)" in it is
  // replaced by that colour of the theme. plotly.js is loaded once, when a page needs it.

  let plotly = null;

  function loadPlotly() {
    plotly = plotly ?? new Promise((loaded, failed) => {
      const script = make("script", { src: "/assets/plotly.min.js" });
      script.addEventListener("load", () => loaded(window.Plotly));
      script.addEventListener("error", () => { plotly = null; failed(new Error("plotly didn't load")); });
      document.head.append(script);
    });
    return plotly;
  }

  /** Replaces "var(--name)" throughout by the colour that it has now. */
  function withColours(value) {
    const probe = document.body.appendChild(make("span", { hidden: "" }));
    const colours = JSON.parse(JSON.stringify(value), (_, item) => {
      if (typeof item !== "string" || !/^var\(--[\w-]+\)$/.test(item)) return item;
      probe.style.color = item;
      return getComputedStyle(probe).color;
    });
    probe.remove();
    return colours;
  }

  function houseLayout(own = {}) {
    const strong = "var(--line-strong)";
    const house = { gridcolor: "var(--line)", linecolor: strong, zerolinecolor: strong, tickcolor: strong, automargin: true };
    const axes = ["xaxis", "yaxis", ...Object.keys(own).filter((key) => /^[xy]axis\d+$/.test(key))];
    return {
      margin: { l: 48, r: 16, t: 16, b: 36 }, hovermode: "x unified", showlegend: false, legend: { orientation: "h", y: -0.2 },
      colorway: ["accent", "software", "hardware", "risk", "safe", "done"].map((name) => `var(--${name})`),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: "var(--surface)", bordercolor: strong, font: { color: "var(--ink)" } }, ...own,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: "var(--ink-2)", ...own.font },
      ...Object.fromEntries(axes.map((key) => [key, { ...house, ...own[key] }])),
    };
  }

  function drawCharts(scope = document, again = false) {
    $$(".chart[data-plotly]", scope).filter((chart) => again || !chart.dataset.drawn).forEach(async (chart) => {
      chart.dataset.drawn = "yes";
      try {
        const figure = JSON.parse($(chart.dataset.plotly).textContent);
        const library = await loadPlotly();
        const config = { displayModeBar: false, displaylogo: false, responsive: true, ...figure.config };
        if (chart.isConnected) await library.react(chart, withColours(figure.data), withColours(houseLayout(figure.layout)), config);
      } catch {
        chart.replaceChildren(make("p", { class: "muted" }, "The chart could not be drawn."));
      }
    });
  }

  // ---- Start -------------------------------------------------------------------------------

  /** What has to be set up once per element; also run on every part that is swapped in. */
  function enhance(scope) {
    $$("table[data-sortable]", scope).forEach(makeSortable);
    $$("[data-filter-table]", scope).forEach((input) => { if (input.value) filterRows(input); });
    $$("[data-edit]", scope).forEach((cell) => {
      cell.tabIndex = 0;
      cell.title = cell.title || "Change";
      cell.setAttribute("role", "group");
      cell.setAttribute("aria-description", "Enter changes it");
    });
    $$("textarea[data-complete]", scope).forEach(completeSql);
    $$("[data-saved-sql]", scope).forEach(keepSql);
    $$(".scroll, .timeline", scope).forEach(makeReachable);
    const again = $("a[data-again]", scope);
    if (again) setTimeout(() => { if (again.isConnected) swap(again.href, again.dataset.swap).catch(() => {}); }, 400);
    drawCharts(scope);
  }

  // ---- Asking in SQL -----------------------------------------------------------------------
  // The page lists tables, columns and functions in a <datalist>. Tab takes the first that begins
  // like the word before the caret; questions are kept in this browser.

  const WORD = /[A-Za-z_][\w.]*$/;

  function completeSql(box) {
    const list = make("ul", { class: "completions", hidden: "" });
    const words = $$("option", document.getElementById(box.dataset.complete)).map((it) => it.value);
    const started = () => box.value.slice(0, box.selectionStart).match(WORD)?.[0] ?? "";
    let found = [];
    function take(word) {
      const at = box.selectionStart;
      box.setRangeText(word, at - started().length, at, "end");
      show();
      box.focus();
    }
    function show() {
      const start = started().toLowerCase();
      found = start.length < 2 ? [] : words.filter((it) => it.toLowerCase().startsWith(start) && it.toLowerCase() !== start).slice(0, 8);
      list.replaceChildren(...found.map((it) => make("li", {}, makeButton("quiet", it, () => take(it)))));
      list.hidden = found.length === 0;
    }
    box.after(list);
    box.addEventListener("input", show);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Tab" && !event.shiftKey && found.length > 0) { event.preventDefault(); take(found[0]); }
      if (event.key === "Escape" && found.length > 0) { event.preventDefault(); found = []; list.hidden = true; }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); box.form.requestSubmit(); }
    });
  }

  const SAVED = "sql-saved";
  const savedSql = () => { try { return JSON.parse(remembered(SAVED)) ?? []; } catch { return []; } };

  function keepSql(place) {
    const box = $("textarea[data-complete]");
    const name = make("input", { type: "text", "aria-label": "Name of the question", placeholder: "Name" });
    const show = () => {
      const entries = savedSql().map((it) => {
        const forget = makeButton("quiet", "Forget", () => { remember(SAVED, JSON.stringify(savedSql().filter((other) => other.name !== it.name))); show(); });
        forget.setAttribute("aria-label", `Forget ${it.name}`);
        return make("li", {}, make("a", { href: `/sql?${new URLSearchParams({ q: it.sql })}` }, it.name), " ", forget);
      });
      const save = makeButton("", "Keep the question", () => {
        const sql = box.value.trim();
        const title = name.value.trim() || sql.split("\n")[0].slice(0, 80);
        if (!sql) return;
        remember(SAVED, JSON.stringify([...savedSql().filter((it) => it.name !== title), { name: title, sql }]));
        name.value = "";
        show();
      });
      place.replaceChildren(make("h2", {}, "Kept in this browser"), make("ul", { class: "prose" }, ...entries), make("div", { class: "form-actions" }, name, save));
    };
    show();
    place.hidden = false;
  }

  /** A box that scrolls can be scrolled by keys, if it can be focused. */
  function makeReachable(box) {
    if (box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight) return;
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    const name = $("caption, h2, h3", box) ?? $("h2, h3", box.closest("section, .card") ?? box);
    if (!box.hasAttribute("aria-label")) box.setAttribute("aria-label", name?.textContent.trim() || "Scrolls");
  }

  /** Charts hold the colours of the screen; paper is light. */
  function drawForPaper(isPaper) {
    if (isPaper) root.dataset.theme = "light";
    else showTheme();
    drawCharts(document, true);
  }

  function onChange({ target }) {
    if (target.form?.matches("[data-swap][data-auto]") && !target.matches("[data-wait]")) target.form.requestSubmit();
  }

  function onLeave({ target }) {
    const isChanged = target.matches?.("[data-wait]") && target.value !== target.defaultValue;
    if (isChanged && target.form?.matches("[data-swap][data-auto]")) target.form.requestSubmit();
  }

  const on = (target, name, run) => target.addEventListener(name, run);
  root.classList.add("js");
  showTheme();
  on(document, "DOMContentLoaded", () => { showTheme(); enhance(document); listen(); });
  on(document, "visibilitychange", listen);
  on(document, "keydown", onKey);
  on(document, "click", onClick);
  on(document, "submit", onSubmit);
  on(document, "pointerover", (event) => light(event.target));
  on(document, "focusin", (event) => light(event.target));
  on(document, "focusout", () => light(null));
  on(document, "focusout", onLeave);
  on(document, "input", (event) => { if (event.target.matches("[data-filter-table]")) filterRows(event.target); });
  on(document, "change", onChange);
  on(window, "popstate", (event) => { if (event.state?.swap) visit(location.href, event.state.swap, false); });
  on(window, "beforeunload", (event) => { if (!leaving && $$("form[data-dirty-guard]").some(isDirty)) event.preventDefault(); });
  on(window, "pageshow", onPageShow);
  on(window, "beforeprint", () => drawForPaper(true));
  on(window, "afterprint", () => drawForPaper(false));
  on(window, "pagehide", () => { events = events?.close(); });
  on(window.matchMedia("(prefers-color-scheme: dark)"), "change", () => drawCharts(document, true));
})();
