/* The map's panel. Data arrive in JSON blocks; everything a person wrote is shown with textContent, never as markup. */
"use strict";

function seabedMap(handles) {
  const NOTHING = 65535, SVG = "http://www.w3.org/2000/svg";
  const $ = (id) => document.getElementById(id);
  const block = (id) => JSON.parse($(id).textContent);
  const data = block("map-data"), words = block("words"), map = handles.map;
  const state = { lang: "en", statistic: "grade", layer: 0, cut: 0, region: 0, opacity: data.opacity };
  let cells = null, lookup = null, highest = null; // unpacked after the first paint

  /* ---------- words and numbers ---------- */
  // Once, and own names only: what is filled in may hold braces, and every object has a "constructor".
  const word = (key, values = {}) =>
    words[key][state.lang].replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
  const locale = () => (state.lang === "ja" ? "ja-JP" : "en-US");
  const number = (value, digits = 4) => new Intl.NumberFormat(locale(), { maximumSignificantDigits: digits }).format(value);
  const fixed = (value, decimals) =>
    new Intl.NumberFormat(locale(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
  const ppm = (value) => fixed(value, data.step_ppm < 0.1 ? 2 : data.step_ppm < 1 ? 1 : 0);

  function tidy(span, parts) { // round step that cuts a span into no more than about so many parts
    const raw = span / parts, size = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((k) => k * size).find((step) => step >= raw * 0.999);
  }

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  function draw(tag, attributes = {}, text = null) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== null) element.textContent = text;
    return element;
  }

  /* ---------- packed arrays ---------- */
  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const halves = new Uint8Array(await new Response(stream).arrayBuffer());
    const count = halves.length / 2, values = new Uint16Array(count);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      sum = (sum + halves[i] + 256 * halves[count + i]) & 65535;
      values[i] = sum;
    }
    return values;
  }

  /* ---------- colours ---------- */
  const tables = {};
  for (const [name, hex] of Object.entries(data.colours)) {
    tables[name] = [];
    for (let i = 0; i < hex.length; i += 6) tables[name].push([0, 2, 4].map((k) => parseInt(hex.slice(i + k, i + k + 2), 16)));
  }
  const limits = () => data.limits[state.statistic][state.layer === 0 ? 0 : 1];
  function colour(value, statistic = state.statistic) {
    const [low, high] = limits(), table = tables[statistic];
    const share = Math.min(Math.max((value - low) / (high - low), 0), 1);
    return table[Math.round(share * (table.length - 1))];
  }
  const css = (rgb) => `rgb(${rgb[0]}, ${rgb[1]}, ${rgb[2]})`;

  /* ---------- the estimate ---------- */
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = data.size;
  const count = data.cells[0] * data.cells[1];
  const band = (statistic, layer) => cells.subarray((2 * layer + (statistic === "sd" ? 1 : 0)) * count, (2 * layer + (statistic === "sd" ? 1 : 0) + 1) * count);

  function paint() {
    if (cells === null) return;
    const values = band(state.statistic, state.layer);
    const tested = state.layer === 0 ? highest : band("grade", state.layer);
    const least = data.cutoffs[state.cut] / data.step_ppm - 1e-6;
    const paints = new Uint32Array(count), view = new DataView(paints.buffer);
    for (let cell = 0; cell < count; cell++) {
      if (values[cell] === NOTHING) continue;
      if (tested[cell] === NOTHING || tested[cell] < least) view.setUint32(4 * cell, 0x5f6a7366); // grey, see-through
      else {
        const [red, green, blue] = colour(values[cell] * data.step_ppm);
        view.setUint32(4 * cell, ((red << 24) | (green << 16) | (blue << 8) | 255) >>> 0);
      }
    }
    const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer), total = pixels.length;
    for (let i = 0; i < total; i++) if (lookup[i] !== NOTHING) pixels[i] = paints[lookup[i] * data.cells[1] + lookup[total + i]];
    context.putImageData(image, 0, 0);
    handles.grade.setUrl(canvas.toDataURL());
  }

  function cellAt(position) {
    if (lookup === null) return -1;
    const project = (latitude, longitude) => L.Projection.SphericalMercator.project(L.latLng(latitude, longitude));
    const low = project(data.bounds[0][0], data.bounds[0][1]), high = project(data.bounds[1][0], data.bounds[1][1]);
    const at = project(position.lat, position.lng);
    const column = Math.floor(((at.x - low.x) / (high.x - low.x)) * data.size[1]), row = Math.floor(((high.y - at.y) / (high.y - low.y)) * data.size[0]);
    if (row < 0 || column < 0 || row >= data.size[0] || column >= data.size[1]) return -1;
    const pixel = row * data.size[1] + column;
    return lookup[pixel] === NOTHING ? -1 : lookup[pixel] * data.cells[1] + lookup[data.size[0] * data.size[1] + pixel];
  }

  /* ---------- controls on the map ---------- */
  function control(position, element) {
    const holder = L.control({ position });
    holder.onAdd = () => element;
    holder.addTo(map);
    return element;
  }
  const chip = control("topright", make("div", { class: "chip", id: "readout", "aria-live": "off" }));
  function degrees(position) {
    const side = (value, positive, negative) => `${fixed(Math.abs(value), 4)}° ${value < 0 ? negative : positive}`;
    const longitude = ((((position.lng + 180) % 360) + 360) % 360) - 180;
    return `${side(position.lat, "N", "S")}  ${side(longitude, "E", "W")}`;
  }
  let pointed = null;
  function read() {
    chip.replaceChildren();
    if (pointed === null) return chip.append(word("point"));
    const cell = cellAt(pointed), value = cell < 0 ? NOTHING : band("grade", state.layer)[cell], head = make("b");
    head.textContent = value === NOTHING ? word("outside")
      : word("here", { grade: ppm(value * data.step_ppm), sd: ppm(band("sd", state.layer)[cell] * data.step_ppm) });
    chip.append(head, degrees(pointed));
  }
  map.on("mousemove click", (event) => { pointed = event.latlng; read(); });

  const legend = control("bottomright", make("div", { class: "legend", id: "legend" }));
  L.DomEvent.disableClickPropagation(legend);
  function showLegend() {
    const [low, high] = limits(), table = tables[state.statistic];
    const bar = make("div", { class: "bar" }), ticks = make("div", { class: "ticks", id: "ticks" });
    bar.style.background = `linear-gradient(to right, ${table.filter((_, i) => i % 11 === 0).map(css).join(", ")})`;
    const step = tidy(high - low, 6);
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
      const tick = make("span", {}, number(k * step + 0));
      tick.style.left = `${(100 * (k * step - low)) / (high - low)}%`;
      ticks.append(tick);
    }
    const list = make("ul"), dot = make("span", { class: "swatch dot" }), grey = make("span", { class: "swatch" });
    dot.style.background = state.statistic === "sd" ? "#fff" : css(table[Math.round(table.length * 0.55)]);
    grey.style.background = "#7f8a92";
    list.append(make("li", {}, dot, word(state.statistic === "sd" ? "legend_cores_sd" : "legend_cores")));
    if (data.cutoffs[state.cut] > 0) list.append(make("li", { id: "legend-below" }, grey, word(state.layer === 0 ? "legend_below" : "legend_below_layer")));
    list.append(make("li", {}, word("legend_none")));
    legend.replaceChildren(make("p", {}, word(`legend_${state.statistic}`)), make("p", { class: "where" }, depthText()), bar, ticks, list);
  }

  /* The legend covers a corner: leave room below or beside it, whichever shows more. */
  function fit(bounds) {
    const edge = 16, buttons = document.querySelector(".leaflet-top.leaflet-left");
    const besideLegend = [L.point(edge, legend.offsetHeight + 22), L.point(legend.offsetWidth + 22, edge)];
    const besideButtons = [L.point(edge, buttons.offsetHeight + 8), L.point(buttons.offsetWidth + 8, edge)];
    const choices = besideLegend.flatMap((low) => besideButtons.map((high) => ({ low, high, zoom: map.getBoundsZoom(bounds, false, low.add(high)) })));
    const best = choices.reduce((one, other) => (other.zoom > one.zoom ? other : one));
    map.fitBounds(bounds, { paddingTopLeft: best.high, paddingBottomRight: best.low, animate: false });
  }

  const views = control("topleft", make("div", { class: "views", role: "group" }));
  const extents = { region: data.region_bounds, zone: data.zone_bounds };
  for (const [name, bounds] of Object.entries(extents)) {
    const button = make("button", { type: "button", id: `view-${name}` });
    button.addEventListener("click", () => fit(bounds));
    views.append(button);
  }
  L.DomEvent.disableClickPropagation(views);
  L.control.scale({ imperial: false, maxWidth: 110, position: "bottomleft" }).addTo(map);

  /* ---------- other layers ---------- */
  const tag = (position, text, kind) => L.marker(position, {
    interactive: false, keyboard: false, icon: L.divIcon({ className: `tag ${kind}`, html: make("span", {}, text), iconSize: null }),
  });
  function contourLayer(levels) {
    const group = L.layerGroup();
    for (const level of levels) {
      group.addLayer(L.polyline(level.lines, { color: "#1d3442", weight: 0.8, opacity: 0.5, interactive: false, smoothFactor: 0.5 }));
      if (level.label) group.addLayer(tag(level.label, fixed(level.depth_m, 0), "depth"));
    }
    return group;
  }
  const contours = L.layerGroup(), near = contourLayer(data.contours_near), far = contourLayer(data.contours_far);
  let nearZoom = 8;
  function chooseContours() {
    const close = map.getZoom() >= nearZoom && data.contours_near.length > 0;
    contours.clearLayers();
    contours.addLayer(close ? near : far);
  }
  map.on("zoomend", () => { chooseContours(); sizeCores(); });

  const places = L.layerGroup();
  const zoneLabel = () => word(data.island.name ? "zone_label" : "zone_label_unnamed", { island: data.island.name });
  function namePlaces() {
    places.clearLayers();
    if (!data.island) return;
    places.addLayer(tag(data.island.label, zoneLabel(), "zone"));
    places.addLayer(L.circleMarker(data.island.position, { radius: 4, color: "#fff", weight: 1.5, fillColor: "#10293d", fillOpacity: 1, interactive: false }));
    places.addLayer(tag(data.island.position, data.island.name || word("island"), "place"));
  }
  if (handles.zone) handles.zone.bindPopup(() => {
    const content = make("div", { class: "popup" });
    content.append(make("h3", {}, zoneLabel()));
    content.append(make("p", {}, word("zone_area", { area: fixed(data.island.area_km2, 0) })));
    if (data.island.published_km2) content.append(make("p", {}, `${word("zone_published", { area: fixed(data.island.published_km2, 0) })} (${data.island.published_source})`));
    return content;
  });

  const cores = L.layerGroup();
  const markers = data.cores.map((core) => {
    const marker = L.circleMarker([core.latitude_deg, core.longitude_deg], { radius: 7, color: "#fff", weight: 2, opacity: 1, fillOpacity: 1, className: "core", bubblingMouseEvents: false });
    marker.bindPopup(() => popup(core), { minWidth: 268, maxWidth: 300 });
    marker.on("add", () => {
      const element = marker.getElement();
      element.setAttribute("tabindex", "0");
      element.setAttribute("role", "button");
      element.setAttribute("aria-label", `${word("core")} ${core.id}`);
      element.addEventListener("keydown", (event) => {
        if (event.key === "Escape") map.closePopup();
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); marker.openPopup(); }
      });
    });
    cores.addLayer(marker);
    return marker;
  });
  function colourCores() {
    markers.forEach((marker, i) => {
      const value = state.layer === 0 ? data.cores[i].grade_ppm : data.cores[i].layers_ppm[state.layer - 1];
      marker.setStyle({ fillColor: state.statistic === "sd" ? "#fff" : value === null ? "#8b969e" : css(colour(value)), color: state.statistic === "sd" ? "#14222e" : "#fff" });
      if (marker.getElement()) marker.getElement().setAttribute("aria-label", `${word("core")} ${data.cores[i].id}`);
    });
  }

  /* Seen from afar the cores must not hide the estimate. */
  function sizeCores() {
    const far = map.getZoom() < nearZoom;
    for (const marker of markers) marker.setRadius(far ? 2.5 : 7).setStyle({ weight: far ? 0.8 : 2 });
  }

  function popup(core) {
    const content = make("div", { class: "popup" }), list = make("dl");
    content.append(make("h3", {}, `${word("core")} ${core.id}`));
    const row = (key, text, note, values = {}) => {
      const value = make("dd", {}, text);
      if (note) value.append(" ", make("small", {}, note));
      list.append(make("dt", {}, word(key, values)), value);
    };
    const metres = (value, decimals) => (value === null ? word("unknown") : `${fixed(value, decimals)} m`);
    row("position", degrees({ lat: core.latitude_deg, lng: core.longitude_deg }));
    row("water_depth", metres(core.water_depth_m, 0));
    row("penetration", metres(core.penetration_m, 1));
    row("core_grade", core.grade_ppm === null ? word("outside") : `${ppm(core.grade_ppm)} ppm`, core.grade_ppm === null ? "" : word("seen", { share: fixed(100 * core.share, 0) }));
    content.append(list, make("h4", {}, word("profile")), profile(core));
    return content;
  }

  function profile(core) {
    const [width, height, left, top, bottom] = [268, 176, 42, 6, 18];
    const deepest = Math.max(data.bottom_m, ...core.samples.map((sample) => sample[1]));
    const most = Math.max(...core.samples.map((sample) => sample[2]), data.step_ppm);
    const stepX = tidy(most, 4), highest_ppm = Math.ceil(most / stepX) * stepX, stepY = tidy(deepest, 5);
    const x = (value) => left + (value / highest_ppm) * (width - left - 10), y = (value) => top + (value / deepest) * (height - top - bottom);
    const svg = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
    svg.setAttribute("aria-label", word("profile_alt", { count: core.samples.length, high: ppm(most) }));
    svg.append(draw("rect", { x: left, y: y(data.top_m), width: width - left - 10, height: y(data.bottom_m) - y(data.top_m), fill: "#eef3f6" }));
    for (let value = 0; value <= highest_ppm * 1.001; value += stepX) {
      svg.append(draw("line", { x1: x(value), x2: x(value), y1: top, y2: height - bottom, stroke: "#d3dce2" }));
      svg.append(draw("text", { x: x(value), y: height - 5, "text-anchor": "middle" }, number(value)));
    }
    for (let value = 0; value <= deepest * 1.001; value += stepY) {
      svg.append(draw("line", { x1: left - 4, x2: left, y1: y(value), y2: y(value), stroke: "#70818c" }));
      svg.append(draw("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, number(value)));
    }
    for (const [from, to, value] of core.samples)
      svg.append(draw("rect", { x: left, y: y(from), width: Math.max(x(value) - left, 0.8), height: Math.max(y(to) - y(from), 1), fill: "#0a5a8c" }));
    svg.append(draw("line", { x1: left, x2: left, y1: top, y2: height - bottom, stroke: "#70818c" }));
    if (core.penetration_m !== null && core.penetration_m < deepest)
      svg.append(draw("line", { x1: left, x2: width - 10, y1: y(core.penetration_m), y2: y(core.penetration_m), stroke: "#c0392b", "stroke-dasharray": "4 3" }));
    svg.append(draw("text", { x: 10, y: (height - bottom) / 2, transform: `rotate(-90 10 ${(height - bottom) / 2})`, "text-anchor": "middle" }, word("profile_depth")));
    return svg;
  }

  /* ---------- panel ---------- */
  const depthText = () => (state.layer === 0 ? word("whole") : word("layer", { top: number(data.layers[state.layer - 1][0]), bottom: number(data.layers[state.layer - 1][1]) }));

  function showFigures() {
    const row = data.tonnage[state.region].kriged[state.cut], body = $("figures").tBodies[0];
    const line = (key, name, value, unit, scale = 1) => {
      const cell = make("td", { "data-figure": name });
      if (value === null) cell.append(word("empty"));
      else {
        const shown = make("data", { value }, number(value * scale));
        cell.append(shown, " ", make("small", {}, unit));
      }
      body.append(make("tr", {}, make("th", { scope: "row" }, word(key)), cell));
    };
    body.replaceChildren();
    line("area", "area_km2", row.area_km2, "km²");
    line("dry_mud", "dry_mud_t", row.dry_mud_t, word("mt"), 1e-6);
    line("mean_grade", "grade_ppm", row.grade_ppm, "ppm");
    line("metal", "metal_t", row.metal_t, "t");
    if (data.oxide) line("oxide", "oxide_t", row.oxide_t, "t");
  }

  function showRange() {
    const holder = $("range"), total = data.tonnage[state.region].total;
    holder.replaceChildren();
    if (!total) return holder.append(make("p", { class: "small" }, word("range_none")));
    const p = Object.fromEntries(Object.entries(total).map(([statistic, row]) => [statistic, row.metal_t]));
    holder.append(whiskers(p));
    const table = make("table", { class: "figures range", id: "range-table" }), head = make("tr", {}, make("th"));
    head.append(make("th", { scope: "col" }, word("range_metal")));
    if (data.oxide) head.append(make("th", { scope: "col" }, word("range_oxide")));
    table.append(make("thead", {}, head), make("tbody"));
    const line = (key, cells_, main) => {
      const tr = make("tr", main ? { class: "main" } : {}, make("th", { scope: "row" }, word(key)));
      for (const quantity of data.oxide ? ["metal_t", "oxide_t"] : ["metal_t"])
        tr.append(make("td", {}, ...cells_.flatMap((statistic, i) => [...(i ? ["–", make("wbr")] : []), make("data", { value: total[statistic][quantity] ?? "", "data-figure": `${statistic}/${quantity}` }, number(total[statistic][quantity], 3))])));
      table.tBodies[0].append(tr);
    };
    line("low", ["p10"]);
    line("median", ["p50"], true);
    line("high", ["p90"]);
    line("ninety", ["p05", "p95"]);
    holder.append(table, make("p", { class: "small" }, word(state.cut === 0 ? "range_note" : "range_later")));
  }

  function whiskers(p) {
    const svg = draw("svg", { class: "chart", viewBox: "0 0 300 34", role: "img" });
    const shown = Object.fromEntries(Object.entries(p).map(([name, value]) => [name, number(value, 3)]));
    svg.setAttribute("aria-label", word("range_alt", shown));
    const x = (value) => 12 + ((value - p.p05) / Math.max(p.p95 - p.p05, 1e-9)) * 276;
    svg.append(draw("line", { x1: x(p.p05), x2: x(p.p95), y1: 17, y2: 17, stroke: "#6f8797", "stroke-width": 2 }));
    for (const end of [p.p05, p.p95]) svg.append(draw("line", { x1: x(end), x2: x(end), y1: 11, y2: 23, stroke: "#6f8797", "stroke-width": 2 }));
    svg.append(draw("rect", { x: x(p.p10), y: 10, width: x(p.p90) - x(p.p10), height: 14, rx: 3, fill: "#9cc3dd" }));
    svg.append(draw("line", { x1: x(p.p50), x2: x(p.p50), y1: 6, y2: 28, stroke: "#0a3f63", "stroke-width": 3.5, "stroke-linecap": "round" }));
    return svg;
  }

  const shownLayers = {
    grade: [() => map.addLayer(handles.grade), () => map.removeLayer(handles.grade)],
    cores: [() => map.addLayer(cores), () => map.removeLayer(cores)],
    region: [() => map.addLayer(handles.region), () => map.removeLayer(handles.region)],
    contours: [() => map.addLayer(contours), () => map.removeLayer(contours)],
    ...(handles.zone ? { zone: [() => map.addLayer(handles.zone).addLayer(places), () => map.removeLayer(handles.zone).removeLayer(places)] } : {}),
    relief: [() => map.addLayer(handles.relief), () => map.removeLayer(handles.relief)],
  };
  for (const [name, [show, hide]] of Object.entries(shownLayers)) {
    const box = make("input", { type: "checkbox", id: `layer-${name}`, checked: "" });
    box.addEventListener("change", () => {
      if (box.checked) show(); else hide();
      if (name === "relief" && box.checked) handles.relief.bringToBack();
      if (name === "cores" && box.checked) colourCores();
    });
    $("layers").append(make("label", {}, box, make("span", { "data-word": `layer_${name}` })));
  }

  function showAbout() {
    const holder = $("about");
    holder.replaceChildren(...data.about.map(([key, values]) => {
      const filled = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === "number" ? number(value) : typeof value === "string" ? word(value) : value.text]));
      return make("p", {}, ...(key === "statement" ? [make("strong", {}, word(key))] : [word(key, filled)]));
    }));
  }

  function showWords() {
    document.documentElement.lang = state.lang;
    document.title = `${word("page")} · ${data.title}`;
    for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
    $("assessment").textContent = data.title;
    $("start").href = `index.html#lang=${state.lang}`;
    for (const code of ["en", "ja"]) $(`lang-${code}`).setAttribute("aria-pressed", String(code === state.lang));
    $("languages").setAttribute("aria-label", word("language"));
    document.querySelector("nav").setAttribute("aria-label", word("start"));
    $("panel").setAttribute("aria-label", word("panel"));
    map.getContainer().setAttribute("aria-label", word("map"));
    const notices = [];
    if ("banner" in words) notices.push(make("div", { class: "notice", role: "note", id: "banner" }, make("strong", {}, word("banner_head")), make("span", {}, word("banner")), make("span", {}, word("banner_tail"))));
    if ("left_out" in words) notices.push(make("div", { class: "notice rows", role: "note", id: "left-out" }, word("left_out")));
    $("notices").replaceChildren(...notices);
    for (const name of Object.keys(extents)) {
      $(`view-${name}`).textContent = word(`view_${name}`);
      $(`view-${name}`).title = word(`view_${name}_long`);
    }
    for (const side of ["in", "out"]) {
      const button = document.querySelector(`.leaflet-control-zoom-${side}`);
      button.title = word(`zoom_${side}`);
      button.setAttribute("aria-label", word(`zoom_${side}`));
    }
    [...$("region").options].forEach((option, i) => {
      const name = data.tonnage[i].region;
      option.textContent = data.named.includes(name) ? word(name) : name;
    });
    namePlaces();
    showAbout();
  }

  function show(painted = true) {
    $("depth-out").textContent = depthText();
    $("depth").setAttribute("aria-valuetext", depthText());
    const cut = data.cutoffs[state.cut], cutText = cut === 0 ? word("no_cutoff") : word("over", { value: number(cut) });
    $("cutoff-out").textContent = cutText;
    $("cutoff").setAttribute("aria-valuetext", cutText);
    $("opacity-out").textContent = `${Math.round(100 * state.opacity)} %`;
    showFigures();
    showRange();
    showLegend();
    colourCores();
    read();
    if (painted) paint();
    remember();
  }

  /* ---------- deep links ---------- */
  function remember() {
    const parts = { lang: state.lang, stat: state.statistic, layer: state.layer, cut: data.cutoffs[state.cut] };
    const hash = "#" + Object.entries(parts).map(([name, value]) => `${name}=${value}`).join("&");
    try { history.replaceState(null, "", hash); } catch { /* some browsers forbid it on file:// */ }
  }
  function recall() {
    const parts = new URLSearchParams(location.hash.slice(1)), layer = Number(parts.get("layer")), cut = data.cutoffs.indexOf(Number(parts.get("cut")));
    const asked = parts.get("lang") ?? (navigator.language || "en").slice(0, 2);
    state.lang = asked === "ja" ? "ja" : "en";
    if (parts.get("stat") === "sd") state.statistic = "sd";
    if (Number.isInteger(layer) && layer > 0 && layer <= data.layers.length) state.layer = layer;
    if (cut > 0) state.cut = cut;
  }

  /* ---------- start ---------- */
  recall();
  data.tonnage.forEach((_, i) => $("region").append(make("option", { value: i })));
  $("depth").max = data.layers.length;
  $("depth").value = state.layer;
  $("depth-row").hidden = data.layers.length < 2;
  if (data.layers.length < 2) $("depth-row").style.display = "none";
  $("cutoff").max = data.cutoffs.length - 1;
  $("cutoff").value = state.cut;
  $("cutoff").disabled = data.cutoffs.length < 2;
  $("opacity").value = Math.round(100 * state.opacity);
  document.querySelector(`input[name=statistic][value=${state.statistic}]`).checked = true;

  for (const code of ["en", "ja"]) $(`lang-${code}`).addEventListener("click", () => { state.lang = code; map.closePopup(); showWords(); show(false); });
  for (const radio of document.querySelectorAll("input[name=statistic]")) radio.addEventListener("change", () => { state.statistic = radio.value; show(); });
  $("depth").addEventListener("input", () => { state.layer = Number($("depth").value); show(); });
  $("cutoff").addEventListener("input", () => { state.cut = Number($("cutoff").value); show(); });
  $("region").addEventListener("change", () => { state.region = Number($("region").value); showFigures(); showRange(); });
  $("opacity").addEventListener("input", () => {
    state.opacity = Number($("opacity").value) / 100;
    handles.grade.setOpacity(state.opacity);
    $("opacity-out").textContent = `${Math.round(100 * state.opacity)} %`;
  });
  map.on("popupopen", (event) => {
    const close = event.popup.getElement().querySelector(".leaflet-popup-close-button");
    if (close) { close.title = word("close"); close.setAttribute("aria-label", word("close")); }
  });

  if (markers.length <= 300) map.getContainer().classList.add("few");
  map.addLayer(contours).addLayer(cores);
  if (handles.zone) map.addLayer(places);
  // Words first: banner and legend take room from the map.
  map.setView(L.latLngBounds(data.region_bounds).getCenter(), 8, { animate: false });
  showWords();
  showLegend();
  map.invalidateSize(false);
  map.setMaxBounds(L.latLngBounds(data.zone_bounds).pad(0.35));
  fit(data.region_bounds);
  nearZoom = map.getZoom() - 1.2;
  map.setMinZoom(Math.min(map.getBoundsZoom(data.zone_bounds) - 0.75, map.getZoom()));
  chooseContours();
  sizeCores();
  show(false);
  window.seabed = { map, state, handles, markers, cellAt, value: (statistic, layer, cell) => { const v = band(statistic, layer)[cell]; return v === NOTHING ? null : v * data.step_ppm; } };

  // The picture made by the program is on the screen already; the numbers follow.
  Promise.all([unpack(block("map-cells")), unpack(block("map-lookup"))]).then(([values, where]) => {
    cells = values;
    lookup = where;
    highest = new Uint16Array(count).fill(NOTHING);
    for (let layer = 1; layer <= data.layers.length; layer++) {
      const grades = band("grade", layer);
      for (let cell = 0; cell < count; cell++)
        if (grades[cell] !== NOTHING && (highest[cell] === NOTHING || grades[cell] > highest[cell])) highest[cell] = grades[cell];
    }
    paint();
    read();
    document.documentElement.dataset.ready = "yes";
  });
}
