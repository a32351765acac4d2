/* Each number says where it comes from: a click, or Enter on it, opens a panel told from the data of the page alone.
   Each part of the page has one stop of the Tab key; from there the arrow keys lead from number to number. */
"use strict";
(() => {
  const origin = JSON.parse(document.getElementById("origin").textContent);
  const NUMBERS = "data, [data-n], [data-figure]";
  const PARTS = "main section, .facts, .notice, header.head";
  const words = (key) => origin.words[key][document.documentElement.lang] ?? origin.words[key].en;
  const said = (text) => text[document.documentElement.lang] ?? text.en;
  const madeBy = new Map(origin.rules.flatMap((rule) => rule.makes.map((name) => [name, rule])));

  // --- what a number is called, and where it stands

  const placeOf = (number) => {
    const at = number.closest("[data-at]");
    if (!at) return [];
    const place = [at.dataset.at];
    const cell = number.closest("td, th");
    if (!cell || cell === at || !at.contains(cell)) return place;
    if (cell.closest("thead, tbody").tagName === "TBODY") place.push(cell.parentElement.sectionRowIndex + 1);
    return [...place, cell.cellIndex + 1];
  };
  const nameOf = (number) => number.dataset.figure ?? (number.dataset.name && number.closest("[data-under]").dataset.under + number.dataset.name) ?? [origin.page, ...placeOf(number), number.dataset.n ?? 1].join("/");
  const textOf = (node) => [...node.childNodes].map((child) => {
    if (child.nodeType === Node.TEXT_NODE) return child.data;
    if (child.nodeType !== Node.ELEMENT_NODE || ["svg", "SCRIPT", "STYLE"].includes(child.tagName)) return "";
    return child.lang && child.lang !== document.documentElement.lang ? "" : textOf(child);
  }).join("");
  const short = (node) => textOf(node).replace(/\s+/g, " ").trim();
  const aroundOf = (number) => {
    const cell = number.closest("td, th"), table = number.closest("table");
    if (cell && table) {
      const head = table.tHead?.rows[0]?.cells[cell.cellIndex], first = cell.parentElement.cells[0];
      return [table.caption, first === cell ? null : first, cell.closest("thead") ? cell : head].filter(Boolean).map(short).filter(Boolean).join(" | ");
    }
    return short(number.closest("[data-at], p, li, dd") ?? number).slice(0, 400);
  };

  // --- what stands behind it

  const behind = (products, inputs = [], settings = []) => {
    const order = new Set();
    let waiting = products.filter((name) => madeBy.has(name));
    while (waiting.length) {
      waiting.forEach((name) => order.add(name));
      waiting = [...new Set(waiting.flatMap((name) => madeBy.get(name).from))].filter((name) => madeBy.has(name) && !order.has(name));
    }
    const rules = [...order].map((name) => madeBy.get(name));
    return {
      products: [...order],
      inputs: new Set([...inputs, ...rules.flatMap((rule) => rule.inputs)]),
      settings: [...new Set([...settings, ...rules.flatMap((rule) => rule.settings)])].sort(),
    };
  };
  const rangesOf = (rows) => {
    const parts = [];
    for (const row of [...new Set(rows)].sort((one, other) => one - other)) {
      const last = parts.at(-1);
      if (last && last[1] === row - 1) last[1] = row;
      else parts.push([row, row]);
    }
    return parts.map(([start, end]) => (start === end ? `${start}` : `${start}-${end}`)).join(", ");
  };
  const inputsOf = (above, ids) => {
    // Check assays enter no estimate: only what is made from the samples themselves names them.
    const checks = above.products[0] === "samples.parquet"
      || above.products.some((name) => name !== "composites.parquet" && madeBy.get(name).from.includes("samples.parquet"));
    return origin.inputs.filter((file) => above.inputs.has(file.folder)).flatMap((file) => {
      if (ids && Object.keys(file.ids).length) {
        const rows = Object.entries(file.ids).filter(([name]) => ids.some((begin) => name.startsWith(begin))).map(([, row]) => row);
        return rows.length ? [{ ...file, told: rangesOf(rows) }] : [];
      }
      if (!checks && file.check_assay_rows && !file.sample_rows) return [];
      const all = Object.values(file.ids);
      const told = all.length ? rangesOf(all) : [file.sample_rows, checks ? file.check_assay_rows : ""].filter(Boolean).join(", ");
      return [{ ...file, told }];
    });
  };
  const explained = (number) => {
    const name = nameOf(number), parts = name.split("/"), head = parts[0], column = parts.at(-1);
    const table = origin.tables[head], told = table?.columns[column];
    if (told) {
      const formula = `${said(told.formula)}; ${said(table.note)}`;
      const ids = head === "supply" ? origin.published[`${parts[4]}/${parts[5]}`] : undefined;
      return { name, unit: told.unit, formula, from: [table.file], ...behind([table.file]), ids };
    }
    if (origin.facts[name]) {
      const fact = origin.facts[name];
      return { name, unit: "", formula: said(fact.formula), from: [fact.product], ...behind([fact.product]) };
    }
    if (head === "settings") return { name, unit: "", formula: words("setting"), from: [], ...behind([], [], [parts[1]]), key: parts[2] };
    const formula = origin.products[head.startsWith("variogram_") ? "variogram" : head];
    if (formula && (number.dataset.figure || number.dataset.name)) return { name, unit: "", formula: said(formula), from: [`${head}.json`], ...behind([`${head}.json`]) };
    const rule = madeBy.get(`${origin.page}.html`) ?? { from: [], inputs: [], settings: [] };
    const reads = origin.places[parts[1]] ?? { products: rule.from, inputs: rule.inputs, settings: rule.settings };
    return { name, unit: "", formula: words("on_page"), from: reads.products, ...behind(reads.products, reads.inputs, reads.settings), where: aroundOf(number) };
  };

  // --- the panel

  const made = (tag, text = "", name = "") => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (name) node.className = name;
    return node;
  };
  const panel = made("dialog", "", "origin");
  panel.setAttribute("aria-labelledby", "origin-title");
  document.body.append(panel);
  panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });

  const folded = (title, node) => {
    const details = made("details");
    details.append(made("summary", title), node);
    return details;
  };
  const filesTable = (files) => {
    const table = made("table"), head = table.createTHead().insertRow();
    for (const title of [words("file"), words("rows"), "sha256"]) {
      const cell = made("th", title);
      cell.scope = "col";
      head.append(cell);
    }
    const body = table.createTBody();
    for (const file of files) {
      const row = body.insertRow();
      row.append(made("td", file.file), made("td", file.told || words("whole")), made("td"));
      row.lastElementChild.append(made("code", file.sha256));
    }
    return table;
  };
  const open = (number) => {
    const about = explained(number), list = made("dl"), files = inputsOf(about, about.ids);
    const tell = (key, ...nodes) => {
      const pair = made("div"), dd = made("dd");
      dd.append(...nodes);
      pair.append(made("dt", words(key)), dd);
      list.append(pair);
    };
    const shown = short(number), exact = number.getAttribute("value");
    tell(exact ? "value" : "shown", made("span", [exact ?? shown, about.unit].filter(Boolean).join(" "), "origin-value"));
    if (exact) tell("shown", shown);
    tell("id", made("code", about.name));
    tell("where", about.where ?? aroundOf(number));
    tell("formula", about.formula);
    if (about.from.length) tell("products", about.from.join(", "));
    if (about.products.length) {
      const chain = made("ol");
      for (const name of about.products) chain.append(made("li", `${name} ← ${madeBy.get(name).stage} ← ${madeBy.get(name).from.join(", ") || words("raw")}`));
      tell("chain", folded(`${about.products.length}`, chain));
    }
    if (files.length) tell("inputs", filesTable(files), ...(origin.more ? [made("p", words("more").replace("{count}", origin.more))] : []));
    const settings = made("ul");
    for (const section of about.settings) {
      for (const [key, value] of Object.entries(origin.settings[section] ?? {})) {
        if (!about.key || about.key === key) settings.append(made("li", `[${section}] ${key} = ${JSON.stringify(value)}`));
      }
    }
    if (settings.children.length) tell("settings", folded(`${settings.children.length}`, settings));
    tell("code", made("code", origin.code));
    tell("command", made("code", `python -m pipeline explain '${about.name}'`));
    const head = made("div", "", "origin-head"), title = made("h2", words("title")), close = made("button", words("close"));
    title.id = "origin-title";
    close.type = "button";
    close.addEventListener("click", () => panel.close());
    head.append(title, close);
    const body = made("div", "", "origin-body");
    body.append(list);
    panel.replaceChildren(head, body);
    panel.lang = document.documentElement.lang;
    panel.showModal();
    close.focus();
    panel.scrollTop = 0;
  };

  // --- mouse and keyboard

  document.addEventListener("click", (event) => {
    const number = event.target.closest?.(NUMBERS);
    if (number && !getSelection().toString() && !number.closest("a, button, summary")) open(number);
  });
  const visible = (number) => number.getClientRects().length > 0 && !number.closest("a, button, summary");
  const stop = (part, number) => {
    for (const old of part.querySelectorAll("[data-stop]")) {
      for (const name of ["data-stop", "tabindex", "role"]) old.removeAttribute(name);
    }
    if (!number) return;
    number.dataset.stop = "";
    number.tabIndex = 0;
    number.setAttribute("role", "button");
  };
  const numbersIn = (part) => [...part.querySelectorAll(NUMBERS)].filter((number) => number.closest(PARTS) === part);
  const renew = () => {
    for (const part of document.querySelectorAll(PARTS)) {
      const stopped = part.querySelector("[data-stop]");
      if (!stopped || !visible(stopped)) stop(part, numbersIn(part).find(visible));
    }
  };
  const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  document.addEventListener("keydown", (event) => {
    const number = event.target.closest?.("[data-stop]");
    if (!number || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(number);
      return;
    }
    const part = number.closest(PARTS), all = numbersIn(part).filter(visible), at = all.indexOf(number);
    const next = event.key === "Home" ? all[0] : event.key === "End" ? all.at(-1) : all[at + (STEPS[event.key] ?? NaN)];
    if (!next) return;
    event.preventDefault();
    stop(part, next);
    next.focus();
  });
  new MutationObserver(renew).observe(document.documentElement, { attributeFilter: ["lang"] });
  document.addEventListener("toggle", renew, true);
  document.addEventListener("click", () => setTimeout(renew));
  renew();
})();
