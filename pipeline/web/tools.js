/* Tools of the map: tonnes in a polygon, distances, comparison of two elements, search, downloads, print. What a person types or wrote is shown with textContent only. */
"use strict";

/* ---------- geodesy on the ellipsoid WGS 84; positions are [latitude, longitude] in degrees ---------- */
const SEABED_EQUATOR_M = 6378137, SEABED_FLATTENING = 1 / 298.257223563;

/* Length of the shortest line between two positions, in metres (Vincenty 1975, inverse); null where it does not converge: nearly opposite points. */
function seabedDistance([lat1, lng1], [lat2, lng2]) {
  const radian = Math.PI / 180, f = SEABED_FLATTENING, a = SEABED_EQUATOR_M, b = a * (1 - f);
  let turn = (lng2 - lng1) % 360;
  if (turn > 180) turn -= 360;
  if (turn < -180) turn += 360;
  const wanted = turn * radian, u1 = Math.atan((1 - f) * Math.tan(lat1 * radian)), u2 = Math.atan((1 - f) * Math.tan(lat2 * radian));
  const [s1, c1, s2, c2] = [Math.sin(u1), Math.cos(u1), Math.sin(u2), Math.cos(u2)];
  let lambda = wanted;
  for (let i = 0; i < 200; i++) {
    const sine = Math.hypot(c2 * Math.sin(lambda), c1 * s2 - s1 * c2 * Math.cos(lambda));
    if (sine === 0) return 0;
    const cosine = s1 * s2 + c1 * c2 * Math.cos(lambda), sigma = Math.atan2(sine, cosine), azimuth = (c1 * c2 * Math.sin(lambda)) / sine;
    const square = 1 - azimuth ** 2, middle = square === 0 ? 0 : cosine - (2 * s1 * s2) / square, c = (f / 16) * square * (4 + f * (4 - 3 * square));
    const before = lambda;
    lambda = wanted + (1 - c) * f * azimuth * (sigma + c * sine * (middle + c * cosine * (2 * middle ** 2 - 1)));
    if (Math.abs(lambda - before) > 1e-12) continue;
    const k = (square * (a * a - b * b)) / (b * b), big = 1 + (k / 16384) * (4096 + k * (-768 + k * (320 - 175 * k))), small = (k / 1024) * (256 + k * (-128 + k * (74 - 47 * k)));
    const part = (small / 6) * middle * (4 * sine ** 2 - 3) * (4 * middle ** 2 - 3);
    return b * big * (sigma - small * sine * (middle + (small / 4) * (cosine * (2 * middle ** 2 - 1) - part)));
  }
  return null;
}

/* Area inside a ring whose sides are straight on the map, in square metres: even where the ring is wide, by Gauss's rule along each side. */
function seabedArea(ring, polar = null) {
  const radian = Math.PI / 180, e2 = SEABED_FLATTENING * (2 - SEABED_FLATTENING), e = Math.sqrt(e2), b = SEABED_EQUATOR_M * (1 - SEABED_FLATTENING);
  const below = (latitude) => { const s = Math.sin(latitude); return ((b * b) / 2) * (s / (1 - e2 * s * s) + Math.atanh(e * s) / e); };
  const up = (latitude) => Math.asinh(Math.tan(latitude * radian)), down = (y) => Math.atan(Math.sinh(y));
  const gauss = [[0, 128 / 225], [0.538469310105683, 0.478628670499366], [-0.538469310105683, 0.478628670499366], [0.906179845938664, 0.236926885056189], [-0.906179845938664, 0.236926885056189]];
  let area = 0;
  if (polar) {
    // Around a pole: twice the area is the turn of the longitude, weighted with what lies between the latitude and the pole; sides are cut, for they bend.
    const sign = polar.pole, pieces = 8, whole = below(Math.PI / 2);
    const at = ring.map(([latitude, longitude]) => { const r = 2 * Math.tan((90 - sign * latitude) * radian / 2), turn = longitude * radian; return [r * Math.sin(turn), -sign * r * Math.cos(turn)]; });
    at.forEach(([x1, y1], i) => {
      const [x2, y2] = at[(i + 1) % at.length], [dx, dy] = [(x2 - x1) / pieces, (y2 - y1) / pieces];
      for (let k = 0; k < pieces; k++) {
        for (const [g, weight] of gauss) {
          const x = x1 + (k + (1 + g) / 2) * dx, y = y1 + (k + (1 + g) / 2) * dy, square = x * x + y * y;
          if (square > 0) area += ((weight / 2) * (whole - below(Math.PI / 2 - 2 * Math.atan(Math.sqrt(square) / 2))) * (x * dy - y * dx)) / square;
        }
      }
    });
    return Math.abs(area);
  }
  ring.forEach(([latitude, longitude], i) => {
    const [latitude2, longitude2] = ring[(i + 1) % ring.length], [from, to] = [up(latitude), up(latitude2)];
    for (const [x, weight] of gauss) area += (weight / 2) * below(down(from + ((1 + x) / 2) * (to - from))) * (longitude2 - longitude) * radian;
  });
  return Math.abs(area);
}

/* Whether two sides of a ring cross. */
function seabedCrosses(ring) {
  const turn = ([a, b], [c, d], [p, q]) => Math.sign((c - a) * (q - b) - (d - b) * (p - a)), count = ring.length;
  for (let i = 0; i < count; i++) {
    for (let j = i + 2; j < count; j++) {
      if (i === 0 && j === count - 1) continue;
      const [a, b, c, d] = [ring[i], ring[i + 1], ring[j], ring[(j + 1) % count]];
      if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return true;
    }
  }
  return false;
}

