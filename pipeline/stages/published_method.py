"""Make the published estimate again by its own method on the cores at hand, and put this program's estimate of the same squares beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import (
    PUBLISHED_METHOD_COLUMNS,
    Composites,
    Density,
    Grade,
    PublishedFiles,
    PublishedMethod,
    Samples,
    Seafloor,
    Squares,
    Tonnage,
)
from pipeline.artefacts.formats import plain
from pipeline.config import ElementSettings, PublishedMethodSettings
from pipeline.errors import TooFewSamples
from pipeline.grid import require_same_grid
from pipeline.published_comparison import REY, exact_steps, headline_row, nothing_to_compare
from pipeline.published_method import (
    INTERPOLATIONS,
    WHOLE,
    Estimate,
    Metres,
    at_other_places,
    estimate,
    grades_in_squares,
    interpolation,
    metres_of,
    squares_in,
)
from pipeline.published_method import Squares as Layout
from pipeline.units import GROUPS, KM2_PER_M2, TONNE_PER_GRAM, oxide_per_element, oxide_per_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_FEWEST_DRAWS = 40
"""Realisations from which a 90 % interval is told."""

_EDGE = 1e-9


def run(
    samples: Samples,
    composites: Composites,
    seafloor: Seafloor,
    grades: list[Grade],
    density: Density,
    squares: Squares,
    tonnage: Tonnage,
    published: PublishedFiles,
    elements: ElementSettings,
    settings: PublishedMethodSettings,
) -> PublishedMethod:
    """Map each metre, sum 24 squares, and tell what of the difference to this program is density, method and area.

    The sum of all rare earths is made where samples carry it; each assessed element likewise, so that both methods can be held against each other on
    the same cores, the same squares and the same density. The published density follows from the published total: with it the result is circular, and
    says so. The ratio of the richest square to the whole has no density in it.
    """
    import pandas as pd

    figures = published.figures()
    reason = nothing_to_compare(figures, samples)
    if reason is not None:
        empty = pd.DataFrame(columns=list(PUBLISHED_METHOD_COLUMNS))
        return PublishedMethod({**samples.marks.tags(), "state": "nothing", "reason": reason, "elements": {}}, empty)
    require_same_grid(seafloor.grid, density.grid, squares.grid, *(grade.grid for grade in grades))
    value = {name.removeprefix("takaya_2018_"): float(row["value"]) for name, row in figures.items() if name.startswith("takaya_2018_")}
    layout_bounds = (value["west"], value["south"], value["east"], value["north"])
    layout = squares_in(layout_bounds, seafloor.grid, settings)
    edges_m = _edges_m(value["top"], value["bottom"], settings.map_layer_m)
    known, rows = {}, []
    for element in dict.fromkeys([REY, *elements.assessed]):
        column = f"{element}_ppm"
        if column not in samples.frame or not samples.frame[column].notna().any():
            continue
        metres = metres_of(samples.frame, column, edges_m, seafloor.grid)
        if not metres.cores.any():
            continue
        factor, origin = _oxide(element, samples, composites, elements)
        found = _Rebuilt(element, metres, layout, value["implied_density"], factor, settings)
        rows += found.rows(samples.marks.text())
        grade = next((part for part in grades if part.element == element), None)
        ours = None if grade is None else _ours(grade, density, seafloor, squares, layout, (value["top"], value["bottom"]))
        means, ratios = at_other_places(metres, layout_bounds, seafloor.grid, interpolation(found.chosen, metres, settings), settings)
        known[element] = {
            "oxide_per_metal": factor,
            "oxide_per_metal_source": origin,
            "cores": len(metres.core_id),
            "samples": int(samples.frame[column].notna().sum()),
            "metres_without_core": [f"{edges_m[metre]:g}-{edges_m[metre + 1]:g} m" for metre in np.flatnonzero(metres.cores == 0)],
            "interpolation": found.chosen,
            "interpolations": found.told(),
            "not_made": found.not_made,
            "other_places": {"grade_ppm": [means.min(), means.max()], "best_over_whole": [ratios.min(), ratios.max()], "places": int(means.size)},
            "ours": ours,
            "steps": _steps(element, found, ours, tonnage, value, factor),
        }
    west_m, south_m, side_m = layout.west_m, layout.south_m, layout.side_m
    corners = seafloor.grid.to_lonlat(
        west_m + np.array([0, layout.east, layout.east, 0]) * side_m, south_m + np.array([0, 0, layout.north, layout.north]) * side_m
    )
    content = {
        **samples.marks.tags(),
        "state": "made" if known else "nothing",
        "reason": None
        if known
        else {"en": "No sample carries a grade in the published interval.", "ja": "公表値の区間に品位をもつ試料がありません。"},
        "source": figures["takaya_2018_reo_total"].get("source", ""),
        "published": {
            "reo_t": value["reo_total"],
            "rey_mean_ppm": value["rey_mean"],
            "best_over_whole": value.get("best_over_whole"),
            "area_km2": value["area"],
        },
        "interval_m": [value["top"], value["bottom"]],
        "density": {
            "dry_bulk_density_t_m3": value["implied_density"],
            "low_t_m3": _bound(figures, "low"),
            "high_t_m3": _bound(figures, "high"),
            "is_circular": True,
        },
        "layout": {
            "squares_east": layout.east,
            "squares_north": layout.north,
            "side_m": side_m,
            "area_km2": layout.area_km2,
            "room_m": list(layout.room_m),
            "corners_deg": [list(corner) for corner in zip(*corners, strict=True)],
        },
        "density_source": density.source,
        "has_rey": REY in known,
        "elements": known,
    }
    return PublishedMethod(plain(content), pd.DataFrame(rows, columns=list(PUBLISHED_METHOD_COLUMNS)))


def _bound(figures: Mapping[str, Mapping[str, str]], name: str) -> float | None:
    written = figures["takaya_2018_implied_density"].get(name)
    return float(written) if written else None


def _edges_m(top_m: float, bottom_m: float, layer_m: float) -> Array:
    """Depths between the maps; the last map may be thinner."""
    count = math.ceil((bottom_m - top_m) / layer_m - _EDGE)
    return np.append(top_m + layer_m * np.arange(count), bottom_m)


def _oxide(element: str, samples: Samples, composites: Composites, elements: ElementSettings) -> tuple[float | None, str]:
    """Mass of oxide over metal and where it comes from: ``constant``, ``samples``, ``settings`` or ``unknown``."""
    if element not in GROUPS:
        factor = oxide_per_element(element)
        return factor, "unknown" if factor is None else "constant"
    if element in composites.group_oxides:
        part = composites.group_oxides[element]
        return float(part["factor"]), str(part["source"])
    columns = {member: f"{member}_ppm" for member in sorted(GROUPS[element])}
    if all(column in samples.frame for column in columns.values()):
        complete = samples.frame.dropna(subset=list(columns.values()))
        length_m = complete["to_m"] - complete["from_m"]
        factor = oxide_per_group({member: float((length_m * complete[column]).sum()) for member, column in columns.items()})
        if factor is not None:
            return factor, "samples"
    if element == REY and elements.reo_per_rey != "unknown":
        return elements.reo_per_rey, "settings"
    return None, "unknown"


class _Rebuilt:
    """What every interpolation makes of one element; the chosen one speaks, the others show what another choice would change."""

    def __init__(
        self, element: str, metres: Metres, layout: Layout, density_t_m3: float, oxide_per_metal: float | None, settings: PublishedMethodSettings
    ) -> None:
        self.element, self.metres, self.layout, self.oxide_per_metal = element, metres, layout, oxide_per_metal
        self.density_t_m3, self.chosen = density_t_m3, settings.interpolation
        self.found: dict[str, Estimate] = {}
        self.not_made: dict[str, str] = {}
        for name in INTERPOLATIONS:
            try:
                interpolate = interpolation(name, metres, settings)
            except TooFewSamples as error:
                self.not_made[name] = str(error)
                continue
            self.found[name] = estimate(grades_in_squares(metres, layout, interpolate, settings.square_nodes), metres.thickness_m)
        if self.chosen not in self.found:
            self.chosen = "inverse_distance"

    @property
    def thickness_m(self) -> float:
        """Of the metres that any core shows."""
        return float(self.metres.thickness_m[self.metres.cores > 0].sum())

    def metal_t(self, name: str, density_t_m3: float) -> float:
        """In all squares."""
        return self.layout.area_km2 / KM2_PER_M2 * self.thickness_m * density_t_m3 * self.found[name].mean_ppm * TONNE_PER_GRAM

    def told(self) -> dict[str, Any]:
        """Each interpolation in figures, with the published density."""
        out = {}
        for name, part in self.found.items():
            metal_t = self.metal_t(name, self.density_t_m3)
            out[name] = {
                "grade_ppm": part.mean_ppm,
                "metal_t": metal_t,
                "oxide_t": None if self.oxide_per_metal is None else metal_t * self.oxide_per_metal,
                "best_over_whole": part.best_over_whole,
                "best_square": self.layout.names[part.best[0]][part.best[1]],
            }
        return out

    def rows(self, data_kind: str) -> list[list[object]]:
        """Rows of the table: each square and the whole, each metre and all of them."""
        edges_m, thickness_m = self.metres.edges_m, self.metres.thickness_m
        names = {WHOLE: None} | {name: (row, column) for row, line in enumerate(self.layout.names) for column, name in enumerate(line)}
        rows = []
        for interpolated, part in self.found.items():
            for name, at in names.items():
                area_km2 = self.layout.area_km2 / (1 if at is None else self.layout.east * self.layout.north)
                for metre, grades in enumerate(part.grade_ppm):
                    grade_ppm = float(grades.mean() if at is None else grades[at])
                    known = math.isfinite(grade_ppm)
                    sites = int(self.metres.cores[metre])
                    figures = self._figures(area_km2, float(thickness_m[metre]) if known else 0.0, grade_ppm)
                    rows.append([self.element, interpolated, name, edges_m[metre], edges_m[metre + 1], sites, *figures, data_kind])
                column_ppm = part.mean_ppm if at is None else float(part.column_ppm[at])
                figures = self._figures(area_km2, self.thickness_m, column_ppm)
                rows.append([self.element, interpolated, name, edges_m[0], edges_m[-1], len(self.metres.core_id), *figures, data_kind])
        return rows

    def _figures(self, area_km2: float, thickness_m: float, grade_ppm: float) -> list[float]:
        mud_t = area_km2 / KM2_PER_M2 * thickness_m * self.density_t_m3
        metal_t = mud_t * grade_ppm * TONNE_PER_GRAM if math.isfinite(grade_ppm) else math.nan
        return [area_km2, mud_t, grade_ppm, metal_t, math.nan if self.oxide_per_metal is None else metal_t * self.oxide_per_metal]


def _ours(
    grade: Grade, density: Density, seafloor: Seafloor, squares: Squares, layout: Layout, interval_m: tuple[float, float]
) -> dict[str, Any] | None:
    """What this program estimates in the same squares and the same interval; ``None`` where they are not all inside it."""
    layers = seafloor.layers
    # The published interval lies below the seafloor: layers below a marker are another one in every cell.
    if layers.marker or abs(layers.top_m - interval_m[0]) > _EDGE or abs(layers.bottom_m - interval_m[1]) > _EDGE:
        return None
    grid = seafloor.grid
    known = np.isfinite(grade.layer_ppm)
    block_t = np.where(known, density.layer_t_m3, 0.0) * layers.layer_m * grid.cell_area_m2 * seafloor.region_share
    mud_t, metal_t = block_t.sum(axis=0), (block_t * np.nan_to_num(grade.layer_ppm)).sum(axis=0) * TONNE_PER_GRAM
    # The squares lie inside the region, or are cut by it: of a cell on the edge of both they hold what the smaller share says.
    in_region = seafloor.region_share
    inside = np.divide(np.minimum(layout.share_of_cells(grid), in_region), in_region, out=np.zeros(grid.shape), where=in_region > 0)
    area_km2 = float((inside * in_region * known.any(axis=0)).sum()) * grid.cell_area_m2 * KM2_PER_M2
    if not area_km2 > 0:
        return None
    volume_m3 = area_km2 / KM2_PER_M2 * (layers.bottom_m - layers.top_m)
    kriged_mud_t, kriged_t = float((inside * mud_t).sum()), float((inside * metal_t).sum())
    kriged = {"metal_t": kriged_t, "grade_ppm": kriged_t / kriged_mud_t / TONNE_PER_GRAM, "dry_bulk_density_t_m3": kriged_mud_t / volume_m3}
    found: dict[str, Any] = {"area_km2": area_km2, "covered_share": area_km2 / layout.area_km2, "kriged": kriged}
    drawn = _draws(grade.element, squares, inside, mud_t, metal_t)
    if drawn is not None:
        mud, metal = drawn
        levels = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95} if metal.size >= _FEWEST_DRAWS else {}
        found["simulated"] = {
            "realisations": int(metal.size),
            "metal_t": float(metal.mean()),
            "grade_ppm": float(metal.sum() / mud.sum() / TONNE_PER_GRAM),
            "dry_bulk_density_t_m3": float(mud.mean()) / volume_m3,
            **{f"{name}_metal_t": float(np.quantile(metal, level, method="weibull")) for name, level in levels.items()},
        }
    return found


def _draws(element: str, squares: Squares, inside: Array, mud_t: Array, metal_t: Array) -> tuple[Array, Array] | None:
    """(realisations,) dry mud and metal in the published squares, from the realisations that are kept by squares of their own.

    A square that is cut counts by the share of its kriged mud and metal inside: how a realisation differs from that along the edge is left out.
    """
    totals = squares.grades.get(element)
    if totals is None or 0.0 not in totals.cutoffs_ppm:
        return None
    at, side, shape = totals.cutoffs_ppm.index(0.0), squares.side_cells, squares.shape

    def by_square(values: Array) -> Array:
        grown = [(0, count * side - size) for count, size in zip(shape, values.shape, strict=True)]
        return np.asarray(np.pad(values, grown).reshape(shape[0], side, shape[1], side).sum(axis=(1, 3)))

    drawn = []
    for kriged_t, draws_t in ((mud_t, totals.dry_mud_t[:, at]), (metal_t, totals.metal_t[:, at])):
        whole_t = by_square(kriged_t)
        share = np.divide(by_square(inside * kriged_t), whole_t, out=np.zeros(shape), where=whole_t > 0)
        drawn.append(np.asarray((draws_t * share).sum(axis=(1, 2))))
    return drawn[0], drawn[1]


def _steps(
    element: str, found: _Rebuilt, ours: dict[str, Any] | None, tonnage: Tonnage, value: Mapping[str, float], oxide_per_metal: float | None
) -> dict[str, Any]:
    """From the published total to theirs on these cores, and on to ours: density, method, then area; in oxides where these are what is counted.

    ``adds_t`` of the steps add up to the last level less the first, to the last bit.
    """
    as_oxide = element == REY and oxide_per_metal is not None
    unit = oxide_per_metal if as_oxide and oxide_per_metal is not None else 1.0
    rebuilt_t = found.metal_t(found.chosen, found.density_t_m3) * unit
    levels = [("published", value["reo_total"])] if as_oxide else []
    levels.append(("rebuilt", rebuilt_t))
    if ours is not None:
        best = ours.get("simulated", ours["kriged"])
        same_density_t = rebuilt_t * best["dry_bulk_density_t_m3"] / found.density_t_m3
        levels += [("density", same_density_t)]
        if abs(ours["covered_share"] - 1) > _EDGE:
            levels.append(("covered", same_density_t * ours["covered_share"]))
        levels.append(("method", best["metal_t"] * unit))
        row = headline_row(tonnage, element)
        if row is not None:
            levels.append(("area", row.metal_t * unit))
    kept, adds = exact_steps(level for _, level in levels)
    steps = [{"key": key, "level_t": level_t, "adds_t": added_t} for (key, _), level_t, added_t in zip(levels, kept, [0.0, *adds], strict=True)]
    row = headline_row(tonnage, element) if ours is not None else None
    return {"counts": "oxide" if as_oxide else "metal", "region": None if row is None else row.region, "levels": steps}
