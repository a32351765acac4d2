/* The map as it is shown, on a canvas of its own: for a picture to take away, and for one printed page. */
"use strict";

function seabedSheet(app, { swipe, inside }) {
  const { map, data, state, word, words, make, number } = app, container = map.getContainer(), $ = (id) => document.getElementById(id);
  const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Hiragino Sans", "Yu Gothic UI", Meiryo, "Noto Sans CJK JP", "Noto Sans JP", sans-serif';
  const INK = "#14222e", SOFT = "#52636f";

  /* ---------- shapes of SVG on a canvas ---------- */
  function patternOf(context, id, scale) {
    const source = document.getElementById(id), side = Number(source.getAttribute("width")), tile = make("canvas", { width: side * scale, height: side * scale }), on = tile.getContext("2d");
    on.scale(scale, scale);
    for (const mark of source.children) {
      on.strokeStyle = mark.getAttribute("stroke");
      on.lineWidth = Number(mark.getAttribute("stroke-width"));
      on.stroke(new Path2D(mark.getAttribute("d")));
    }
    const pattern = context.createPattern(tile, "repeat");
    pattern.setTransform(new DOMMatrix().scale(1 / scale));
    return pattern;
  }
  function inkOf(context, text, scale) {
    const found = /^url\(["']?#([\w-]+)["']?\)$/.exec(text);
    return found ? patternOf(context, found[1], scale) : text;
  }
  function paintShape(context, shape, scale) {
    const style = getComputedStyle(shape), get = (name, otherwise) => Number(shape.getAttribute(name) ?? otherwise), [fill, stroke] = ["fill", "stroke"].map((name) => shape.getAttribute(name) ?? (name === "fill" ? style.fill : "none"));
    let path;
    if (shape.tagName === "path") path = new Path2D(shape.getAttribute("d"));
    else {
      path = new Path2D();
      if (shape.tagName === "rect") path.rect(get("x", 0), get("y", 0), get("width", 0), get("height", 0));
      if (shape.tagName === "circle") path.arc(get("cx", 0), get("cy", 0), get("r", 0), 0, 2 * Math.PI);
      if (shape.tagName === "line") { path.moveTo(get("x1", 0), get("y1", 0)); path.lineTo(get("x2", 0), get("y2", 0)); }
    }
    context.save();
    context.globalAlpha = get("opacity", 1);
    if (shape.tagName === "text") {
      context.font = `${shape.getAttribute("font-weight") ?? 400} ${shape.getAttribute("font-size") ?? 11}px ${FONT}`;
      context.textAlign = shape.getAttribute("text-anchor") === "middle" ? "center" : "left";
      context.fillStyle = fill;
      context.fillText(shape.textContent, get("x", 0), get("y", 0));
    } else {
      const opacity = context.globalAlpha;
      if (fill !== "none" && shape.tagName !== "line") {
        context.fillStyle = inkOf(context, fill, scale);
        context.globalAlpha = opacity * get("fill-opacity", 1);
        context.fill(path, shape.getAttribute("fill-rule") ?? "nonzero");
      }
      if (stroke !== "none") {
        context.strokeStyle = stroke;
        context.globalAlpha = opacity * get("stroke-opacity", 1);
        context.lineWidth = get("stroke-width", 1);
        context.lineJoin = "round";
        context.setLineDash((shape.getAttribute("stroke-dasharray") ?? "").split(/[\s,]+/).filter((part) => part).map(Number));
        context.stroke(path);
      }
    }
    context.restore();
  }
  function paintMark(context, mark, frame) { // a label or a sign of the map
    const told = mark.querySelector("span") ?? mark, box = told.getBoundingClientRect(), style = getComputedStyle(told), holder = getComputedStyle(mark), x = box.left - frame.left, y = box.top - frame.top;
    if (box.width === 0) return;
    const round = mark.classList.contains("next") || mark.classList.contains("vertex"), outer = mark.getBoundingClientRect();
    if (round) {
      const small = mark.classList.contains("vertex") ? 5 : outer.width / 2;
      context.beginPath();
      context.arc(outer.left - frame.left + outer.width / 2, outer.top - frame.top + outer.height / 2, small, 0, 2 * Math.PI);
      context.fillStyle = mark.classList.contains("vertex") ? "#fff" : holder.backgroundColor;
      context.fill();
      context.lineWidth = 2;
      context.strokeStyle = mark.classList.contains("vertex") ? "#8a1c5b" : "#fff";
      context.stroke();
      if (mark.classList.contains("vertex")) return;
    } else if (style.backgroundColor !== "rgba(0, 0, 0, 0)") {
      context.fillStyle = style.backgroundColor;
      context.fillRect(x, y, box.width, box.height);
    }
    context.font = `${style.fontWeight} ${style.fontSize} ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    if (!round && style.backgroundColor === "rgba(0, 0, 0, 0)") {
      context.lineWidth = 3;
      context.strokeStyle = "#fff";
      context.strokeText(told.textContent, x + box.width / 2, y + box.height / 2);
    }
    context.fillStyle = style.color;
    context.fillText(told.textContent, x + box.width / 2, y + box.height / 2);
  }

  /* Canvas of the map alone, `scale` pixels to each of the screen. */
  function picture(scale) {
    const size = map.getSize(), canvas = make("canvas", { width: Math.round(size.x * scale), height: Math.round(size.y * scale) }), context = canvas.getContext("2d"), frame = container.getBoundingClientRect();
    context.scale(scale, scale);
    context.fillStyle = "#c3cad0";
    context.fillRect(0, 0, size.x, size.y);
    const put = (image, box) => {
      const from = map.latLngToContainerPoint(box.getNorthWest()), to = map.latLngToContainerPoint(box.getSouthEast());
      context.drawImage(image, from.x, from.y, to.x - from.x, to.y - from.y);
    };
    const relief = app.handles.relief;
    if (map.hasLayer(relief)) put(relief.getElement(), relief.getBounds());
    if (app.shown.has("grade")) {
      const divided = swipe(), parts = divided ? [[app.raster().getElement(), 0, divided.share * size.x], [divided.canvas, divided.share * size.x, size.x]] : [[app.raster().getElement(), 0, size.x]];
      context.imageSmoothingEnabled = false;
      context.globalAlpha = state.opacity;
      for (const [image, from, to] of parts) {
        context.save();
        context.beginPath();
        context.rect(from, 0, to - from, size.y);
        context.clip();
        put(image, app.frame.box);
        context.restore();
      }
      context.globalAlpha = 1;
      context.imageSmoothingEnabled = true;
      if (divided) {
        context.fillStyle = "#fff";
        context.fillRect(divided.share * size.x - 2, 0, 4, size.y);
        context.fillStyle = INK;
        context.fillRect(divided.share * size.x - 0.75, 0, 1.5, size.y);
        for (const name of container.querySelectorAll(".swipe .side")) chip(context, name, frame);
      }
    }
    const origin = map.layerPointToContainerPoint([0, 0]);
    context.save();
    context.translate(origin.x, origin.y);
    const panes = Object.values(map.getPanes()).filter((pane) => pane.querySelector(":scope > svg")).sort((one, other) => getComputedStyle(one).zIndex - getComputedStyle(other).zIndex);
    for (const pane of panes) for (const path of pane.querySelectorAll(":scope > svg path")) if (path.getAttribute("d")) paintShape(context, path, scale);
    context.restore();
    for (const pane of ["markerPane", "tools"]) for (const mark of map.getPane(pane)?.children ?? []) if (mark.tagName === "DIV") paintMark(context, mark, frame);
    paintScale(context, size, frame);
    return canvas;
  }
  function chip(context, name, frame) {
    const box = name.getBoundingClientRect();
    if (box.width === 0) return;
    context.fillStyle = "rgba(255, 255, 255, .94)";
    context.beginPath();
    context.roundRect(box.left - frame.left, box.top - frame.top, box.width, box.height, 6);
    context.fill();
    context.fillStyle = INK;
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const part of name.children) {
      const inner = part.getBoundingClientRect(), style = getComputedStyle(part);
      context.font = `${style.fontWeight} ${style.fontSize} ${FONT}`;
      context.fillText(part.textContent, inner.left - frame.left, inner.top - frame.top + inner.height / 2);
    }
  }
  function paintScale(context, size) {
    const bar = container.querySelector(".leaflet-control-scale-line"), wide = parseFloat(bar.style.width), [left, top] = [14, size.y - 16];
    context.fillStyle = "rgba(255, 255, 255, .88)";
    context.fillRect(left - 5, top - 20, wide + 10, 28);
    context.strokeStyle = INK;
    context.lineWidth = 1.5;
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(left, top - 6);
    context.lineTo(left, top);
    context.lineTo(left + wide, top);
    context.lineTo(left + wide, top - 6);
    context.stroke();
    context.fillStyle = INK;
    context.font = `12px ${FONT}`;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillText(bar.textContent, left + 4, top - 6);
  }

  /* ---------- what stands around it ---------- */
  const cutText = () => { const cut = app.element().cutoffs[state.cut]; return cut === 0 ? word("tool_no_cutoff") : `${word("cutoff")} ${word("over", { value: number(cut) })}`; };
  const heading = () => word("heading");
  const banner = () => ("banner" in words ? [word("banner_head"), word("banner"), word("banner_tail")] : null);
  const kind = () => word("tool_kind", { kind: word("tool_kind_here") });
  const link = () => `${location.pathname.split("/").pop()}${app.hash()}`;
  const sources = () => `${kind()} ${word("about_made")}`;
  function withoutIds(node) {
    const copy = node.cloneNode(true);
    for (const one of [copy, ...copy.querySelectorAll("[id]")]) one.removeAttribute("id");
    for (const one of copy.querySelectorAll("details")) one.open = true;
    return copy;
  }
  /* Text cut into lines that fit: at spaces, or after any letter where a language has none, never before a closing mark. */
  function lines(context, text, width) {
    const out = [];
    let now = "";
    for (const piece of text.match(/(?:[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+\s*)[、。，．）」』】〉》！？：；]*|\s+/g) ?? []) {
      if (now && context.measureText(now + piece.trimEnd()).width > width) { out.push(now.trimEnd()); now = ""; }
      now += piece;
    }
    return now ? [...out, now.trimEnd()] : out;
  }

  /* ---------- the picture: title, banner, map, legend, figures, statement ---------- */
  function whole(scale = 2) {
    const size = map.getSize(), side = 344, edge = 16, inner = side - 2 * edge, wide = size.x + side, probe = make("canvas").getContext("2d");
    const legend = legendParts(probe, inner), figures = figureParts(probe, inner), column = edge + [...legend, ...figures].reduce((sum, part) => sum + part.height, 0) + edge;
    probe.font = `13px ${FONT}`;
    const warning = banner() === null ? [] : lines(probe, banner().join(state.lang === "ja" ? "　" : "  "), wide - 2 * edge);
    probe.font = `12px ${FONT}`;
    const foot = [`${word("statement")} ${sources()}`, link()].flatMap((text) => lines(probe, text, wide - 2 * edge));
    const head = 58, alarm = warning.length ? 12 + 18 * warning.length : 0, body = Math.max(size.y, column), tall = head + alarm + body + 14 + 17 * foot.length;
    const canvas = make("canvas", { width: Math.round(wide * scale), height: Math.round(tall * scale) }), context = canvas.getContext("2d");
    context.scale(scale, scale);
    const write = (text, x, y, font, ink = INK, align = "left") => { context.font = `${font} ${FONT}`; context.fillStyle = ink; context.textAlign = align; context.textBaseline = "alphabetic"; context.fillText(text, x, y); };
    context.fillStyle = "#fff";
    context.fillRect(0, 0, wide, tall);
    context.fillStyle = "#10293d";
    context.fillRect(0, 0, wide, head);
    write(heading(), edge, 25, "650 18px", "#fff");
    context.font = `13px ${FONT}`;
    write(lines(context, data.title, wide - 2 * edge)[0] ?? "", edge, 46, "13px", "#b9cddc");
    if (alarm) {
      context.fillStyle = "#ffd35c";
      context.fillRect(0, head, wide, alarm);
      warning.forEach((text, i) => write(text, edge, head + 19 + 18 * i, "13px", "#3d2b00"));
    }
    context.drawImage(picture(scale), 0, head + alarm, size.x, size.y);
    let y = head + alarm + edge;
    for (const part of [...legend, ...figures]) {
      part.paint(context, size.x + edge, y, write);
      y += part.height;
    }
    foot.forEach((text, i) => write(text, edge, head + alarm + body + 18 + 17 * i, "12px", SOFT));
    return canvas;
  }
  const textPart = (probe, text, width, font, leading, ink) => {
    probe.font = `${font} ${FONT}`;
    const cut = lines(probe, text, width);
    return { height: leading * cut.length, paint: (context, x, y, write) => cut.forEach((one, i) => write(one, x, y + leading * (i + 0.72), font, ink)) };
  };
  const space = (height) => ({ height, paint() {} });
  function legendParts(probe, width) {
    const parts = [], title = app.legend.querySelector(".legend-title"), ticks = [...app.legend.querySelectorAll(".ticks span")];
    if (title !== null) {
      parts.push(textPart(probe, title.textContent, width, "600 13px", 18), textPart(probe, `${app.legend.querySelector(".where").textContent} · ${cutText()}`, width, "12.5px", 18, SOFT), space(4));
      parts.push({ height: 36, paint(context, x, y, write) {
        const scale = app.scaleOf(state.statistic), gradient = context.createLinearGradient(x, 0, x + width, 0);
        scale.forEach((rgb, i) => gradient.addColorStop(i / (scale.length - 1), app.css(rgb)));
        context.fillStyle = gradient;
        context.fillRect(x, y, width, 13);
        for (const tick of ticks) {
          const along = parseFloat(tick.style.left) / 100;
          write(tick.textContent, x + along * width, y + 27, "12px", INK, along < 0.02 ? "left" : along > 0.98 ? "right" : "center");
        }
      } });
    }
    for (const item of app.legend.querySelectorAll("li")) {
      probe.font = `12px ${FONT}`;
      const cut = lines(probe, item.querySelector("span").textContent, width - 30), shapes = item.querySelector("svg");
      parts.push({ height: 16 * cut.length + 4, paint(context, x, y, write) {
        context.save();
        context.translate(x, y + 1);
        context.beginPath();
        context.rect(0, 0, 22, 12);
        context.clip();
        for (const shape of shapes?.children ?? []) paintShape(context, shape, 2);
        context.restore();
        cut.forEach((text, i) => write(text, x + 30, y + 11 + 16 * i, "12px", "#33444f"));
      } });
    }
    return parts;
  }
  const regionText = () => `${$("region").selectedOptions[0]?.textContent ?? ""} · ${cutText()}`;
  function figureParts(probe, width) {
    const drawn = inside(), parts = tableParts(probe, width, $("in-place").textContent, regionText(), $("figures"), [...$("figures-notes").children]);
    return drawn === null ? parts : [...parts, ...tableParts(probe, width, word("tool_polygon"), drawn[0].textContent, drawn.find((one) => one.tagName === "TABLE"), drawn.slice(2))];
  }
  function tableParts(probe, width, title, where, table, notes) {
    const parts = [space(14), textPart(probe, title, width, "650 13px", 19), textPart(probe, where, width, "12.5px", 18, SOFT), space(4)];
    const rows = [...table.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => cell.textContent));
    for (const [i, row] of rows.entries()) {
      parts.push({ height: 21, paint(context, x, y, write) {
        context.fillStyle = "#e3e9ed";
        context.fillRect(x, y + 20, width, 1);
        write(row[0] ?? "", x, y + 14, "12.5px", SOFT);
        write(row[1] ?? "", x + (row.length > 2 ? width * 0.54 : width), y + 14, i ? "650 13px" : "11.5px", i ? INK : SOFT, "right");
        if (row.length > 2) write(row[2], x + width, y + 14, i ? "12px" : "11.5px", i ? INK : SOFT, "right");
      } });
    }
    return [...parts, space(6), ...notes.flatMap((one) => [textPart(probe, one.textContent, width, "11.5px", 16, SOFT), space(3)])];
  }

  /* ---------- one printed page ---------- */
  let page = null;
  function lay() {
    clear();
    const canvas = picture(3), warning = banner(), image = make("div", { class: "sheet-map" }, canvas);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", heading());
    const drawn = inside(), ofPolygon = drawn === null ? [withoutIds($("figures-notes"))] : [make("h2", {}, word("tool_polygon")), ...drawn.map(withoutIds)];
    page = make("section", { class: "sheet", lang: state.lang },
      make("header", {}, make("h1", {}, heading()), make("p", {}, data.title)),
      ...(warning ? [make("p", { class: "sheet-banner" }, make("strong", {}, warning[0]), " ", ...warning.slice(1).join(" "))] : []),
      make("div", { class: "sheet-body" }, image, make("div", { class: "sheet-side" }, make("div", { class: "sheet-fit" }, withoutIds(app.legend), make("h2", {}, $("in-place").textContent), make("p", { class: "where" }, regionText()), withoutIds($("figures")), ...ofPolygon))),
      make("footer", {}, make("strong", {}, word("statement")), ` ${sources()} `, make("span", { class: "sheet-link" }, link())));
    document.body.append(page);
    document.body.classList.add("printing");
    // A long legend is set smaller, so that nothing of it is lost.
    const fit = page.querySelector(".sheet-fit");
    for (let share = 1; share > 0.5 && fit.scrollHeight * share > fit.parentElement.clientHeight; share -= 0.03) Object.assign(fit.style, { transform: `scale(${share - 0.03})`, width: `${100 / (share - 0.03)}%` });
  }
  function clear() {
    page?.remove();
    page = null;
    document.body.classList.remove("printing");
  }
  return { picture: whole, map: picture, lay, clear };
}
