/* The plane that the map is drawn on: Web Mercator, or around a pole where that ends. Both are conformal; nothing is measured on either. */
"use strict";

/* `polar` is null, or { pole: 1 or -1, longitude_deg: the meridian down or up the middle }. One object for each map, found again by what it was made from. */
function seabedDisplay(polar) {
  if (seabedDisplay.known !== undefined && seabedDisplay.known.polar === JSON.stringify(polar)) return seabedDisplay.known.display;
  const radian = Math.PI / 180, R = L.Projection.SphericalMercator.R;
  let display;
  if (polar === null) {
    const plane = L.Projection.SphericalMercator;
    display = { polar, crs: L.CRS.EPSG3857, project: (position) => plane.project(L.latLng(position)), unproject: (point) => plane.unproject(point), box: (corners) => L.latLngBounds(corners) };
  } else {
    const sign = polar.pole;
    const projection = {
      R,
      project(position) {
        const radius = 2 * R * Math.tan((90 - sign * position.lat) * radian / 2), turn = (position.lng - polar.longitude_deg) * radian;
        return L.point(radius * Math.sin(turn), -sign * radius * Math.cos(turn));
      },
      unproject: (point) => L.latLng(sign * (90 - (2 / radian) * Math.atan(Math.hypot(point.x, point.y) / (2 * R))), polar.longitude_deg + Math.atan2(point.x, -sign * point.y) / radian),
      bounds: L.bounds([-Math.PI * R, -Math.PI * R], [Math.PI * R, Math.PI * R]),
    };
    const half = 0.5 / (Math.PI * R), crs = L.extend({}, L.CRS.Earth, { code: "polar", projection, transformation: L.transformation(half, 0.5, -half, 0.5) });
    /* Leaflet asks a box for its four corners; here they are corners on the plane, for meridians meet. */
    const framed = (low, high) => {
      const at = (x, y) => projection.unproject(L.point(x, y)), box = L.latLngBounds([at(low.x, low.y), at(high.x, high.y)]);
      return Object.assign(box, {
        getSouthWest: () => at(low.x, low.y), getNorthEast: () => at(high.x, high.y), getNorthWest: () => at(low.x, high.y), getSouthEast: () => at(high.x, low.y),
        getCenter: () => at((low.x + high.x) / 2, (low.y + high.y) / 2),
        pad: (share) => { const by = L.point((high.x - low.x) * share, (high.y - low.y) * share); return framed(low.subtract(by), high.add(by)); },
        contains: (other) => { const point = projection.project(L.latLng(other)); return point.x >= low.x && point.x <= high.x && point.y >= low.y && point.y <= high.y; },
      });
    };
    display = {
      polar, crs, project: (position) => projection.project(L.latLng(position)), unproject: (point) => projection.unproject(point),
      box: (corners) => { const around = L.bounds(corners.map((corner) => projection.project(L.latLng(corner)))); return framed(around.min, around.max); },
    };
  }
  /* Position of plane coordinates in degrees, as the program writes them. */
  display.position = (x, y) => { const found = display.unproject(L.point(x * radian * R, y * radian * R)); return [found.lat, found.lng]; };
  seabedDisplay.known = { polar: JSON.stringify(polar), display };
  return display;
}
