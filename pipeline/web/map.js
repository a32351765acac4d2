/* The map and its panel. Data arrive in JSON blocks; everything a person wrote is shown with textContent, never as markup. */
"use strict";

function seabedMap(handles) {
  const SVG = "http://www.w3.org/2000/svg", GRADES = ["grade", "p10", "p50", "p90"], LAYERS_SHOWN = ["grade", "cores", "region", "contours", "zone", "relief"];
  const $ = (id) => document.getElementById(id);
  const block = (id) => JSON.parse($(id).textContent);
  const data = block("map-data"), words = block("words"), map = handles.map;
  const state = { lang: "en", element: data.own, statistic: "grade", layer: 0, cut: 0, region: 0, opacity: data.opacity };
  const shown = new Set(); // names of the layers that are on
  const store = {}; // unpacked rasters by element, after the first paint
  let places = null, lookup = null, squares = {};

  /* ---------- words and numbers ---------- */
  const element = (key = state.element) => data.elements.find((one) => one.key === key);
  const basics = () => ({ symbol: element().symbol, oxide: element().oxide ?? "", name: element().name[state.lang], top: number(data.top_m), bottom: number(data.bottom_m), marker: data.marker ?? "" });
  // Once, and own names only: what is filled in may hold braces, and every object has a "constructor".
  function word(key, values = {}) {
    const all = { ...basics(), ...values };
    return words[key][state.lang].replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(all, name) ? String(all[name]) : whole));
  }
  const locale = () => (state.lang === "ja" ? "ja-JP" : "en-US");
  const formats = new Map();
  function format(options) {
    const key = locale() + JSON.stringify(options);
    if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale(), options));
    return formats.get(key);
  }
  const number = (value, digits = 4) => format({ maximumSignificantDigits: digits }).format(value);
  const fixed = (value, decimals) => format({ minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
  const decimals = (step) => Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const ppm = (value, key = state.element) => fixed(value, decimals(element(key).step_ppm ?? element(data.own).step_ppm)); // an element of another page has no step here
  const percent = (share) => fixed(100 * share, 1);

  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }
  function draw(tag, attributes = {}, text = null) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== null) made.textContent = text;
    return made;
  }

  /* ---------- the rasters ---------- */
  const [rows, columns] = data.cells, count = rows * columns;
  const slice = (values, plane) => values.subarray(plane * count, (plane + 1) * count);
  function plane(key, statistic, layer, cut) {
    const mine = store[key];
    if (!mine) return null;
    if (statistic === "grade" || statistic === "sd") return slice(mine.grade, 2 * layer + (statistic === "sd" ? 1 : 0));
    if (!element(key).simulated) return null;
    if (statistic === "probability") return slice(mine.probability, layer * element(key).cutoffs.length + cut);
    return slice(mine.percentiles, 3 * layer + GRADES.indexOf(statistic) - 1);
  }
  const stepOf = (key, statistic) => (statistic === "probability" ? data.step_probability : element(key).step_ppm);
  // Divided where the step is a fraction: a quotient of whole numbers is the double nearest to the decimal number.
  const timesStep = (steps, step) => (step < 1 ? steps / Math.round(1 / step) : steps * step);
  function value(key, statistic, layer, cell, cut = state.cut) {
    const steps = cell < 0 ? SEABED_NOTHING : plane(key, statistic, layer, cut)?.[cell] ?? SEABED_NOTHING;
    return steps === SEABED_NOTHING ? null : timesStep(steps, stepOf(key, statistic));
  }
  function place(name, cell) {
    const steps = cell < 0 || places === null ? SEABED_NOTHING : slice(places, data.places.names.indexOf(name))[cell];
    return steps === SEABED_NOTHING ? null : timesStep(steps, data.places.steps[name]);
  }

  const richest = new Map();
  /* What a cut-off is held against: the value itself in a layer; over the whole interval the richest of its blocks. */
  function tested(key, statistic, layer) {
    const kept = GRADES.includes(statistic) ? statistic : "grade";
    if (layer > 0) return plane(key, kept, layer);
    const name = `${key} ${kept}`;
    if (!richest.has(name)) {
      const most = new Uint16Array(count).fill(SEABED_NOTHING);
      for (let k = 1; k <= data.layers.length; k++) {
        const values = plane(key, kept, k);
        for (let cell = 0; cell < count; cell++) if (values[cell] !== SEABED_NOTHING && (most[cell] === SEABED_NOTHING || values[cell] > most[cell])) most[cell] = values[cell];
      }
      richest.set(name, most);
    }
    return richest.get(name);
  }

  /* ---------- colours ---------- */
  const scales = {};
  for (const [name, hex] of Object.entries(data.colours)) {
    scales[name] = [];
    for (let i = 0; i < hex.length; i += 6) scales[name].push([0, 2, 4].map((k) => parseInt(hex.slice(i + k, i + k + 2), 16)));
  }
  const scaleOf = (statistic) => scales[GRADES.includes(statistic) ? "grade" : statistic];
  const limits = (key = state.element, statistic = state.statistic, layer = state.layer) =>
    statistic === "probability" ? [0, 1] : element(key).limits[statistic === "sd" ? "sd" : "grade"][layer === 0 ? 0 : 1];
  function colour(shownValue, statistic = state.statistic) {
    const [low, high] = limits(state.element, statistic), scale = scaleOf(statistic);
    return scale[Math.round(Math.min(Math.max((shownValue - low) / (high - low), 0), 1) * (scale.length - 1))];
  }
  const css = (rgb) => `rgb(${rgb[0]}, ${rgb[1]}, ${rgb[2]})`;
  const BELOW = [95, 106, 115, 102];
  const pixelOf = (bytes) => new Uint32Array(new Uint8Array(bytes).buffer)[0];

  /* Pixel of each whole number of steps: painting is then two table look-ups. */
  const paints = new Map();
  function paintsOf(key, statistic, layer) {
    const [low, high] = limits(key, statistic, layer), name = [key, statistic, low, high].join();
    if (!paints.has(name)) {
      const scale = scaleOf(statistic).map((rgb) => pixelOf([...rgb, 255])), table = new Uint32Array(SEABED_NOTHING), step = stepOf(key, statistic);
      for (let steps = 0; steps < table.length; steps++) table[steps] = scale[Math.round(Math.min(Math.max((steps * step - low) / (high - low), 0), 1) * (scale.length - 1))];
      paints.set(name, table);
    }
    return paints.get(name);
  }

  const cellPaint = new Uint32Array(count + 1), images = new WeakMap(); // the last entry stays transparent
  function paintOn(canvas, key = state.element) {
    const { statistic, layer, cut } = state, values = plane(key, statistic, layer, cut);
    const context = canvas.getContext("2d");
    if (values === null) return context.clearRect(0, 0, canvas.width, canvas.height);
    const table = paintsOf(key, statistic, layer), below = pixelOf(BELOW);
    const held = statistic === "probability" ? null : tested(key, statistic, layer), least = Math.ceil(element(key).cutoffs[cut] / element(key).step_ppm - 1e-6);
    for (let cell = 0; cell < count; cell++) {
      const steps = values[cell];
      cellPaint[cell] = steps === SEABED_NOTHING ? 0 : held !== null && (held[cell] === SEABED_NOTHING || held[cell] < least) ? below : table[steps];
    }
    if (!images.has(canvas)) images.set(canvas, context.createImageData(canvas.width, canvas.height));
    const image = images.get(canvas), pixels = new Uint32Array(image.data.buffer), cells = lookup.paint;
    for (let i = 0; i < pixels.length; i++) pixels[i] = cellPaint[cells[i]];
    context.putImageData(image, 0, 0);
  }

  const canvas = make("canvas", { height: data.size[0], width: data.size[1] });
  const Raster = L.ImageOverlay.extend({
    _initImage() { // Leaflet's own makes an img; all else of an image overlay fits a canvas
      this._image = canvas;
      canvas.className = "leaflet-image-layer leaflet-zoom-animated grade-image";
    },
  });
  let raster = handles.grade; // the picture made by the program, until the numbers are there

  const paint = () => { if (lookup !== null) paintOn(canvas); };

  /* ---------- places on the map ---------- */
  const display = seabedDisplay(data.polar), onPlane = display.project;
  const [south_west, north_east] = data.bounds.map(onPlane);
  function cellAt(position) {
    if (lookup === null) return -1;
    const at = onPlane(position);
    const column = Math.floor(((at.x - south_west.x) / (north_east.x - south_west.x)) * data.size[1]);
    const row = Math.floor(((north_east.y - at.y) / (north_east.y - south_west.y)) * data.size[0]);
    return row < 0 || column < 0 || row >= data.size[0] || column >= data.size[1] ? -1 : lookup.cell[row * data.size[1] + column];
  }
  function latLngOf(pixel) {
    const row = Math.floor(pixel / data.size[1]), column = pixel % data.size[1];
    return display.unproject(L.point(
      south_west.x + ((column + 0.5) / data.size[1]) * (north_east.x - south_west.x),
      north_east.y - ((row + 0.5) / data.size[0]) * (north_east.y - south_west.y),
    ));
  }
  /* Where a corner of cells lies, from a lattice of known corners: the grid is so even that between them straight lines do. */
  function cornerAt(row, column) {
    const find = (list, wanted) => {
      let k = 0;
      while (k < list.length - 2 && list[k + 1] <= wanted) k++;
      return [k, (wanted - list[k]) / (list[k + 1] - list[k])];
    };
    const lattice = data.lattice, [i, v] = find(lattice.rows, Math.min(row * data.factor, lattice.rows.at(-1))), [j, u] = find(lattice.columns, Math.min(column * data.factor, lattice.columns.at(-1)));
    const mix = (values) => (1 - v) * ((1 - u) * values[i][j] + u * values[i][j + 1]) + v * ((1 - u) * values[i + 1][j] + u * values[i + 1][j + 1]);
    return display.polar ? display.position(mix(lattice.x), mix(lattice.y)) : [mix(lattice.latitude_deg), mix(lattice.longitude_deg)];
  }
  const ringsOf = (inside) => seabedOutline(rows, columns, inside).map((ring) => ring.map(([row, column]) => cornerAt(row, column)));

  /* ---------- what listens, and what is told ---------- */
  const listeners = {};
  const on = (name, listener) => { (listeners[name] ??= []).push(listener); };
  const emit = (name) => (listeners[name] ?? []).forEach((listener) => listener());

  /* ---------- controls on the map ---------- */
  function control(position, held) {
    const holder = L.control({ position });
    holder.onAdd = () => held;
    holder.addTo(map);
    L.DomEvent.disableClickPropagation(held);
    L.DomEvent.disableScrollPropagation(held);
    return held;
  }
  const side = (degrees_, positive, negative) => `${fixed(Math.abs(degrees_), 4)}° ${degrees_ < 0 ? negative : positive}`;
  function degrees(position) {
    const longitude = ((((position.lng + 180) % 360) + 360) % 360) - 180;
    return `${side(position.lat, "N", "S")}  ${side(longitude, "E", "W")}`;
  }
  const shownValue = (key, statistic, layer, cell, cut) => {
    const found = value(key, statistic, layer, cell, cut);
    return found === null ? null : statistic === "probability" ? `${percent(found)} %` : `${ppm(found, key)} ppm`;
  };

  for (const [name, zIndex] of [["masks", 410], ["cores", 450]]) map.createPane(name).style.zIndex = zIndex; // masks over lines, cores over masks
  L.Popup.mergeOptions({ autoPanPaddingTopLeft: [12, 56], autoPanPaddingBottomRight: [12, 12] }); // clear of the buttons
  const views = control("topleft", make("div", { class: "views", role: "group" }));
  const extents = { region: display.box(data.region_bounds), zone: display.box(data.zone_bounds) };
  for (const [name, bounds] of Object.entries(extents)) {
    const button = make("button", { type: "button", id: `view-${name}` });
    button.addEventListener("click", () => fit(bounds));
    views.append(button);
  }
  const toolbar = control("topleft", make("div", { class: "toolbar", id: "tools", role: "toolbar", hidden: "" }));
  L.control.scale({ imperial: false, maxWidth: 110, position: "bottomleft" }).addTo(map);
  const chip = control("bottomleft", make("div", { class: "chip", id: "readout", "aria-live": "off" }));
  const legend = control("bottomright", make("div", { class: "legend", id: "legend" }));
  map.getContainer().append(make("div", { class: "cross", "aria-hidden": "true" }));

  let pointed = null;
  function read() {
    chip.replaceChildren();
    if (pointed === null) return chip.append(word("point"));
    const cell = cellAt(pointed), found = shownValue(state.element, state.statistic, state.layer, cell);
    chip.append(make("b", {}, found === null ? word("outside") : `${element().symbol} ${found}`), degrees(pointed));
  }
  map.on("mousemove", (event) => { pointed = event.latlng; read(); });

  /* ---------- legend: an entry for each layer that is shown ---------- */
  const pattern = (name, size, ...marks) => {
    const made = draw("pattern", { id: `pattern-${name}`, width: size, height: size, patternUnits: "userSpaceOnUse" });
    for (const [d, ink, wide] of marks) made.append(draw("path", { d, stroke: ink, "stroke-width": wide, fill: "none" }));
    return made;
  };
  const patterns = draw("svg", { class: "patterns", width: 0, height: 0, "aria-hidden": "true" });
  const INK = "#14222e", FALLING = "M-1 -1L9 9M-1 7L1 9M7 -1L9 1", RISING = "M-1 9L9 -1M-1 1L1 -1M7 9L9 7";
  patterns.append(
    pattern("uncertain", 8, [RISING, "#fff", 2.2], [RISING, INK, 0.9]),
    pattern("far", 8, [`${RISING}${FALLING}`, "#46545e", 1]),
    pattern("slope", 8, [FALLING, "#fff", 3], [FALLING, "#a3291d", 1.6]),
    pattern("deep", 8, ["M0 4H8", "#fff", 3], ["M0 4H8", "#a3291d", 1.6]),
    pattern("class-0", 12, ["M6 5V7", "#fff", 4], ["M6 5V7", INK, 2]),
    pattern("class-1", 12, ["M0 6H12", "#fff", 2.2], ["M0 6H12", INK, 0.9]),
    pattern("class-2", 12, ["M6 0V12", "#fff", 2.2], ["M6 0V12", INK, 0.9]),
    pattern("class-3", 12, ["M6 0V12M0 6H12", "#fff", 2.2], ["M6 0V12M0 6H12", INK, 0.9]),
  );
  document.body.append(patterns);

  function swatch(fill, line = null) {
    const svg = draw("svg", { class: "swatch", viewBox: "0 0 22 12", "aria-hidden": "true" });
    svg.append(line === null ? draw("rect", { x: 0.5, y: 0.5, width: 21, height: 11, fill, stroke: "rgba(20, 34, 46, .45)" }) : draw("line", { x1: 0, x2: 22, y1: 6, y2: 6, ...line }));
    return svg;
  }
  function disc(fill, text = "") {
    const svg = draw("svg", { class: "swatch", viewBox: "0 0 22 12", "aria-hidden": "true" });
    svg.append(draw("circle", { cx: 11, cy: 6, r: 5, fill, stroke: "#14222e" }));
    if (text) svg.append(draw("text", { x: 11, y: 9, "text-anchor": "middle", fill: "#fff", "font-size": 8, "font-weight": 700 }, text));
    return svg;
  }
  const hasCode = new Map();
  const has = (name, code) => {
    const key = `${name} ${code}`;
    if (places === null) return false;
    if (!hasCode.has(key)) hasCode.set(key, slice(places, data.places.names.indexOf(name)).includes(code));
    return hasCode.get(key);
  };
  const classCodes = () => data.classes.map((_, code) => code).filter((code) => has("class", code));
  const excludedCells = (bit) => { const bits = slice(places, data.places.names.indexOf("excluded")); return (cell) => bits[cell] !== SEABED_NOTHING && (bits[cell] & bit) !== 0; };

  function legendEntries() {
    const entries = [], scale = scaleOf(state.statistic), cut = element().cutoffs[state.cut], simulated = element().simulated;
    const add = (mark, text, id = null) => entries.push(make("li", id ? { id } : {}, mark, make("span", {}, text)));
    if (shown.has("grade") && cut > 0 && state.statistic !== "probability") add(swatch("#b3bac0"), word(state.layer === 0 ? "legend_below" : "legend_below_layer"), "legend-below");
    if (shown.has("cores")) add(disc(GRADES.includes(state.statistic) ? css(scale[Math.round(scale.length * 0.55)]) : "#fff"), word(GRADES.includes(state.statistic) ? "legend_cores" : "legend_cores_sd"));
    if (shown.has("panels")) add(swatch(PANEL), word("legend_panels"), "legend-panels");
    if (shown.has("next")) add(disc("#8a1c5b", "1"), word("legend_next"));
    if (shown.has("uncertain") && simulated) add(swatch("url(#pattern-uncertain)"), word("legend_uncertain", { share: number(100 * data.uncertain_share) }), "legend-uncertain");
    if (shown.has("far")) add(swatch("url(#pattern-far)"), word("legend_far"));
    if (shown.has("classes")) for (const code of classCodes()) add(swatch(`url(#pattern-class-${code})`), word(`class_${code}`), `legend-class-${code}`);
    if (shown.has("excluded")) {
      add(swatch("url(#pattern-slope)"), word(data.coarse ? "legend_slope_coarse" : "legend_slope", { limit: number(data.max_slope_deg) }));
      add(swatch("url(#pattern-deep)"), word("legend_deep", { limit: number(data.max_water_depth_m) }));
    }
    if (shown.has("domains")) add(swatch(null, DOMAIN_LINE), word("layer_domains"));
    if (shown.has("region")) add(swatch(null, { stroke: "#10293d", "stroke-width": 1.6 }), word("layer_region"));
    if (shown.has("published")) add(swatch(null, { stroke: "#8a1c5b", "stroke-width": 2, "stroke-dasharray": "5 3" }), word("layer_published"));
    if (shown.has("zone") && handles.zone) add(swatch(null, { stroke: "#1d3b52", "stroke-width": 1.6, "stroke-dasharray": "5 3" }), word("layer_zone"));
    if (shown.has("contours")) add(swatch(null, { stroke: "#1d3442", "stroke-width": 0.9, opacity: 0.7 }), word("layer_contours"));
    return entries;
  }
  function showLegend() {
    const [low, high] = limits(), scale = scaleOf(state.statistic), parts = state.statistic === "probability" ? 100 : 1;
    const bar = make("div", { class: "bar" }), ticks = make("div", { class: "ticks", id: "ticks" });
    bar.style.background = `linear-gradient(to right, ${scale.filter((_, i) => i % 11 === 0).map(css).join(", ")})`;
    const step = charts.tidy(parts * (high - low), 5);
    for (let k = Math.ceil((parts * low) / step - 1e-9); k * step <= parts * high + 1e-9 * step; k++) {
      const tick = make("span", {}, number(k * step + 0));
      const along = (100 * (k * step - parts * low)) / (parts * (high - low));
      tick.style.left = `${along}%`;
      if (along < 2 || along > 98) tick.className = along < 2 ? "first" : "last";
      ticks.append(tick);
    }
    const title = state.statistic === "probability" ? word(state.layer === 0 ? "legend_probability" : "legend_probability_layer", { cutoff: number(element().cutoffs[state.cut]) }) : word(`legend_${state.statistic}`);
    const open = legend.querySelector("details")?.open ?? map.getContainer().clientWidth > 620;
    const more = make("details", {}, make("summary", {}, word("legend")), make("ul", {}, ...legendEntries()));
    more.open = open;
    more.addEventListener("toggle", () => emit("legend"));
    legend.replaceChildren(...(shown.has("grade") ? [make("p", { class: "legend-title" }, title), make("p", { class: "where" }, depthText()), bar, ticks] : []), more);
  }

  /* The legend covers a corner and the tools an edge: leave room below or beside them, whichever shows more. */
  function fit(bounds) {
    const edge = 16, buttons = document.querySelector(".leaflet-top.leaflet-left");
    const besideLegend = [L.point(edge, legend.offsetHeight + 22), L.point(legend.offsetWidth + 22, edge)];
    const besideButtons = [L.point(edge, buttons.offsetHeight + 18), L.point(views.offsetLeft + views.offsetWidth + 12, 56)];
    const choices = besideLegend.flatMap((low) => besideButtons.map((high) => ({ low, high, zoom: map.getBoundsZoom(bounds, false, low.add(high)) })));
    const best = choices.filter((choice) => Number.isFinite(choice.zoom)).reduce((one, other) => (other.zoom > one.zoom ? other : one));
    map.fitBounds(bounds, { paddingTopLeft: best.high, paddingBottomRight: best.low, animate: false });
  }

  /* ---------- relief, contours, zone ---------- */
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
  const contours = L.layerGroup();
  let near = contourLayer(data.contours_near), far = contourLayer(data.contours_far), nearZoom = 8;
  function chooseContours() {
    const close = map.getZoom() >= nearZoom && data.contours_near.length > 0;
    contours.clearLayers();
    contours.addLayer(close ? near : far);
  }
  map.on("zoomend", () => { chooseContours(); sizeCores(); });

  const names = L.layerGroup();
  const zoneLabel = () => word(data.island.name ? "zone_label" : "zone_label_unnamed", { island: data.island.name });
  function namePlaces() {
    names.clearLayers();
    if (!data.island) return;
    names.addLayer(tag(data.island.label, zoneLabel(), "zone"));
    names.addLayer(L.circleMarker(data.island.position, { radius: 4, color: "#fff", weight: 1.5, fillColor: "#10293d", fillOpacity: 1, interactive: false }));
    names.addLayer(tag(data.island.position, data.island.name || word("island"), "place"));
  }
  const paragraphs = (title, ...texts) => make("div", { class: "popup" }, make("h3", {}, title), ...texts.map((text) => make("p", {}, text)));
  handles.zone?.bindPopup(() => paragraphs(zoneLabel(), word("zone_area", { area: fixed(data.island.area_km2, 0) }),
    ...(data.island.published_km2 ? [`${word("zone_published", { area: fixed(data.island.published_km2, 0) })}${word("in_brackets", { text: data.island.published_source })}`] : [])));

  /* ---------- cores ---------- */
  const keyboardOpens = (marker, label) => marker.on("add", () => {
    const made = marker.getElement();
    made.setAttribute("tabindex", "0");
    made.setAttribute("role", "button");
    made.setAttribute("aria-label", label());
    made.addEventListener("keydown", (event) => {
      if (event.key === "Escape") map.closePopup();
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); marker.openPopup(); }
    });
  });
  const coreName = (core) => `${word("core")} ${core.id}`;
  const cores = L.layerGroup();
  const markers = data.cores.map((core) => {
    const marker = L.circleMarker([core.latitude_deg, core.longitude_deg], { radius: 7, color: "#fff", weight: 2, opacity: 1, fillOpacity: 1, className: "core", pane: "cores", bubblingMouseEvents: false });
    marker.bindPopup(() => corePopup(core), { minWidth: 310, maxWidth: 372 });
    keyboardOpens(marker, () => coreName(core));
    cores.addLayer(marker);
    return marker;
  });
  function colourCores() {
    const graded = GRADES.includes(state.statistic);
    markers.forEach((marker, i) => {
      const found = state.layer === 0 ? data.cores[i].grade_ppm[state.element] : data.cores[i].layers_ppm[state.element]?.[state.layer - 1];
      marker.setStyle({ fillColor: !graded ? "#fff" : found == null ? "#8b969e" : css(colour(found)), color: graded ? "#fff" : "#14222e" });
      marker.getElement()?.setAttribute("aria-label", coreName(data.cores[i]));
    });
  }
  /* Seen from afar the cores must not hide the estimate. */
  function sizeCores() {
    const away = map.getZoom() < nearZoom;
    map.getContainer().classList.toggle("away", away);
    for (const marker of markers) marker.setRadius(away ? 2.5 : 7).setStyle({ weight: away ? 0.8 : 2 });
  }
  const metres = (length, digits) => (length === null ? word("unknown") : `${fixed(length, digits)} m`);
  function definitions(...lines) {
    const list = make("dl");
    for (const [name, text, note] of lines) {
      const told = make("dd", {}, text);
      if (note) told.append(" ", make("small", {}, note));
      list.append(make("dt", {}, name), told);
    }
    return list;
  }
  function corePopup(core) {
    const lines = [
      [word("position"), degrees({ lat: core.latitude_deg, lng: core.longitude_deg })],
      [word("water_depth"), metres(core.water_depth_m, 0)],
      [word("penetration"), metres(core.penetration_m, 1)],
      ...(data.marker === null ? [] : [[word("marker_depth"), core.marker_m === null ? word("marker_none") : metres(core.marker_m, 2)]]),
      ...data.elements.filter((one) => one.key in core.grade_ppm).map((one) => {
        const mean = core.grade_ppm[one.key];
        return [word("core_grade", { symbol: one.symbol }), mean === null ? word("no_assay") : `${ppm(mean, one.key)} ppm`, mean === null ? "" : word("seen", { share: fixed(100 * core.share[one.key], 0) })];
      }),
    ];
    const drawn = charts.profile(core), content = make("div", { class: "popup" }, make("h3", {}, coreName(core)), definitions(...lines));
    if (drawn !== null) content.append(make("h4", {}, word("profile")), drawn, ...(core.penetration_m === null ? [] : [make("p", { class: "small key" }, make("span", { class: "dash" }), word("profile_end"))]),
      ...(data.marker === null || core.marker_m === null ? [] : [make("p", { class: "small key" }, word("profile_marker"))]));
    return content;
  }
  function openCore(i) {
    setLayer("cores", true);
    map.setView(markers[i].getLatLng(), Math.max(map.getZoom(), nearZoom), { animate: false });
    markers[i].openPopup();
  }

  /* ---------- further layers ---------- */
  const DOMAIN_LINE = { stroke: "#7a4a00", "stroke-width": 2, "stroke-dasharray": "2 3" };
  const masked = (fill) => L.polygon([], { stroke: false, fill: true, fillColor: `url(#pattern-${fill})`, fillOpacity: 1, interactive: false, smoothFactor: 0.4, pane: "masks" });
  const masks = { uncertain: masked("uncertain"), far: masked("far"), slope: masked("slope"), deep: masked("deep") };
  const classMasks = data.classes.map((_, code) => masked(`class-${code}`).setStyle({ stroke: true, color: INK, weight: 1 }));
  const ratioOver = () => {
    const [low, middle, high] = ["p10", "p50", "p90"].map((statistic) => plane(state.element, statistic, state.layer));
    return (cell) => middle !== null && middle[cell] !== SEABED_NOTHING && high[cell] - low[cell] > data.uncertain_share * middle[cell];
  };
  /* Cells of the region without an estimate: too far from every core. */
  const tooFar = () => {
    const share = slice(places, data.places.names.indexOf("share")), mean = plane(state.element, "grade", 0);
    return (cell) => share[cell] !== SEABED_NOTHING && share[cell] > 0 && mean[cell] === SEABED_NOTHING;
  };
  function shapeMasks() {
    if (places === null) return;
    if (shown.has("uncertain")) masks.uncertain.setLatLngs(ringsOf(ratioOver()));
    if (shown.has("far")) masks.far.setLatLngs(ringsOf(tooFar()));
    if (shown.has("excluded")) {
      masks.slope.setLatLngs(ringsOf(excludedCells(1)));
      masks.deep.setLatLngs(ringsOf(excludedCells(2)));
    }
    if (shown.has("classes")) {
      const codes = slice(places, data.places.names.indexOf("class"));
      classMasks.forEach((mask, code) => mask.setLatLngs(ringsOf((cell) => codes[cell] === code)));
    }
  }
  const domains = L.layerGroup(data.domains.map((domain) => {
    const shape = L.polygon(domain.rings, { color: "#7a4a00", weight: 2, dashArray: "2 4", fill: true, fillOpacity: 0.08 });
    return shape.bindPopup(() => paragraphs(domain.name || word("domain_unnamed"), word("domain_note")));
  }));
  const published = data.published === null ? null : L.polygon(data.published.ring, { color: "#8a1c5b", weight: 2.4, dashArray: "8 5", fill: false }).bindPopup(() => paragraphs(
    word("published_title"), word("published_bounds", { bounds: fixed(data.published.bounds_km2, 0), area: data.published.area_km2 === null ? word("unknown") : fixed(data.published.area_km2, 0) }), data.published.source));
  /* ---------- next cores ---------- */
  const next = L.layerGroup();
  let objective = 0;
  const nextSet = () => data.next_sets[objective];
  const objectiveName = (one) => word(`next_${one.objective}`, { cutoff: number(one.cutoff_ppm) });
  function nextPopup(core) {
    const set = nextSet(), over = set.objective !== "total_metal";
    const lines = Object.entries(core.by_element).flatMap(([key, one]) => {
      const symbol = element(key)?.symbol ?? key, error = one.reduction_error_share ?? null;
      const share = error === null ? word("next_share", { share: fixed(100 * one.reduction_share, 1) }) : word("next_share_error", { share: fixed(100 * one.reduction_share, 0), error: fixed(100 * error, 0) });
      return [
        [word(over ? "next_sd_over" : "next_sd", { symbol, cutoff: number(set.cutoff_ppm) }), `${number(one.sd_before_t, 3)} → ${number(one.sd_after_t, 3)} t`, share],
        ...("narrowing_t" in one ? [[word("next_width", { symbol }), `${number(one.width_before_t, 3)} → ${number(one.width_after_t, 3)} t`, `(−${number(one.narrowing_t, 3)} t)`]] : []),
      ];
    });
    return make("div", { class: "popup" }, make("h3", {}, word("next_title", { rank: core.rank })), make("p", {}, objectiveName(set)),
      definitions([word("position"), degrees({ lat: core.latitude_deg, lng: core.longitude_deg })], [word("water_depth"), metres(core.water_depth_m, 0)], ...lines),
      make("p", { class: "small" }, word(over ? "next_note_over" : "next_note", { rank: core.rank })));
  }
  const trackPopup = (track) => paragraphs(word("next_track"), word("next_track_said",
    { start: track.start_name || word(`next_start_${track.start}`), km: fixed(track.track_km, 0), between: fixed(track.between_stations_km, 0), days: fixed(track.days, 1) }));
  function drawNext() {
    next.clearLayers();
    const set = nextSet();
    if (!set) return;
    if (set.track) next.addLayer(L.polyline(set.track.line, { color: "#8a1c5b", weight: 1.8, opacity: 0.8, dashArray: "1 5", className: "next-track" }).bindPopup(() => trackPopup(set.track)));
    for (const core of set.cores) {
      const icon = L.divIcon({ className: "next", html: make("span", {}, String(core.rank)), iconSize: [24, 24] });
      const marker = L.marker([core.latitude_deg, core.longitude_deg], { icon, keyboard: false });
      marker.bindPopup(() => nextPopup(core), { minWidth: 240, maxWidth: 320 });
      keyboardOpens(marker, () => word("next_title", { rank: core.rank }));
      next.addLayer(marker);
    }
    const choice = $("next-objective");
    if (choice) [...choice.options].forEach((option, i) => { option.textContent = objectiveName(data.next_sets[i]); });
  }

  /* ---------- starting panels ---------- */
  const PANEL = "#7a3b00", panels = L.layerGroup();
  let scenario = Math.max(data.panels.length - 2, 0); // the highest rate, dry
  const scenarioName = (one) => word("panel_scenario_name", { rate: number(one.rate_t_day), basis: word(`basis_${one.basis}`) });
  const panelTitle = (panel) => word("panel_title", { year: panel.year });
  function panelPopup(plan, panel) {
    const ranged = ([low, middle, high], unit) => word("panel_range", { low: number(low, 3), middle: number(middle, 3), high: number(high, 3), unit });
    const lines = data.elements.filter((one) => one.key in panel.by_element).flatMap((one) => {
      const told = panel.by_element[one.key], asOxide = one.oxide && told.oxide_t_year[1] !== null;
      return [
        [word("panel_grade", { symbol: one.symbol }), ranged(told.grade_ppm, "ppm")],
        [word(asOxide ? "panel_oxide" : "panel_metal", { symbol: one.symbol, oxide: one.oxide ?? "" }), ranged(asOxide ? told.oxide_t_year : told.metal_t_year, "t")],
      ];
    });
    const far = (name, key) => (panel[key] === null ? [] : [[word(name), `${fixed(panel[key], 0)} km`]]);
    return make("div", { class: "popup" }, make("h3", {}, panelTitle(panel)), make("p", {}, scenarioName(plan)),
      ...(panel.until > panel.year ? [make("p", {}, word("panel_until", { until: panel.until }))] : []),
      definitions(...lines, [word("panel_mud"), word("panel_mud_both", { dry: number(panel.dry_mud_t_year, 3), wet: number(panel.wet_mud_t_year, 3) })],
        [word("panel_area"), `${number(panel.area_km2_year, 3)} km²`], [word("water_depth"), metres(panel.lifting_depth_m, 0)],
        ...far("panel_port", "distance_to_port_km"), ...far("panel_island", "distance_to_island_km")),
      make("p", { class: "small" }, word("panel_note")));
  }
  function drawPanels() {
    panels.clearLayers();
    const plan = data.panels[scenario];
    if (!plan) return;
    plan.panels.forEach((panel, i) => {
      const shape = L.polygon(panel.rings, { color: PANEL, weight: 1.6, fillColor: PANEL, fillOpacity: 0.75 - (0.6 * i) / plan.panels.length, className: "panel-cell" });
      shape.bindPopup(() => panelPopup(plan, panel), { minWidth: 260, maxWidth: 340 });
      keyboardOpens(shape, () => panelTitle(panel));
      panels.addLayer(shape);
    });
    const first = plan.panels[0], icon = L.divIcon({ className: "next start", html: make("span", {}, "1"), iconSize: [24, 24] });
    const marker = L.marker(first.point, { icon, keyboard: false });
    marker.bindPopup(() => panelPopup(plan, first), { minWidth: 260, maxWidth: 340 });
    keyboardOpens(marker, () => panelTitle(first));
    panels.addLayer(marker);
    const choice = $("panel-scenario");
    if (choice) [...choice.options].forEach((option, i) => { option.textContent = scenarioName(data.panels[i]); });
  }

  const layers = {
    grade: [() => raster],
    cores: [cores],
    next: data.next_sets.length ? [next] : null,
    panels: data.panels.length ? [panels] : null,
    uncertain: data.elements.some((one) => one.simulated && one.href === null) ? [masks.uncertain] : null,
    far: [masks.far],
    classes: [...classMasks],
    excluded: data.has_depths ? [masks.slope, masks.deep] : null,
    domains: data.domains.length ? [domains] : null,
    region: [handles.region],
    published: published ? [published] : null,
    zone: handles.zone ? [handles.zone, names] : null,
    contours: data.has_depths ? [contours] : null,
    relief: data.has_depths ? [handles.relief] : null,
  };
  const known = Object.keys(layers).filter((name) => layers[name] !== null);
  const byDefault = LAYERS_SHOWN.filter((name) => known.includes(name));
  function setLayer(name, visible) {
    if (!known.includes(name) || shown.has(name) === visible) return;
    if (visible) shown.add(name); else shown.delete(name);
    if (visible) shapeMasks();
    for (const layer of layers[name]) map[visible ? "addLayer" : "removeLayer"](typeof layer === "function" ? layer() : layer);
    if (name === "relief" && visible) handles.relief.bringToBack();
    if (name === "cores" && visible) { colourCores(); sizeCores(); }
    $(`layer-${name}`).checked = visible;
    showLegend();
    emit("cores");
    remember();
  }
  for (const name of known) {
    const box = make("input", { type: "checkbox", id: `layer-${name}` });
    box.addEventListener("change", () => setLayer(name, box.checked));
    $("layers").append(make("label", {}, box, make("span", { "data-word": `layer_${name}` })));
  }
  if (data.panels.length) {
    const choice = make("select", { id: "panel-scenario" }, ...data.panels.map((_, i) => make("option", { value: i })));
    choice.value = String(scenario);
    choice.addEventListener("change", () => { scenario = Number(choice.value); drawPanels(); setLayer("panels", true); });
    $("layers").append(make("label", { class: "scenario" }, make("span", { "data-word": "panel_scenario" }), choice));
  }
  if (data.next_sets.length > 1) {
    const choice = make("select", { id: "next-objective" }, ...data.next_sets.map((_, i) => make("option", { value: i })));
    choice.addEventListener("change", () => { objective = Number(choice.value); drawNext(); setLayer("next", true); });
    $("layers").append(make("label", { class: "scenario" }, make("span", { "data-word": "next_objective" }), choice));
  }
  if (!data.next_sets.length && data.next_reason) $("layers").append(make("p", { class: "small", id: "next-reason" }));

  /* ---------- values anywhere: a click, or Enter at the cross in the middle ---------- */
  const inspector = L.popup({ minWidth: 260, maxWidth: 340, className: "values" });
  let inspected = null;
  function inspect(position) {
    inspected = L.latLng(position);
    inspector.setLatLng(inspected).setContent(valuesAt(inspected)).openOn(map);
  }
  function valuesAt(position) {
    const cell = cellAt(position), one = element(), content = make("div", { class: "popup", id: "values" });
    const layersTold = state.layer === 0 ? [0] : [state.layer, 0];
    content.append(make("h3", {}, degrees(position)));
    if (cell >= 0 && value(one.key, "grade", 0, cell) !== null) {
      const table = make("table", { class: "figures values" }), head = make("tr", {}, make("th", { scope: "col" }, word("values_unit")));
      for (const layer of layersTold) head.append(make("th", { scope: "col" }, depthText(layer)));
      const body = make("tbody");
      for (const statistic of ["grade", "sd", "p10", "p50", "p90", "probability"]) {
        if (!one.simulated && !["grade", "sd"].includes(statistic)) continue;
        const line = make("tr", statistic === state.statistic ? { class: "main" } : {}, make("th", { scope: "row" }, word(`value_${statistic}`, { cutoff: number(one.cutoffs[state.cut]) })));
        for (const layer of layersTold) {
          const found = value(one.key, statistic, layer, cell);
          line.append(make("td", {}, found === null ? "–" : make("data", { value: found, "data-value": `${statistic}/${layer}` }, statistic === "probability" ? `${percent(found)} %` : ppm(found))));
        }
        body.append(line);
      }
      table.append(make("thead", {}, head), body);
      content.append(table);
      if (!one.simulated) content.append(make("p", { class: "small" }, word("not_simulated")));
    } else {
      content.append(make("p", {}, word(cell >= 0 && place("share", cell) > 0 ? "values_far" : "values_outside")));
    }
    if (cell >= 0 && places !== null) {
      const code = place("class", cell), reason = place("reason", cell), lines = [];
      const line = (name, digits, unit, note = "") => { const found = place(name, cell); if (found !== null) lines.push([word(`place_${name}`), make("data", { value: found, "data-place": name }, `${fixed(found, digits)}${unit}`), note]); };
      line("depth_m", 0, " m");
      const marker = data.marker === null ? null : place("marker_m", cell);
      if (marker !== null) lines.push([word("marker_depth"), make("data", { value: marker, "data-place": "marker_m" }, `${fixed(marker, 1)} m`), word("marker_sd", { sd: fixed(place("marker_sd_m", cell), 1) })]);
      line("slope_deg", decimals(data.places.steps.slope_deg), "°", data.coarse ? word("slope_coarse") : "");
      const away = place("distance_m", cell);
      if (away !== null) lines.push([word("place_distance_m"), make("data", { value: away, "data-place": "distance_m" }, away < 10000 ? `${number(away, 3)} m` : `${number(away / 1000, 3)} km`)]);
      if (code !== null) lines.push([word("place_class"), word(`class_${code}`)]);
      content.append(definitions(...lines));
      if (reason !== null) content.append(make("p", { class: "small", "data-reason": reason }, word(`reason_${reason}`)));
    }
    if (data.factor > 1) content.append(make("p", { class: "small" }, word("cell_mean", { factor: data.factor })));
    return content;
  }
  map.on("click", (event) => {
    pointed = event.latlng;
    read();
    if (app.activeTool === null) inspect(event.latlng);
  });
  map.getContainer().addEventListener("keydown", (event) => {
    if (event.target !== map.getContainer()) return;
    if (event.key === "Enter" && app.activeTool === null) { event.preventDefault(); inspect(map.getCenter()); }
    if (event.key === "Escape") map.closePopup();
  });
  map.on("popupclose", (event) => { if (event.popup === inspector) inspected = null; });
  map.on("popupopen", (event) => {
    const close = event.popup.getElement().querySelector(".leaflet-popup-close-button");
    if (close) { close.title = word("close"); close.setAttribute("aria-label", word("close")); }
  });

  /* ---------- panel ---------- */
  const depthText = (layer = state.layer) => (layer === 0 ? word("whole") : word("layer", { top: number(data.layers[layer - 1][0]), bottom: number(data.layers[layer - 1][1]) }));
  const FIGURES = { area_km2: [1, 4], dry_mud_t: [1e-6, 4], grade_ppm: [1, 3], metal_t: [1, 3], oxide_t: [1, 3] };
  const region = () => element().tonnage[Math.min(state.region, element().tonnage.length - 1)];

  function showFigures() {
    const { rows: told } = region(), simulated = told.mean !== undefined, head = $("figures").tHead, body = $("figures").tBodies[0];
    const figure = (statistic, name) => {
      const found = told[statistic][state.cut]?.[name] ?? null, [scale, digits] = FIGURES[name];
      const shape = name === "grade_ppm" ? format({ minimumSignificantDigits: digits, maximumSignificantDigits: digits }) : format({ maximumSignificantDigits: digits });
      return found === null ? word("empty") : make("data", { value: found, "data-figure": `${statistic}/${name}` }, shape.format(found * scale));
    };
    head.replaceChildren(make("tr", {}, make("td"), ...(simulated ? ["mean", "low_high"] : ["kriged_short"]).map((key) => make("th", { scope: "col" }, word(key)))));
    body.replaceChildren(...Object.keys(FIGURES).filter((name) => name !== "oxide_t" || element().oxide).map((name) => {
      const cells = simulated ? [make("td", { class: "main" }, figure("mean", name)), make("td", { class: "range" }, figure("p10", name), "–", make("wbr"), figure("p90", name))] : [make("td", { class: "main" }, figure("kriged", name))];
      return make("tr", {}, make("th", { scope: "row" }, word(`figure_${name}`)), ...cells);
    }));
    const notes = $("figures-notes");
    notes.replaceChildren();
    if (!simulated) return notes.append(make("p", { class: "small" }, word("range_none")), make("p", { class: "small" }, word("kriged")));
    const metal = (statistic) => make("data", { value: told[statistic][state.cut].metal_t, "data-figure": `${statistic}/metal_t` }, number(told[statistic][state.cut].metal_t, 3));
    const around = (key, ...parts) => { const [before, after] = word(key).split("{value}"); return make("p", { class: "small" }, before, ...parts, after); };
    notes.append(make("p", { class: "small" }, word("range_note")), around("ninety_metal", metal("p05"), "–", metal("p95")));
    notes.append(around("kriged_metal", metal("kriged")));
  }
  function showCurve() {
    const name = $("curve-figure").value, one = element(), unit = word(`figure_${name}`);
    $("curve").replaceChildren(charts.curve(region().rows, one.cutoffs, state.cut, name, FIGURES[name][0], unit, (cut) => set({ cut })));
  }

  function showStatistics() {
    const simulated = element().simulated;
    for (const radio of document.querySelectorAll("input[name=statistic]")) {
      radio.disabled = !simulated && !["grade", "sd"].includes(radio.value);
      radio.checked = radio.value === state.statistic;
    }
    $("statistic-note").hidden = simulated && state.statistic !== "probability" && state.statistic !== "sd";
    $("statistic-note").textContent = word(!simulated ? "not_simulated" : state.statistic === "sd" ? "note_sd" : "note_probability");
  }
  function showElements() {
    const holder = $("elements"), focused = document.activeElement?.name === "element";
    const inside = data.elements.filter((one) => one.href === null), outside = data.elements.filter((one) => one.href !== null);
    $("elements-row").hidden = data.elements.length < 2;
    for (const old of holder.querySelectorAll("label, a")) old.remove();
    for (const one of inside) {
      const radio = make("input", { type: "radio", name: "element", value: one.key });
      radio.checked = one.key === state.element;
      radio.addEventListener("change", () => set({ element: one.key }));
      holder.append(make("label", {}, radio, make("span", {}, one.name[state.lang])));
      if (focused && radio.checked) queueMicrotask(() => radio.focus());
    }
    for (const one of outside) holder.append(make("a", { href: one.href, class: "further", "data-element": one.key }, one.name[state.lang]));
  }

  function showAbout() {
    $("about").replaceChildren(...data.about[state.element].map(([key, values]) => {
      const filled = Object.fromEntries(Object.entries(values).map(([name, given]) => [name, typeof given === "number" ? number(given) : typeof given === "string" ? word(given) : given.text]));
      return make("p", {}, ...(key === "statement" ? [make("strong", {}, word(key))] : [word(key, filled)]));
    }));
  }

  function showWords() {
    document.documentElement.lang = state.lang;
    document.title = `${word("page")} · ${data.title}`;
    for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
    for (const one of document.querySelectorAll("[data-label]")) { const told = word(one.dataset.label); one.setAttribute("aria-label", told); if (one.tagName === "BUTTON") one.title = told; }
    $("assessment").textContent = data.title;
    for (const page of ["index", "report"]) $(page === "index" ? "start" : "report").href = `${page}.html#lang=${state.lang}`;
    for (const code of ["en", "ja"]) $(`lang-${code}`).setAttribute("aria-pressed", String(code === state.lang));
    $("languages").setAttribute("aria-label", word("language"));
    document.querySelector("nav").setAttribute("aria-label", word("pages"));
    $("panel").setAttribute("aria-label", word("panel"));
    toolbar.setAttribute("aria-label", word("tools"));
    views.setAttribute("aria-label", word("views"));
    map.getContainer().setAttribute("aria-label", word("map"));
    const notices = [];
    if ("banner" in words) notices.push(make("div", { class: "notice", role: "note", id: "banner" }, make("strong", {}, word("banner_head")), make("span", {}, word("banner")), make("span", {}, word("banner_tail"))));
    if ("left_out" in words) notices.push(make("div", { class: "notice rows", role: "note", id: "left-out" }, word("left_out")));
    $("notices").replaceChildren(...notices);
    for (const name of Object.keys(extents)) {
      $(`view-${name}`).textContent = word(`view_${name}`);
      $(`view-${name}`).title = word(`view_${name}_long`);
    }
    for (const way of ["in", "out"]) {
      const button = document.querySelector(`.leaflet-control-zoom-${way}`);
      button.title = word(`zoom_${way}`);
      button.setAttribute("aria-label", word(`zoom_${way}`));
    }
    for (const option of $("curve-figure").options) option.textContent = word(`curve_${option.value}`);
    drawPanels();
    drawNext();
    if ($("next-reason")) $("next-reason").textContent = data.next_reason[state.lang];
    near = contourLayer(data.contours_near);
    far = contourLayer(data.contours_far);
    chooseContours();
    namePlaces();
    showElements();
    showAbout();
  }
  function showRegions() {
    $("region").replaceChildren(...element().tonnage.map(({ region: name }, i) => make("option", { value: i }, data.named.includes(name) ? word(name) : name)));
    $("region").value = Math.min(state.region, element().tonnage.length - 1);
  }

  function show(painted = true) {
    const cut = element().cutoffs[state.cut], cutText = cut === 0 ? word("no_cutoff") : word("over", { value: number(cut) });
    $("depth").value = state.layer;
    $("depth-out").textContent = depthText();
    $("depth").setAttribute("aria-valuetext", depthText());
    $("cutoff").max = element().cutoffs.length - 1;
    $("cutoff").value = state.cut;
    $("cutoff").disabled = element().cutoffs.length < 2;
    $("cutoff-out").textContent = cutText;
    $("cutoff").setAttribute("aria-valuetext", cutText);
    $("opacity").value = Math.round(100 * state.opacity);
    $("opacity-out").textContent = `${Math.round(100 * state.opacity)} %`;
    if (painted) paint();
    showStatistics();
    showFigures();
    showCurve();
    showLegend();
    colourCores();
    if (shown.has("uncertain") || shown.has("far")) shapeMasks();
    read();
    if (inspected !== null) inspector.setContent(valuesAt(inspected));
    remember();
  }

  /* ---------- state: one door in ---------- */
  function allowed(changes) {
    const wanted = { ...state, ...changes }, one = data.elements.find((other) => other.key === wanted.element && other.href === null);
    if (!one) wanted.element = state.element;
    const mine = element(wanted.element);
    if (wanted.element !== state.element && !("cut" in changes)) { // the cut-off nearest to the one that was set
      const was = element().cutoffs[state.cut];
      wanted.cut = mine.cutoffs.reduce((best, cutoff, i) => (Math.abs(cutoff - was) < Math.abs(mine.cutoffs[best] - was) ? i : best), 0);
    }
    if (wanted.element !== state.element && !("region" in changes)) wanted.region = Math.max(0, mine.tonnage.findIndex((other) => other.region === region().region));
    const within = (number_, most) => (Number.isInteger(number_) ? Math.min(Math.max(number_, 0), most) : 0);
    wanted.cut = within(wanted.cut, mine.cutoffs.length - 1);
    wanted.layer = within(wanted.layer, data.layers.length);
    wanted.region = within(wanted.region, mine.tonnage.length - 1);
    if (![...GRADES, "probability", "sd"].includes(wanted.statistic) || (!mine.simulated && !["grade", "sd"].includes(wanted.statistic))) wanted.statistic = "grade";
    wanted.lang = wanted.lang === "ja" ? "ja" : "en";
    wanted.opacity = Math.min(Math.max(Number(wanted.opacity), 0), 1);
    return wanted;
  }
  function set(changes) {
    const before = { ...state };
    Object.assign(state, allowed(changes));
    if (state.opacity !== before.opacity) raster.setOpacity(state.opacity);
    if (state.lang !== before.lang || state.element !== before.element) {
      const reopen = inspected;
      map.closePopup();
      showWords();
      showRegions();
      if (reopen !== null) inspect(reopen);
    }
    if ($("region").value !== String(state.region)) $("region").value = state.region;
    show(["element", "statistic", "layer", "cut"].some((name) => state[name] !== before[name]));
    if (state.lang !== before.lang) emit("language");
    emit("state");
  }

  /* ---------- deep links ---------- */
  let waiting = 0, settled = false;
  function hash() {
    const centre = map.getCenter(), parts = {
      map: `${Number(map.getZoom().toFixed(2))}/${centre.lat.toFixed(4)}/${centre.lng.toFixed(4)}`, el: state.element, stat: state.statistic, layer: state.layer, cut: element().cutoffs[state.cut],
    };
    if (state.region > 0) parts.region = encodeURIComponent(region().region);
    if (known.some((name) => shown.has(name) !== byDefault.includes(name))) parts.on = [...shown].sort().join(".");
    return "#" + Object.entries({ ...parts, lang: state.lang }).map(([name, given]) => `${name}=${given}`).join("&");
  }
  function remember() { // not at every step of a drag: browsers stop pages that write their address too often
    if (!settled) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      try { history.replaceState(null, "", hash()); } catch { /* some browsers forbid it on file:// */ }
      for (const link of document.querySelectorAll("a.further")) link.href = `${data.elements.find((one) => one.key === link.dataset.element).href}${hash().replace(/&?el=[^&]*/, "")}`;
    }, 150);
  }
  function asked() {
    const parts = new URLSearchParams(location.hash.slice(1)), changes = {};
    const lang = parts.get("lang") ?? (settled ? state.lang : (navigator.language || "en").slice(0, 2));
    changes.lang = lang === "ja" ? "ja" : "en";
    if (parts.has("el")) changes.element = parts.get("el");
    const mine = data.elements.find((one) => one.key === changes.element && one.href === null) ?? element();
    if (parts.has("stat")) changes.statistic = { low: "p10", median: "p50", high: "p90" }[parts.get("stat")] ?? parts.get("stat");
    if (parts.has("layer")) changes.layer = Number(parts.get("layer"));
    if (parts.has("cut")) changes.cut = Math.max(0, mine.cutoffs.indexOf(Number(parts.get("cut"))));
    if (parts.has("region")) changes.region = Math.max(0, mine.tonnage.findIndex((one) => one.region === parts.get("region")));
    const view = (parts.get("map") ?? "").split("/").map(Number);
    return { changes, on: parts.has("on") ? parts.get("on").split(".") : null, view: view.length === 3 && view.every(Number.isFinite) ? view : null };
  }
  const look = (view) => map.setView([view[1], view[2]], view[0], { animate: false });
  addEventListener("hashchange", () => {
    const { changes, on: wanted, view } = asked();
    if (view !== null) look(view);
    for (const name of known) setLayer(name, (wanted ?? byDefault).includes(name));
    set(changes);
  });
  map.on("moveend", remember);

  /* ---------- tools ---------- */
  const tools = [];
  function toolButton({ id, icon, word: key }, pressed) {
    const svg = draw("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
    svg.append(draw("path", { d: icon }));
    const button = make("button", { type: "button", id: `tool-${id}`, "data-label": key, ...(pressed ? { "aria-pressed": "false" } : {}) }, svg);
    button.setAttribute("aria-label", word(key));
    button.title = word(key);
    toolbar.hidden = false;
    toolbar.append(button);
    return button;
  }
  function stopTool() {
    const active = tools.find((one) => one.id === app.activeTool);
    if (!active) return;
    app.activeTool = null;
    active.button.setAttribute("aria-pressed", "false");
    map.getContainer().classList.remove("tooling");
    active.stop();
  }
  function tool(one) {
    const button = toolButton(one, true);
    tools.push({ ...one, button });
    button.addEventListener("click", () => {
      const was = app.activeTool;
      stopTool();
      if (was === one.id) return;
      map.closePopup();
      app.activeTool = one.id;
      button.setAttribute("aria-pressed", "true");
      map.getContainer().classList.add("tooling");
      one.start();
    });
    return button;
  }
  function toolAction(one) {
    const button = toolButton(one, false);
    button.addEventListener("click", () => one.act());
    return button;
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.defaultPrevented) stopTool(); });

  const app = {
    map, data, state, set, on, word, number, fixed, ppm, percent, degrees, make, draw, control, element, cellAt, cornerAt, latLngOf, value, place, paintOn, tool, toolAction, stopTool, openCore, setLayer, inspect, fit, hash,
    shown, words, locale, handles, markers, cores: data.cores, activeTool: null, cells: null, lookup: null, colour, css, limits, scaleOf, legend,
    frame: { bounds: data.bounds, box: display.box(data.bounds), size: data.size },
    display,
    squares: (key) => squares[key] ?? null,
    raster: () => raster,
  };
  const charts = seabedCharts(app);

  /* ---------- start ---------- */
  const first = asked();
  Object.assign(state, allowed(first.changes));
  for (const name of known) if ((first.on ?? byDefault).includes(name)) shown.add(name);
  for (const name of known) {
    $(`layer-${name}`).checked = shown.has(name);
    if (name !== "grade" && name !== "region" && name !== "zone" && name !== "relief" && shown.has(name)) for (const layer of layers[name]) map.addLayer(layer);
  }
  // The picture is of the estimate over the whole interval: it does not stand for anything else that was asked for.
  if (state.element !== data.own || state.statistic !== "grade" || state.layer > 0 || state.cut > 0) raster.setOpacity(0);
  for (const name of ["grade", "region", "zone", "relief"]) if (known.includes(name) && !shown.has(name)) for (const layer of layers[name]) map.removeLayer(typeof layer === "function" ? layer() : layer);
  if (handles.zone && shown.has("zone")) map.addLayer(names);

  $("depth").max = data.layers.length;
  $("depth-row").hidden = data.layers.length < 2;
  if (!data.elements.some((one) => one.oxide)) $("curve-figure").querySelector("[value=oxide_t]")?.remove();
  for (const code of ["en", "ja"]) $(`lang-${code}`).addEventListener("click", () => set({ lang: code }));
  for (const radio of document.querySelectorAll("input[name=statistic]")) radio.addEventListener("change", () => set({ statistic: radio.value }));
  $("depth").addEventListener("input", () => set({ layer: Number($("depth").value) }));
  $("cutoff").addEventListener("input", () => set({ cut: Number($("cutoff").value) }));
  $("region").addEventListener("change", () => set({ region: Number($("region").value) }));
  $("opacity").addEventListener("input", () => set({ opacity: Number($("opacity").value) / 100 }));
  $("curve-figure").addEventListener("change", showCurve);

  if (markers.length <= 300) map.getContainer().classList.add("few");
  // Words first: banner and legend take room from the map.
  if (display.polar) for (const [layer, corners] of [[handles.grade, data.bounds], [handles.relief, data.zone_bounds]]) layer.setBounds(display.box(corners));
  map.setView(extents.region.getCenter(), 8, { animate: false });
  showWords();
  showRegions();
  showLegend();
  map.invalidateSize(false);
  map.setMaxBounds(extents.zone.pad(0.35));
  fit(extents.region);
  nearZoom = map.getZoom() - 1.2;
  map.setMinZoom(Math.min(map.getBoundsZoom(extents.zone) - 0.75, map.getZoom()));
  if (first.view !== null) look(first.view);
  chooseContours();
  sizeCores();
  show(false);
  window.seabed = app;

  async function unpackSquares(packed) {
    const made = {}, width = packed.rows * packed.columns;
    for (const [key, one] of Object.entries(packed.elements)) {
      const steps = await seabedUnpacked(one.packed, packed.realisations, width), half = one.cutoffs.length * packed.realisations * width;
      const at = (start, scale) => (realisation, cut, square) => { const found = steps[start + (cut * packed.realisations + realisation) * width + square]; return found === SEABED_NOTHING ? 0 : found * scale[cut]; };
      made[key] = { side_cells: packed.side_cells, rows: packed.rows, columns: packed.columns, realisations: packed.realisations, cutoffs: one.cutoffs, mud_t: at(0, one.mud_steps_t), metal_t: at(half, one.metal_steps_t), ofCell: null };
    }
    const ofCell = new Int32Array(count);
    for (let cell = 0; cell < count; cell++) {
      const row = Math.floor(((Math.floor(cell / columns) + 0.5) * data.factor) / packed.side_cells), column = Math.floor((((cell % columns) + 0.5) * data.factor) / packed.side_cells);
      ofCell[cell] = Math.min(row, packed.rows - 1) * packed.columns + Math.min(column, packed.columns - 1);
    }
    for (const one of Object.values(made)) one.ofCell = ofCell;
    return made;
  }
  async function unpackAll() {
    const cells = block("map-cells"), found = await seabedUnpacked(block("map-lookup"), data.size[0], data.size[1]), half = found.length / 2;
    const cell = new Int32Array(half), slot = new Int32Array(half);
    for (let i = 0; i < half; i++) {
      cell[i] = found[i] === SEABED_NOTHING ? -1 : found[i] * columns + found[half + i];
      slot[i] = cell[i] < 0 ? count : cell[i];
    }
    places = await seabedUnpacked(block("map-places"), rows, columns);
    for (const [key, packed] of Object.entries(cells)) {
      store[key] = {};
      for (const [name, text] of Object.entries(packed)) store[key][name] = text === null ? null : await seabedUnpacked(text, rows, columns);
    }
    const packedSquares = block("map-squares");
    squares = packedSquares === null ? {} : await unpackSquares(packedSquares);
    const shares = slice(places, data.places.names.indexOf("share"));
    app.cells = { rows, columns, count, area_m2: data.cell_area_m2 * data.factor ** 2, factor: data.factor, share: Float32Array.from(shares, (steps) => (steps === SEABED_NOTHING ? 0 : timesStep(steps, data.places.steps.share))) };
    lookup = { rows: data.size[0], columns: data.size[1], cell, paint: slot, latLngOf, bounds: data.bounds };
    app.lookup = lookup;
  }
  // The picture made by the program is on the screen already; the numbers follow.
  unpackAll().then(() => {
    const visible = map.hasLayer(raster);
    map.removeLayer(raster);
    raster = new Raster("", app.frame.box, { opacity: state.opacity, zIndex: 2 });
    handles.grade = raster;
    if (visible) map.addLayer(raster);
    settled = true;
    shapeMasks();
    show();
    if (typeof seabedTools === "function") seabedTools(app);
    document.documentElement.dataset.ready = "yes";
  });
}
