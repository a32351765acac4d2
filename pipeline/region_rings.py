"""Rings of a region's outline: read from GeoJSON, in one piece also across the 180th meridian and around a pole."""

from __future__ import annotations

import math
from typing import Any

Ring = list[tuple[float, float]]
Rings = list[Ring]
"""A polygon: its outline first, then its holes."""

_TURN_DEG = 360.0


def polygons_of(content: Any) -> list[Rings]:
    """Every polygon of a GeoJSON document, its longitudes in one piece.

    Parameters
    ----------
    content : object
        What the file holds: a geometry, a feature, or a collection of features.

    Returns
    -------
    list of Rings
        Longitudes in degrees east; they pass 180 where the region lies across that meridian. A ring that goes once around a pole is led along its
        first meridian to the pole and back, so that it encloses the cap.

    Raises
    ------
    ValueError
        It holds something else than polygons of longitude and latitude; the message may be empty.

    Examples
    --------
    >>> ring = [[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]
    >>> polygons_of({"type": "Polygon", "coordinates": [ring]})
    [[[(179.0, 0.0), (181.0, 0.0), (181.0, 1.0), (179.0, 1.0), (179.0, 0.0)]]]
    """
    features = content.get("features", [content]) if isinstance(content, dict) else []
    return in_one_piece([together(polygon) for feature in features for polygon in _polygons(feature.get("geometry", feature))])


def _polygons(geometry: dict[str, Any]) -> list[Rings]:
    kind = geometry["type"]
    if kind not in ("Polygon", "MultiPolygon"):
        msg = f"holds a {kind}; only Polygon and MultiPolygon bound a region"
        raise ValueError(msg)
    polygons = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
    found: list[Rings] = [
        [[(float(longitude), float(latitude)) for longitude, latitude, *_ in ring] for ring in polygon] for polygon in polygons if polygon
    ]
    for polygon in found:
        for ring in polygon:
            if len(ring) < 4:
                msg = "has a ring of fewer than four positions; a closed ring has four or more"
                raise ValueError(msg)
            if not all(abs(longitude) <= 540 and abs(latitude) <= 90 for longitude, latitude in ring):
                msg = "has positions that are no longitude and latitude in degrees. Export it in WGS 84 (EPSG:4326)"
                raise ValueError(msg)
    return found


def together(polygon: Rings) -> Rings:
    """A polygon without jumps in longitude, its holes by whole turns within its outline."""
    outline, *holes = (_unwound(ring) for ring in polygon)
    west = min(longitude for longitude, _ in outline)
    moved = []
    for hole in holes:
        turns = math.floor((min(longitude for longitude, _ in hole) - west) / _TURN_DEG + 1e-9)
        moved.append([(longitude - _TURN_DEG * turns, latitude) for longitude, latitude in hole])
    return [outline, *moved]


def _unwound(ring: Ring) -> Ring:
    """A ring without jumps of more than half a turn: what steps from 179 to -179 crosses the 180th meridian."""
    # ASSUME: no side of a region's outline is longer than half a turn, unless it lies on one parallel or at a pole (a band around the Earth).
    if max(longitude for longitude, _ in ring) - min(longitude for longitude, _ in ring) >= _TURN_DEG:
        return ring
    longitudes = [ring[0][0]]
    for longitude, _ in ring[1:]:
        longitudes.append(longitude - _TURN_DEG * round((longitude - longitudes[-1]) / _TURN_DEG))
    unwound = [(longitude, latitude) for longitude, (_, latitude) in zip(longitudes, ring, strict=True)]
    if round((longitudes[-1] - longitudes[0]) / _TURN_DEG) == 0:
        return unwound
    pole = math.copysign(90.0, sum(latitude for _, latitude in ring))
    return [*unwound, (longitudes[-1], pole), (longitudes[0], pole), unwound[0]]


def in_one_piece(polygons: list[Rings]) -> list[Rings]:
    """Polygons whose parts stand on either side of the 180th meridian (RFC 7946, section 3.1.9), brought together by whole turns.

    The region begins behind the widest gap in longitude that it leaves free; where it lies in one half of the Earth as it is written, it stays so.
    """
    if not polygons:
        return polygons
    spans = [(min(x for x, _ in rings[0]), max(x for x, _ in rings[0])) for rings in polygons]
    if max(east for _, east in spans) - min(west for west, _ in spans) <= _TURN_DEG / 2:
        return polygons
    turned = sorted((west % _TURN_DEG, east - west) for west, east in spans)
    start, widest, reach = turned[0][0], -math.inf, -math.inf
    for west, width in [*turned, (turned[0][0] + _TURN_DEG, 0.0)]:
        if reach > -math.inf and west - reach > widest:
            widest, start = west - reach, west % _TURN_DEG
        reach = max(reach, west + width)
    if widest <= 1e-9:
        return polygons  # it goes all around
    first = start if start < _TURN_DEG / 2 else start - _TURN_DEG
    # Longitudes of a region run up from -180: one that lies across the 180th meridian passes it.
    first += _TURN_DEG * math.ceil((-180.0 - first) / _TURN_DEG)
    moved = []
    for rings, (west, _) in zip(polygons, spans, strict=True):
        turns = math.floor((west - first) / _TURN_DEG + 1e-9)
        moved.append([[(x - _TURN_DEG * turns, y) for x, y in ring] for ring in rings])
    return moved