/* Position a person wrote, [latitude, longitude], or null. Latitude first, unless letters say otherwise; degrees, or degrees minutes seconds. */
function seabedPosition(text) {
  const plain = text.normalize("NFKC").toUpperCase().replace(/北緯/g, "N").replace(/南緯/g, "S").replace(/東経/g, "E").replace(/西経/g, "W").replace(/[−–]/g, "-").replace(/[°度'′’分"″”秒]/g, " ");
  const letters = [...plain.matchAll(/[NSEW]/g)].map((found) => found[0]);
  if (/[^-+\d.,;\sNSEW]/.test(plain)) return null;
  const before = /^\s*[NSEW]/.test(plain);
  let parts;
  if (letters.length === 2) parts = before ? plain.split(/(?=[NSEW])/) : plain.split(/(?<=[NSEW])/);
  else if (letters.length === 0) parts = plain.split(/[,;]/).length === 2 ? plain.split(/[,;]/) : plain.trim().split(/\s+/);
  else return null;
  parts = parts.map((part) => part.trim()).filter((part) => /\d/.test(part));
  if (parts.length !== 2) return null;
  const read = (part) => {
    const numbers = (part.match(/[-+]?\d+(?:\.\d+)?|[-+]?\.\d+/g) ?? []).map(Number);
    if (numbers.length < 1 || numbers.length > 3 || numbers.slice(1).some((value) => value < 0 || value >= 60)) return null;
    const size = Math.abs(numbers[0]) + (numbers[1] ?? 0) / 60 + (numbers[2] ?? 0) / 3600;
    return /[SW]/.test(part) !== /^[^\d]*-/.test(part) ? -size : size;
  };
  const [one, other] = parts.map(read);
  if (one === null || other === null) return null;
  const first = letters[0], swapped = letters.length === 2 ? "EW".includes(first) : Math.abs(one) > 90;
  if (letters.length === 2 && "EW".includes(first) === "EW".includes(letters[1])) return null;
  const [latitude, longitude] = swapped ? [other, one] : [one, other];
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 360 ? [latitude, longitude] : null;
}

/* Percentile of realisations: p (n + 1) of them lie below (Weibull), as in tonnage.csv. */
function seabedPercentile(values, share) {
  const sorted = Float64Array.from(values).sort(), at = Math.min(Math.max(share * (sorted.length + 1) - 1, 0), sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
}

/* Number as tonnage.csv writes it: ten significant digits, like C's %.10g. */
function seabedDigits(value) {
  if (value === null || value === undefined) return "";
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(9).split("e"), power = Number(exponent), short = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power < -4 || power >= 10) return `${short(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return short(value.toFixed(9 - power));
}

/* Text for a cell of a table that a spreadsheet may open: nothing in it is run, and separators are quoted. */
function seabedCell(text) {
  const safe = /^[\s]*[=+\-@\t\r\n']/.test(text) || /^[\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/* ---------- tonnes inside a ring ---------- */
function seabedInside(app) {
  const { data, lookup, cells } = app, [rows, columns] = [lookup.rows, lookup.columns];
  const pixels = new Uint32Array(cells.count);
  for (const cell of lookup.cell) if (cell >= 0) pixels[cell]++;
  const plane = app.display.project, [low, high] = lookup.bounds.map(plane);

  /* Share of each cell's pixels inside a ring, by the even-odd rule: which cells, and how much. */
  function shares(ring) {
    const at = ring.map(plane).map((point) => [((point.x - low.x) / (high.x - low.x)) * columns, ((high.y - point.y) / (high.y - low.y)) * rows]), inside = new Uint32Array(cells.count);
    for (let row = 0; row < rows; row++) {
      const y = row + 0.5, cuts = [];
      at.forEach(([x1, y1], i) => {
        const [x2, y2] = at[(i + 1) % at.length];
        if (y1 <= y !== y2 <= y) cuts.push(x1 + ((y - y1) / (y2 - y1)) * (x2 - x1));
      });
      cuts.sort((one, other) => one - other);
      for (let k = 0; k + 1 < cuts.length; k += 2) {
        for (let column = Math.max(0, Math.ceil(cuts[k] - 0.5)); column < columns && column + 0.5 < cuts[k + 1]; column++) {
          const cell = lookup.cell[row * columns + column];
          if (cell >= 0) inside[cell]++;
        }
      }
    }
    const found = new Map();
    inside.forEach((count, cell) => { if (count > 0) found.set(cell, count / pixels[cell]); });
    return found;
  }

  const expected = new Map();
  /* What is expected in each cell over each cut-off, up to a factor: mud, and metal. */
  function expectations(key) {
    if (expected.has(key)) return expected.get(key);
    const { cutoffs, simulated } = app.element(key), mud = cutoffs.map(() => new Float64Array(cells.count)), metal = cutoffs.map(() => new Float64Array(cells.count));
    for (let layer = 1; layer <= data.layers.length; layer++) {
      for (let cell = 0; cell < cells.count; cell++) {
        const share = cells.share[cell], grade = share > 0 ? app.value(key, "grade", layer, cell, 0) : null;
        if (grade === null) continue;
        let beyond = 0; // of the probability, summed from the last cut-off down by trapezoids
        for (let cut = cutoffs.length - 1, above = 0; cut >= 0; cut--) {
          const over = simulated ? app.value(key, "probability", layer, cell, cut) ?? 0 : Number(grade >= cutoffs[cut]);
          if (cut < cutoffs.length - 1) beyond += ((over + above) / 2) * (cutoffs[cut + 1] - cutoffs[cut]);
          above = over;
          mud[cut][cell] += share * over;
          metal[cut][cell] += share * (!simulated ? over * grade : cutoffs[cut] === 0 ? grade : cutoffs[cut] * over + beyond);
        }
      }
    }
    expected.set(key, { mud, metal });
    return expected.get(key);
  }

  const estimated = (key) => (cell) => app.value(key, "grade", 0, cell, 0) !== null;
  /* Part of a total that lies inside, from what is expected in its cells; of their area where nothing is expected. */
  function part(weights, inside, ofAll, area) {
    let whole = 0, held = 0, wholeArea = 0, heldArea = 0;
    for (const cell of ofAll) {
      const weight = inside.get(cell) ?? 0;
      whole += weights[cell];
      held += weight * weights[cell];
      wholeArea += area[cell];
      heldArea += weight * area[cell];
    }
    return whole > 0 ? held / whole : wholeArea > 0 ? heldArea / wholeArea : 0;
  }
  const bySquare = new Map();
  function cellsOfSquares(key, squares) {
    if (!bySquare.has(key)) {
      const held = new Map(), known = estimated(key);
      for (let cell = 0; cell < cells.count; cell++) {
        if (cells.share[cell] <= 0 || pixels[cell] === 0 || !known(cell)) continue;
        const square = squares.ofCell[cell];
        if (held.has(square)) held.get(square).push(cell); else held.set(square, [cell]);
      }
      bySquare.set(key, held);
    }
    return bySquare.get(key);
  }

  /* Mean, low and high of mud, metal, oxide and grade inside; summed within each realisation first. */
  function tonnes(key, cut, inside) {
    const one = app.element(key), squares = app.squares(key), factor = one.oxide_per_element, { mud, metal } = expectations(key), known = estimated(key);
    let area_m2 = 0;
    for (const [cell, weight] of inside) if (known(cell)) area_m2 += weight * cells.share[cell] * cells.area_m2;
    const found = { area_km2: area_m2 / 1e6, realisations: 0, figures: null };
    const oxide = (metal_t) => (factor ? metal_t * factor : null);
    if (squares === null) {
      const row = one.tonnage.find((other) => other.region === "all")?.rows.kriged[cut];
      if (!row) return found;
      const every = Array.from({ length: cells.count }, (_, cell) => cell).filter((cell) => pixels[cell] > 0 && known(cell));
      const mud_t = row.dry_mud_t * part(mud[cut], inside, every, cells.share), metal_t = row.metal_t * part(metal[cut], inside, every, cells.share);
      found.figures = { mean: { dry_mud_t: mud_t, metal_t, oxide_t: oxide(metal_t), grade_ppm: mud_t > 0 ? (metal_t / mud_t) * 1e6 : null } };
      return found;
    }
    const n = squares.realisations, muds = new Float64Array(n), metals = new Float64Array(n), at = squares.cutoffs.indexOf(one.cutoffs[cut]);
    for (const [square, mine] of cellsOfSquares(key, squares)) {
      if (!mine.some((cell) => inside.has(cell))) continue;
      const mudPart = part(mud[cut], inside, mine, cells.share), metalPart = part(metal[cut], inside, mine, cells.share);
      for (let r = 0; r < n; r++) {
        muds[r] += mudPart * squares.mud_t(r, at, square);
        metals[r] += metalPart * squares.metal_t(r, at, square);
      }
    }
    const some = [...muds.keys()].filter((r) => muds[r] > 0), told = 2 * some.length >= n, grades = some.map((r) => (metals[r] / muds[r]) * 1e6), sum = (values) => values.reduce((total, value) => total + value, 0);
    const of = (share) => {
      const [mud_t, metal_t] = share === null ? [sum(muds) / n, sum(metals) / n] : [seabedPercentile(muds, share), seabedPercentile(metals, share)];
      // A grade of few realisations would be a grade of the rich ones.
      return { dry_mud_t: mud_t, metal_t, oxide_t: oxide(metal_t), grade_ppm: !told ? null : share === null ? (metal_t / mud_t) * 1e6 : seabedPercentile(grades, share) };
    };
    return { ...found, realisations: n, figures: { mean: of(null), p10: of(0.1), p90: of(0.9) } };
  }
  return { shares, tonnes };
}

/* ---------- the tools ---------- */
function seabedTools(app) {
  const { map, data, state, word, number, fixed, make, draw } = app, container = map.getContainer(), $ = (id) => document.getElementById(id);
  const button = (text, act, attributes = {}) => { const made = make("button", { type: "button", class: "plain", ...attributes }, text); made.addEventListener("click", act); return made; };
  const note = (...texts) => make("p", { class: "small" }, ...texts);
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  /* The card of the tool that is on: first in the panel, so that it never covers the map. */
  const said = make("p", { class: "said", role: "status", "aria-live": "polite" });
  const title = make("h2", { id: "tool-title" }), content = make("div", { class: "tool-content" }), shut = button("×", () => app.stopTool(), { class: "shut" });
  const card = make("section", { class: "card tool-card", id: "tool-card", "aria-labelledby": "tool-title", hidden: "" }, make("div", { class: "tool-head" }, title, shut), said, content);
  $("panel").prepend(card);
  let current = null; // { word, render } of the open card
  /* Told to those who listen; and shown, unless the card shows it already. */
  function say(text, seen = true) {
    said.classList.toggle("unseen", !seen);
    if (said.textContent !== text) said.textContent = text;
  }
  function render() {
    if (current === null) return;
    title.textContent = word(current.word);
    shut.setAttribute("aria-label", word("tool_close"));
    shut.title = word("tool_close");
    const focused = document.activeElement?.dataset?.keep;
    content.replaceChildren(...current.render());
    if (focused) content.querySelector(`[data-keep="${focused}"]`)?.focus();
  }
  function open(one) {
    current = one;
    say("");
    card.hidden = false;
    render();
    $("panel").scrollTop = 0;
  }
  function close() {
    const inside = card.contains(document.activeElement);
    current = null;
    card.hidden = true;
    if (inside) document.querySelector("#tools button")?.focus();
  }
  function tool(id, icon, { start, stop, render: shown }) {
    const made = app.tool({ id, icon, word: `tool_${id}`,
      start() { open({ word: `tool_${id}`, render: shown }); start?.(); },
      stop() { stop?.(); close(); if (document.activeElement === document.body) made.focus(); } });
    return made;
  }

  /* ---------- points on the map: by mouse, finger or keyboard ---------- */
  const pane = map.createPane("tools");
  pane.style.zIndex = 640;
  const cross = make("div", { class: "tool-cross", "aria-hidden": "true", hidden: "" });
  container.append(cross);
  const LINE = { color: "#8a1c5b", weight: 2.6, pane: "tools", interactive: false };

  function drawing({ closes, changed }) {
    const group = L.layerGroup(), shape = closes ? L.polygon([], { ...LINE, fillColor: "#8a1c5b", fillOpacity: 0.1 }) : L.polyline([], LINE), rubber = L.polyline([], { ...LINE, weight: 1.6, dashArray: "4 5" });
    group.addLayer(shape).addLayer(rubber);
    let points = [], done = false, active = false, pointer = null, handles = [], last = 0;
    const outline = () => shape.setLatLngs(points);
    function handle(i) {
      const marker = L.marker(points[i], { draggable: true, pane: "tools", keyboard: true, icon: L.divIcon({ className: "vertex", html: make("i"), iconSize: [22, 22] }) });
      marker.on("drag", () => { points[i] = marker.getLatLng(); outline(); changed(true); });
      marker.on("dragend", () => changed(false));
      marker.on("click", (event) => {
        L.DomEvent.stop(event);
        if (!done && closes && i === 0 && points.length > 2) finish();
        else if (!done && i === points.length - 1) finish();
      });
      marker.on("add", () => {
        const made = marker.getElement();
        made.setAttribute("role", "button");
        made.setAttribute("aria-label", word("tool_vertex", { number: i + 1 }));
        made.addEventListener("keydown", (event) => {
          const [dx, dy] = STEPS[event.key] ?? [0, 0];
          if (event.key in STEPS) {
            const by = event.shiftKey ? 1 : 10;
            points[i] = map.containerPointToLatLng(map.latLngToContainerPoint(points[i]).add([dx * by, dy * by]));
            marker.setLatLng(points[i]);
            outline();
            changed(false);
          } else if (event.key === "Delete" || event.key === "Backspace") {
            removeAt(i);
            (handles[Math.min(i, handles.length - 1)]?.getElement() ?? container).focus();
          } else return;
          event.preventDefault();
          event.stopPropagation();
        });
      });
      return marker;
    }
    function redraw() {
      for (const marker of handles) group.removeLayer(marker);
      handles = points.map((_, i) => handle(i));
      for (const marker of handles) group.addLayer(marker);
      outline();
      stretch();
      changed(false);
    }
    function stretch() {
      rubber.setLatLngs(done || pointer === null || points.length === 0 ? [] : closes && points.length > 1 ? [points.at(-1), pointer, points[0]] : [points.at(-1), pointer]);
    }
    function add(position) {
      if (done) return;
      points.push(L.latLng(position));
      redraw();
    }
    function removeAt(i) {
      points.splice(i, 1);
      if (points.length < (closes ? 3 : 2)) done = false;
      redraw();
    }
    function finish() {
      if (points.length < (closes ? 3 : 2)) return say(word(closes ? "tool_more_polygon" : "tool_more_line"));
      done = true;
      redraw();
    }
    function clear() { points = []; done = false; redraw(); container.focus({ preventScroll: true }); }
    const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    let at = null; // of the cross, in pixels of the map
    function place() {
      cross.hidden = at === null;
      if (at === null) return;
      cross.style.left = `${at.x}px`;
      cross.style.top = `${at.y}px`;
      pointer = map.containerPointToLatLng(at);
      stretch();
    }
    function keys(event) {
      if (event.target !== container) return;
      const size = map.getSize();
      if (event.key in STEPS) {
        at ??= size.divideBy(2);
        const by = event.shiftKey ? 2 : 16;
        at = at.add(L.point(STEPS[event.key]).multiplyBy(by));
        for (const [axis, most] of [["x", size.x], ["y", size.y]]) {
          const out = at[axis] < 12 ? at[axis] - 12 : at[axis] > most - 12 ? at[axis] - most + 12 : 0;
          if (out !== 0) { at[axis] -= out; map.panBy(axis === "x" ? [out * 6, 0] : [0, out * 6], { animate: false }); }
        }
        place();
        say(word("tool_cross", { position: app.degrees(pointer) }));
      } else if (event.key === " ") {
        at ??= size.divideBy(2);
        place();
        add(pointer);
      } else if (event.key === "Enter") finish();
      else if (event.key === "Backspace" && points.length > 0) removeAt(points.length - 1);
      else if (event.key === "+" || event.key === "=") map.zoomIn(0.5);
      else if (event.key === "-") map.zoomOut(0.5);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
    const clicked = (event) => {
      at = null;
      place();
      // The second click of a double click sets no second point.
      const near = points.length > 0 && map.latLngToContainerPoint(points.at(-1)).distanceTo(map.latLngToContainerPoint(event.latlng)) < 6;
      if (near && performance.now() - last < 500) return;
      last = performance.now();
      if (!done && closes && points.length > 2 && map.latLngToContainerPoint(points[0]).distanceTo(map.latLngToContainerPoint(event.latlng)) < 12) return finish();
      add(event.latlng);
    };
    const moved = (event) => { if (at === null) { pointer = event.latlng; stretch(); } };
    const double = () => { if (!done) finish(); };
    return {
      get points() { return points; },
      get done() { return done; },
      group, add, finish, clear,
      undo: () => { if (points.length > 0) removeAt(points.length - 1); },
      replace(list) { points = list.map((position) => L.latLng(position)); done = true; redraw(); },
      reset() { points = []; done = false; redraw(); },
      get active() { return active; },
      start() {
        active = true;
        group.addTo(map);
        pointer = null;
        map.keyboard.disable();
        map.doubleClickZoom.disable();
        map.on("click", clicked).on("mousemove", moved).on("dblclick", double).on("move", place);
        container.addEventListener("keydown", keys, true);
        container.focus({ preventScroll: true });
        redraw();
      },
      /* Seen, but left alone, while what is shown is saved. */
      keep(on) { if (on && done) group.addTo(map); else group.remove(); },
      get seen() { return done && map.hasLayer(group); },
      stop() {
        active = false;
        group.remove();
        at = null;
        cross.hidden = true;
        map.keyboard.enable();
        map.doubleClickZoom.enable();
        map.off("click", clicked).off("mousemove", moved).off("dblclick", double).off("move", place);
        container.removeEventListener("keydown", keys, true);
      },
    };
  }
  // Escape first gives up what is being drawn, then the tool.
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const one = [polygon, line].find((other) => other.active);
    if (one && !one.done && one.points.length > 0) { event.preventDefault(); one.clear(); }
  }, true);

  /* ---------- tonnes in a polygon ---------- */
  let inside = null, measured = null; // both made when first needed
  const FIGURES = [["dry_mud_t", 1e-6, 4], ["grade_ppm", 1, 3], ["metal_t", 1, 3], ["oxide_t", 1, 3]];
  let typed = "";
  const polygon = drawing({ closes: true, changed(dragging) {
    measured = null;
    if (current?.word === "tool_polygon") render();
    if (!dragging && polygon.done) say(spoken(), false);
  } });
  const ringOf = () => polygon.points.map((point) => [point.lat, point.lng]);
  function found() {
    inside ??= seabedInside(app);
    measured ??= inside.shares(ringOf());
    return inside.tonnes(state.element, state.cut, measured);
  }
  function spoken() {
    const { figures } = found(), mean = figures?.mean.metal_t;
    if (!figures) return word("tool_nothing_inside");
    const unit = word("figure_metal_t");
    return figures.p10 ? word("tool_spoken", { unit, mean: number(mean, 3), low: number(figures.p10.metal_t, 3), high: number(figures.p90.metal_t, 3) }) : word("tool_spoken_kriged", { unit, mean: number(mean, 3) });
  }
  function coordinates() {
    const text = make("textarea", { id: "tool-coordinates", rows: 4, spellcheck: "false", "data-keep": "coordinates" });
    text.value = typed || (polygon.done ? polygon.points.map((point) => `${point.lat.toFixed(5)}, ${point.lng.toFixed(5)}`).join("\n") : "");
    text.addEventListener("input", () => { typed = text.value; });
    const take = () => {
      const lines = text.value.split("\n").map((one) => one.trim()).filter((one) => one), positions = lines.map(seabedPosition), wrong = positions.indexOf(null);
      if (wrong >= 0) return say(word("tool_wrong_line", { line: wrong + 1, text: lines[wrong] }));
      if (positions.length < 3) return say(word("tool_more_polygon"));
      const near = positions.map(nearby), ends = near.length > 3 && near[0].every((value, i) => value === near.at(-1)[i]);
      typed = "";
      polygon.replace(ends ? near.slice(0, -1) : near);
      map.fitBounds(app.display.box(near).pad(0.3), { animate: false });
    };
    const more = make("details", { id: "tool-typed" }, make("summary", {}, word("tool_coordinates")), make("label", { for: "tool-coordinates", class: "small" }, word("tool_coordinates_how")), text, button(word("tool_take"), take, { id: "tool-take" }));
    more.open = $("tool-typed")?.open ?? false;
    return more;
  }
  const nearby = ([latitude, longitude]) => { // the turn of the Earth that this map is on
    if (app.display.polar) return [latitude, longitude];
    const middle = L.latLngBounds(data.bounds).getCenter().lng;
    return [latitude, longitude + 360 * Math.round((middle - longitude) / 360)];
  };
  function polygonCard() {
    const acts = make("div", { class: "acts" });
    if (!polygon.done) {
      acts.append(button(word("tool_finish"), () => polygon.finish(), { id: "tool-finish", "data-keep": "finish", ...(polygon.points.length < 3 ? { disabled: "" } : {}) }), button(word("tool_undo"), () => polygon.undo(), { id: "tool-undo", "data-keep": "undo", ...(polygon.points.length ? {} : { disabled: "" }) }));
      return [note(word("tool_polygon_how")), acts, coordinates()];
    }
    acts.append(button(word("tool_again"), () => polygon.clear(), { id: "tool-again" }));
    return [...insideParts(), acts, note(word("tool_edit_how")), coordinates()];
  }
  function insideParts() {
    const { area_km2, realisations, figures } = found(), ring = ringOf(), one = app.element(), squares = app.squares(state.element), parts = [];
    const cut = one.cutoffs[state.cut], grades = new Intl.NumberFormat(app.locale(), { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
    parts.push(make("p", { class: "where" }, `${one.symbol} · ${cut === 0 ? word("tool_no_cutoff") : word("over", { value: number(cut) })} · ${word("layer", { top: number(data.top_m), bottom: number(data.bottom_m) })}`));
    const value = (name, statistic, scale, digits) => {
      const got = figures?.[statistic]?.[name] ?? null;
      return got === null ? word("empty") : make("data", { value: got, "data-inside": `${statistic}/${name}` }, name === "grade_ppm" ? grades.format(got * scale) : number(got * scale, digits));
    };
    const table = make("table", { class: "figures", id: "inside" }), body = make("tbody"), ranged = figures?.p10 !== undefined;
    table.append(make("thead", {}, make("tr", {}, make("td"), ...(ranged ? ["mean", "low_high"] : ["kriged_short"]).map((key) => make("th", { scope: "col" }, word(key))))), body);
    const span = (text, name, got, digits) => make("tr", {}, make("th", { scope: "row" }, text), make("td", { class: "main" }, make("data", { value: got, "data-inside": name }, number(got, digits))), ...(ranged ? [make("td")] : []));
    body.append(span(word("tool_area_drawn"), "area_drawn_km2", seabedArea(ring, data.polar) / 1e6, 4));
    // The edge is followed to a part of a cell: three digits.
    body.append(span(word("tool_area_inside"), "area_km2", area_km2, 3));
    for (const [name, scale, digits] of FIGURES) {
      if (name === "oxide_t" && !one.oxide) continue;
      const cellsOf = ranged ? [make("td", { class: "main" }, value(name, "mean", scale, digits)), make("td", { class: "range" }, value(name, "p10", scale, digits), "–", make("wbr"), value(name, "p90", scale, digits))] : [make("td", { class: "main" }, value(name, "mean", scale, digits))];
      body.append(make("tr", {}, make("th", { scope: "row" }, word(`figure_${name}`)), ...cellsOf));
    }
    parts.push(table);
    if (area_km2 === 0) parts.push(note(word("tool_nothing_inside")));
    if (seabedCrosses(ring)) parts.push(note(make("strong", {}, word("tool_crosses"))));
    if (ranged) {
      const side_km = (squares.side_cells * Math.sqrt(app.cells.area_m2)) / app.cells.factor / 1000;
      parts.push(note(word("tool_approximate", { count: number(realisations), all: number(Math.max(realisations, data.realisations)), side: number(side_km, 3) })), note(word("tool_range")));
    } else parts.push(note(word(one.simulated ? "tool_no_squares" : "range_none")), note(word("tool_kriged_inside")));
    return parts;
  }
  let left = null; // the drawing that was shown until this very click
  const leave = (one) => { one.stop(); left = one; queueMicrotask(() => { left = null; }); };
  tool("polygon", "M4 8L12 3L20 9L17 20L7 19ZM4 8h0M12 3h0M20 9h0M17 20h0M7 19h0", { start: () => polygon.start(), stop: () => leave(polygon), render: polygonCard });

  /* ---------- distances ---------- */
  const labels = L.layerGroup();
  const line = drawing({ closes: false, changed() {
    if (current?.word !== "tool_measure") return;
    label();
    render();
    if (line.points.length > 1) say(word("tool_total", { value: km(lengths().reduce((total, one) => total + (one ?? NaN), 0)) }), false);
  } });
  line.group.addLayer(labels);
  const km = (length_m) => (Number.isFinite(length_m) ? `${length_m < 1e5 ? fixed(length_m / 1000, 2) : fixed(length_m / 1000, 1)} km` : "–");
  const lengths = () => line.points.slice(1).map((point, i) => seabedDistance([line.points[i].lat, line.points[i].lng], [point.lat, point.lng]));
  function label() {
    labels.clearLayers();
    lengths().forEach((length_m, i) => {
      const [one, other] = [map.latLngToLayerPoint(line.points[i]), map.latLngToLayerPoint(line.points[i + 1])];
      const icon = L.divIcon({ className: "distance", html: make("span", {}, km(length_m)), iconSize: null });
      labels.addLayer(L.marker(map.layerPointToLatLng(one.add(other).divideBy(2)), { icon, interactive: false, keyboard: false, pane: "tools" }));
    });
  }
  function measureCard() {
    const all = lengths(), total = all.reduce((sum, one) => sum + (one ?? NaN), 0), acts = make("div", { class: "acts" });
    if (!line.done) acts.append(button(word("tool_finish"), () => line.finish(), { id: "tool-finish", "data-keep": "finish", ...(all.length < 1 ? { disabled: "" } : {}) }), button(word("tool_undo"), () => line.undo(), { id: "tool-undo", "data-keep": "undo", ...(line.points.length ? {} : { disabled: "" }) }));
    else acts.append(button(word("tool_again"), () => line.clear(), { id: "tool-again" }));
    const list = make("ol", { class: "legs" }, ...all.map((length_m, i) => make("li", {}, make("span", {}, word("tool_leg", { from: i + 1, to: i + 2 })), make("data", { value: length_m ?? "", "data-leg": i }, km(length_m)))));
    return [...(all.length ? [make("p", { class: "total" }, word("tool_total", { value: "" }), make("data", { value: total, id: "tool-total" }, km(total))), ...(all.length > 1 ? [list] : [])] : []), acts, note(word(line.done ? "tool_edit_how" : "tool_measure_how")), note(word("tool_measure_note"))];
  }
  tool("measure", "M3 17L17 3L21 7L7 21ZM7 13l2.5 2.5M10.5 9.5L12 11M14 6l2.5 2.5", { start: () => line.start(), stop: () => leave(line), render: measureCard });

  /* ---------- two elements side by side ---------- */
  const inPage = data.elements.filter((one) => one.href === null);
  const other = () => inPage.find((one) => one.key !== state.element);
  const second = make("canvas", { height: app.frame.size[0], width: app.frame.size[1] });
  const Second = L.ImageOverlay.extend({
    _initImage() {
      this._image = second;
      second.className = "leaflet-image-layer leaflet-zoom-animated grade-image";
    },
  });
  const overlay = new Second("", app.frame.box, { opacity: state.opacity, zIndex: 3 });
  const divider = make("div", { class: "swipe", hidden: "" }), knob = make("div", { class: "knob", role: "slider", tabindex: "0", "aria-orientation": "horizontal", "aria-valuemin": "0", "aria-valuemax": "100" });
  const arrows = draw("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }), leftName = make("div", { class: "side left" }), rightName = make("div", { class: "side right" });
  arrows.append(draw("path", { d: "M9 7L4 12L9 17M15 7L20 12L15 17" }));
  knob.append(arrows);
  divider.append(leftName, rightName, knob);
  container.append(divider);
  L.DomEvent.disableClickPropagation(divider);
  let share = 0.5, swiping = false, swipeButton = null;
  function clip() {
    if (!swiping) return;
    const size = map.getSize(), x = share * size.x, zoom = map.getZoom();
    divider.style.left = `${x}px`;
    for (const [element, side] of [[app.raster().getElement(), "left"], [second, "right"]]) {
      if (!element) continue;
      const start = map.latLngToContainerPoint(app.frame.box.getNorthWest()).x, wide = map.latLngToContainerPoint(app.frame.box.getNorthEast()).x - start;
      const cut = Math.min(Math.max((100 * (x - start)) / wide, 0), 100);
      element.style.clipPath = side === "left" ? `inset(0 ${100 - cut}% 0 0)` : `inset(0 0 0 ${cut}%)`;
    }
    const percent = Math.round(100 * share);
    knob.setAttribute("aria-valuenow", percent);
    knob.setAttribute("aria-valuetext", word("tool_swipe_at", { left: app.element().symbol, right: other().symbol, share: percent }));
  }
  function chip(key) {
    const one = app.element(key), cut = one.cutoffs[state.cut], mine = app.limits(key), theirs = app.limits(key === state.element ? other().key : state.element), parts = [make("b", {}, one.symbol)];
    if (state.statistic === "probability") parts.push(make("span", {}, cut === undefined ? "–" : word("over", { value: number(cut) })));
    else if (!one.simulated && !["grade", "sd"].includes(state.statistic)) parts.push(make("span", {}, word("tool_not_simulated")));
    if (mine[0] !== theirs[0] || mine[1] !== theirs[1]) parts.push(make("span", { class: "colours" }, word("tool_colours", { low: number(mine[0]), high: number(mine[1]) })));
    return parts;
  }
  function showSwipe() {
    if (!swiping) return;
    if (!map.hasLayer(overlay) && app.shown.has("grade")) overlay.addTo(map);
    if (map.hasLayer(overlay) && !app.shown.has("grade")) overlay.remove();
    overlay.setOpacity(state.opacity);
    app.paintOn(second, other().key);
    leftName.replaceChildren(...chip(state.element));
    rightName.replaceChildren(...chip(other().key));
    knob.setAttribute("aria-label", word("tool_swipe"));
    clip();
  }
  function toggleSwipe(on = !swiping) {
    swiping = on;
    divider.hidden = !on;
    swipeButton.setAttribute("aria-pressed", String(on));
    if (on) {
      map.on("move zoom zoomend resize viewreset", clip);
      showSwipe();
      knob.focus({ preventScroll: true });
    } else {
      map.off("move zoom zoomend resize viewreset", clip);
      overlay.remove();
      if (app.raster().getElement()) app.raster().getElement().style.clipPath = "";
      if (document.activeElement === knob || document.activeElement === document.body) swipeButton.focus({ preventScroll: true });
    }
  }
  const slideTo = (part) => { share = Math.min(Math.max(part, 0), 1); clip(); };
  knob.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: share - 0.02, ArrowDown: share - 0.02, ArrowRight: share + 0.02, ArrowUp: share + 0.02, PageDown: share - 0.1, PageUp: share + 0.1, Home: 0, End: 1 }[event.key];
    if (to === undefined && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") toggleSwipe(false); else slideTo(to);
  });
  knob.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    knob.focus({ preventScroll: true });
    knob.setPointerCapture(event.pointerId);
    const drag = (moved) => { const box = container.getBoundingClientRect(); slideTo((moved.clientX - box.left) / box.width); };
    knob.addEventListener("pointermove", drag);
    for (const end of ["pointerup", "pointercancel"]) knob.addEventListener(end, () => knob.removeEventListener("pointermove", drag), { once: true });
  });
  if (inPage.length > 1) {
    swipeButton = app.toolAction({ id: "swipe", icon: "M12 3V21M8 8L4 12L8 16M16 8L20 12L16 16", word: "tool_swipe", act: () => toggleSwipe() });
    swipeButton.setAttribute("aria-pressed", "false");
  }

  /* ---------- search ---------- */
  let query = "";
  const matches = () => {
    const wanted = query.trim().toLowerCase();
    const ids = app.cores.map((core, i) => [core.id, i]);
    if (!wanted) return ids;
    return [...ids.filter(([id]) => id.toLowerCase() === wanted), ...ids.filter(([id]) => id.toLowerCase() !== wanted && id.toLowerCase().startsWith(wanted)), ...ids.filter(([id]) => id.toLowerCase().indexOf(wanted) > 0)];
  };
  function openCore(i) { app.openCore(i); say(`${word("core")} ${app.cores[i].id}`); }
  function find() {
    const hits = matches(), position = seabedPosition(query);
    if (!query.trim()) return;
    if (hits.length > 0 && (position === null || hits[0][0].toLowerCase() === query.trim().toLowerCase())) return openCore(hits[0][1]);
    if (position === null) return say(word("tool_not_found", { text: query.trim() }));
    const at = L.latLng(nearby(position));
    if (!map.options.maxBounds?.contains(at)) return say(word("tool_outside_map", { position: app.degrees(at) }));
    map.setView(at, Math.max(map.getZoom(), map.getBoundsZoom(app.display.box(data.region_bounds))), { animate: !still.matches });
    app.inspect(at);
    say(app.degrees(at));
  }
  function searchCard() {
    const input = make("input", { type: "search", id: "tool-query", autocomplete: "off", spellcheck: "false", "data-keep": "query", "aria-describedby": "tool-query-how" }), list = make("ul", { class: "hits", id: "tool-hits", "aria-label": word("tool_hits") });
    input.value = query;
    const show = () => {
      const hits = matches();
      list.replaceChildren(...hits.slice(0, 12).map(([id, i]) => make("li", {}, button(id, () => openCore(i)))), ...(hits.length > 12 ? [make("li", { class: "small" }, word("tool_more_hits", { count: number(hits.length - 12) }))] : []));
    };
    input.addEventListener("input", () => { query = input.value; show(); });
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); find(); } });
    show();
    return [make("label", { for: "tool-query" }, word("tool_query")), make("div", { class: "ask" }, input, button(word("tool_go"), find, { id: "tool-go" })), make("p", { class: "small", id: "tool-query-how" }, word("tool_query_how")), list];
  }
  tool("search", "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M15.5 15.5L21 21", { start: () => $("tool-query").focus({ preventScroll: true }), render: searchCard });

  /* ---------- the whole screen ---------- */
  let whole = false;
  const screenButton = app.toolAction({ id: "screen", icon: "M4 9V4H9M15 4H20V9M20 15V20H15M9 20H4V15", word: "tool_screen", act: () => wholeScreen(!whole) });
  screenButton.setAttribute("aria-pressed", "false");
  function wholeScreen(on) {
    whole = on;
    document.body.classList.toggle("whole", on);
    screenButton.setAttribute("aria-pressed", String(on));
    // Where the browser refuses the screen, the map still takes the whole window.
    if (on) document.documentElement.requestFullscreen?.().catch(() => {});
    else if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    map.invalidateSize({ animate: false });
  }
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement && whole) wholeScreen(false); });
  addEventListener("resize", () => clip());
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || app.activeTool !== null) return;
    if (swiping) toggleSwipe(false); else if (whole) wholeScreen(false);
  }, true);

  /* ---------- pictures ---------- */
  const sheet = seabedSheet(app, { swipe: () => (swiping ? { canvas: second, share } : null), inside: () => (polygon.seen ? insideParts() : null) });
  const fileName = (what, kind) => {
    const cut = app.element().cutoffs[state.cut], depth = state.layer === 0 ? `${data.top_m}-${data.bottom_m}m` : `${data.layers[state.layer - 1].join("-")}m`;
    const statistic = { grade: "kriged", p10: "low_P90", p50: "median", p90: "high_P10" }[state.statistic] ?? state.statistic;
    return `${[state.element, what, ...(what === "tonnage" ? [app.element().tonnage[state.region].region.replace(/[^\w-]/g, "_")] : [statistic, depth, `cutoff${cut}ppm`]), ...(kind === "png" ? [state.lang] : [])].filter(Boolean).join("_")}.${kind}`;
  };
  function download(blob, name) {
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(word("tool_saved", { name }));
  }
  const table = (lines) => new Blob([lines.map((line) => `${line.join(",")}\n`).join("")], { type: "text/csv;charset=utf-8" });
  function tonnageLines() {
    const { region, rows } = app.element().tonnage[state.region], names = ["area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t"], lines = [["element", "region", "cutoff_ppm", "statistic", ...names, "data_kind"]];
    const add = (statistic, cut) => { const row = rows[statistic]?.[cut]; if (row) lines.push([seabedCell(state.element), seabedCell(region), seabedDigits(app.element().cutoffs[cut]), statistic, ...names.map((name) => seabedDigits(row[name])), seabedCell(data.data_kind)]); };
    app.element().cutoffs.forEach((_, cut) => add("kriged", cut));
    app.element().cutoffs.forEach((_, cut) => { for (const statistic of ["mean", "sd", "p05", "p10", "p50", "p90", "p95"]) add(statistic, cut); });
    return lines;
  }
  function cellLines() {
    const { statistic, layer, cut, element } = state, decimals = statistic === "probability" ? 3 : Math.max(0, Math.ceil(-Math.log10(app.element().step_ppm) - 1e-9));
    const column = { grade: "kriged_ppm", sd: "sd_ppm", p10: "p10_ppm", p50: "p50_ppm", p90: "p90_ppm", probability: `probability_over_${app.element().cutoffs[cut]}_ppm` }[statistic];
    const depth = layer === 0 ? [data.top_m, data.bottom_m] : data.layers[layer - 1], lines = [["row", "column", "longitude_deg", "latitude_deg", `${element}_${column}`, ...(data.marker === null ? ["from_m", "to_m"] : ["from_below_marker_m", "to_below_marker_m"]), "data_kind"]];
    for (let cell = 0; cell < app.cells.count; cell++) {
      const value = app.value(element, statistic, layer, cell, cut);
      if (value === null) continue;
      const row = Math.floor(cell / app.cells.columns), place = cell % app.cells.columns, [latitude, longitude] = app.cornerAt(row + 0.5, place + 0.5), turned = ((((longitude + 180) % 360) + 360) % 360) - 180;
      lines.push([row, place, turned.toFixed(6), latitude.toFixed(6), value.toFixed(decimals), ...depth, seabedCell(data.data_kind)]);
    }
    return lines;
  }
  function savePicture() { sheet.picture().toBlob((blob) => download(blob, fileName("map", "png")), "image/png"); }
  const exportCard = () => [
    note(word("tool_export_how")),
    make("div", { class: "choices" },
      button(word("tool_png"), savePicture, { id: "tool-png" }), note(word("tool_png_how")),
      button(word("tool_tonnage"), () => download(table(tonnageLines()), fileName("tonnage", "csv")), { id: "tool-tonnage" }), note(word("tool_tonnage_how")),
      button(word("tool_cells"), () => download(table(cellLines()), fileName("cells", "csv")), { id: "tool-cells" }), note(word(app.cells.factor > 1 ? "tool_cells_how_thinned" : "tool_cells_how", { factor: app.cells.factor }))),
  ];
  tool("export", "M12 3V15M7 10L12 15L17 10M4 17V21H20V17", {
    start: () => { left?.keep(true); $("tool-png").focus({ preventScroll: true }); },
    stop: () => { for (const one of [polygon, line]) one.keep(false); },
    render: exportCard,
  });

  /* ---------- print ---------- */
  app.toolAction({ id: "print", icon: "M7 8V3H17V8M7 17H4V8H20V17H17M7 14H17V21H7Z", word: "tool_print", act: () => print() });
  addEventListener("beforeprint", () => sheet.lay());
  addEventListener("afterprint", () => sheet.clear());

  app.on("state", () => { if (current?.word === "tool_polygon" || current?.word === "tool_export") render(); showSwipe(); if (polygon.active && polygon.done) say(spoken(), false); });
  app.on("language", () => {
    for (const one of [polygon, line]) if (one.active) one.group.eachLayer((layer) => layer.options.draggable && layer.getElement()?.setAttribute("aria-label", word("tool_vertex", { number: [...one.group.getLayers()].filter((l) => l.options.draggable).indexOf(layer) + 1 })));
    say("");
    if (line.active) label();
    render();
  });
  app.on("cores", showSwipe);
  app.tools = { polygon, line, tonnageLines, cellLines, sheet, found, swipe: { clip, slideTo, canvas: second } };
}
