/* Drawings in SVG: down a core, and tonnage over the cut-off. Every one has a text that says the same. */
"use strict";

function seabedCharts(app) {
  const { data, draw, number, word } = app;

  function tidy(span, parts) { // round step that cuts a span into no more than about so many parts
    const raw = span / parts, size = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((k) => k * size).find((step) => step >= raw * 0.999);
  }

  /* Samples of a core as bars: a panel for each element and one for density, side by side on one depth axis. */
  function profile(core) {
    const panels = data.profiles.map((name, i) => ({ name, i, values: core.samples.filter((sample) => sample[2][i] !== null) }));
    const shown = panels.filter((panel) => panel.values.length > 0);
    if (shown.length === 0) return null;
    const left = 40, gap = 12, top = 22, bottom = 22, high = 168, wide = shown.length > 3 ? 76 : 300 / shown.length - gap;
    const width = left + shown.length * (wide + gap), height = top + high + bottom;
    // Below a marker the layers begin at another depth in each core, and nowhere in a core that does not meet it.
    const moved = data.marker === null ? 0 : core.marker_m, layers = moved === null ? [] : data.layers.map((edges) => edges.map((edge) => Math.max(edge + moved, 0)));
    const deepest = Math.max(moved === null ? 0 : data.bottom_m + moved, core.penetration_m ?? 0, ...core.samples.map((sample) => sample[1]));
    const y = (depth) => top + (depth / deepest) * high;
    const svg = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said(core, shown) });
    const stepY = tidy(deepest, 5);
    for (let depth = 0; depth <= deepest * 1.001; depth += stepY) svg.append(draw("text", { x: left - 6, y: y(depth) + 4, "text-anchor": "end" }, number(depth)));
    svg.append(draw("text", { x: 10, y: top + high / 2, transform: `rotate(-90 10 ${top + high / 2})`, "text-anchor": "middle" }, word("profile_depth")));
    shown.forEach((panel, place) => {
      const start = left + place * (wide + gap), most = Math.max(...panel.values.map((sample) => sample[2][panel.i])), step = tidy(most > 0 ? most : 1, 2);
      const end = Math.ceil((most > 0 ? most : 1) / step - 1e-9) * step, x = (value) => start + (value / end) * wide;
      layers.forEach(([from, to], layer) => {
        if (to > from) svg.append(draw("rect", { x: start, y: y(from), width: wide, height: y(to) - y(from), fill: app.state.layer === layer + 1 ? "#cfe0ec" : layer % 2 ? "#f5f8fa" : "#e9eff3" }));
      });
      for (const [from, to, values] of panel.values) {
        svg.append(draw("rect", { x: start, y: y(from), width: Math.max(x(values[panel.i]) - start, 0.8), height: Math.max(y(to) - y(from), 1), fill: panel.name === "density" ? "#7a6a53" : "#0a5a8c", class: "bar" }));
      }
      svg.append(draw("line", { x1: start, x2: start, y1: top, y2: top + high, stroke: "#70818c" }));
      for (const value of [0, end]) svg.append(draw("text", { x: x(value), y: height - 8, "text-anchor": value === 0 ? "start" : "end" }, number(value)));
      svg.append(draw("text", { x: start, y: 13, class: "panel-name" }, panelName(panel.name)));
    });
    if (data.marker !== null && core.marker_m !== null) {
      svg.append(draw("line", { x1: left - 4, x2: width - gap + 4, y1: y(core.marker_m), y2: y(core.marker_m), stroke: "#8a1c5b", "stroke-width": 1.6, class: "picked" }));
    }
    if (core.penetration_m !== null) {
      svg.append(draw("line", { x1: left - 4, x2: width - gap + 4, y1: y(core.penetration_m), y2: y(core.penetration_m), class: "penetration" }));
    }
    return svg;
  }
  const panelName = (name) => (name === "density" ? word("profile_density") : word("profile_ppm", { symbol: app.element(name)?.symbol ?? name }));
  const said = (core, shown) =>
    [word("profile_alt", { count: core.samples.length }), ...shown.map((panel) => {
      const values = panel.values.map((sample) => sample[2][panel.i]);
      return word("profile_alt_panel", { panel: panelName(panel.name), low: number(Math.min(...values), 3), high: number(Math.max(...values), 3) });
    })].join(word("stop"));

  /* Metal, mud or grade over the cut-off: the mean with its band from low to high, and a marker at the slider. */
  function curve(rows, cutoffs, cut, figure, scale, unit, pick) {
    const [width, height, right, top, bottom] = [300, 168, 10, 20, 32];
    const middle = rows.mean ?? rows.kriged, at = (list, i) => (list?.[i]?.[figure] == null ? null : list[i][figure] * scale);
    const all = [rows.p90, middle].flatMap((list) => cutoffs.map((_, i) => at(list, i))).filter((value) => value !== null);
    const most = Math.max(...all, 0), step = tidy(most > 0 ? most : 1, 4), end = Math.ceil((most > 0 ? most : 1) / step - 1e-9) * step, last = cutoffs.at(-1) || 1;
    const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, k) => k * step), left = 12 + 6.4 * Math.max(...ticks.map((value) => number(value, 3).length));
    const x = (cutoff) => left + (cutoff / last) * (width - left - right), y = (value) => height - bottom - (value / end) * (height - top - bottom);
    const svg = draw("svg", { class: "chart curve", viewBox: `0 0 ${width} ${height}`, role: "img" });
    for (const value of ticks) {
      svg.append(draw("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: value === 0 ? "#70818c" : "#e3e9ed" }));
      svg.append(draw("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value, 3)));
    }
    const stepX = tidy(last, 5);
    for (let value = 0; value <= last * 1.001; value += stepX) svg.append(draw("text", { x: x(value), y: height - bottom + 14, "text-anchor": "middle" }, number(value)));
    svg.append(draw("text", { x: (left + width - right) / 2, y: height - 3, "text-anchor": "middle" }, word("curve_axis")));
    svg.append(draw("text", { x: 2, y: 11 }, unit));
    const points = (list) => cutoffs.map((cutoff, i) => [x(cutoff), at(list, i)]).filter(([, value]) => value !== null).map(([px, value]) => [px, y(value)]);
    const path = (list) => list.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
    if (rows.p10 && rows.p90) {
      const low = points(rows.p10), high = points(rows.p90);
      if (low.length && high.length) svg.append(draw("path", { d: `${path(high)}L${[...low].reverse().map((point) => point.map((v) => v.toFixed(1)).join(" ")).join("L")}Z`, class: "band" }));
    }
    svg.append(draw("path", { d: path(points(middle)), class: "middle" }));
    const here = x(cutoffs[cut]), value = at(middle, cut);
    svg.append(draw("line", { x1: here, x2: here, y1: top, y2: height - bottom, class: "marker" }));
    if (rows.p10 && at(rows.p10, cut) !== null && at(rows.p90, cut) !== null) svg.append(draw("line", { x1: here, x2: here, y1: y(at(rows.p10, cut)), y2: y(at(rows.p90, cut)), class: "span" }));
    if (value !== null) svg.append(draw("circle", { cx: here, cy: y(value), r: 4.5, class: "dot", "data-cutoff": cutoffs[cut] }));
    cutoffs.forEach((cutoff, i) => {
      const before = i ? (x(cutoffs[i - 1]) + x(cutoff)) / 2 : left - 6, after = i < cutoffs.length - 1 ? (x(cutoff) + x(cutoffs[i + 1])) / 2 : width;
      const strip = draw("rect", { x: before, y: top, width: after - before, height: height - top - bottom, fill: "transparent", class: "strip" });
      strip.addEventListener("click", () => pick(i)); // a shortcut; the slider does the same by keyboard
      svg.append(strip);
    });
    const told = cutoffs.map((cutoff, i) => (at(middle, i) === null ? null : word(rows.p10 ? "curve_alt_point" : "curve_alt_kriged", {
      cutoff: number(cutoff), value: number(at(middle, i), 3), low: at(rows.p10, i) === null ? "–" : number(at(rows.p10, i), 3), high: at(rows.p90, i) === null ? "–" : number(at(rows.p90, i), 3),
    }))).filter((text) => text !== null);
    svg.setAttribute("aria-label", [unit, ...told].join(word("stop")));
    return svg;
  }

  return { curve, profile, tidy };
}
