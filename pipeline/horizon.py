"""The marker horizon: its picks in the cores, and what each draw of it leaves of the blocks of a realisation."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.marker_surface import SurfaceDraws, thickness_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.artefacts import Seafloor
    from pipeline.config import HorizonSettings
    from pipeline.geostatistics.layered_simulation import Blocks

    Array = NDArray[np.float64]

_SHOWN = 5


@dataclass(frozen=True)
class CorePicks:
    """What each core says of the marker.

    Parameters
    ----------
    core_id : (picks,) array of str
        Cores with a pick, sorted.
    longitude_deg, latitude_deg : (picks,) arrays
    marker_m : (picks,) array
        Depth of the marker below the seafloor, in metres.
    error_sd_m : (picks,) array
        Standard deviation of its error.
    without : dict of str to list of str
        Cores without a pick, by the reason.
    """

    core_id: NDArray[np.object_]
    longitude_deg: Array
    latitude_deg: Array
    marker_m: Array
    error_sd_m: Array
    without: dict[str, list[str]]

    @property
    def said(self) -> tuple[str, ...]:
        """Cores that enter no estimate, counted and named, reason by reason."""
        return tuple(
            f"{len(cores)} {'core says' if len(cores) == 1 else 'cores say'} not where the marker lies and {'is' if len(cores) == 1 else 'are'} "
            f"left out: {reason} ({', '.join(cores[:_SHOWN])}{', …' if len(cores) > _SHOWN else ''})"
            for reason, cores in sorted(self.without.items())
        )

    def of_cores(self) -> dict[str, float]:
        """Depth of the marker by core."""
        return dict(zip(self.core_id.tolist(), self.marker_m.tolist(), strict=True))


def core_picks(samples: pd.DataFrame, settings: HorizonSettings, marker: str) -> CorePicks:
    """Where each core meets the marker: as ``marker_m`` says, else at the boundary of the unit that the settings name.

    A boundary is taken where the unit lies once in the core and another unit is seen beyond it. Between two samples it lies midway, its error uniform
    over the gap; where the gap is wider than the settings allow, the core tells of no marker.

    Parameters
    ----------
    samples : DataFrame
        Accepted intervals.
    settings : HorizonSettings
    marker : str
        Name of the marker, for messages.

    Raises
    ------
    TooFewSamples
        No core says where the marker lies.
    """
    found: dict[str, tuple[float, float, float, float]] = {}
    without: dict[str, list[str]] = {}
    for core_id, rows in samples.groupby("core_id", sort=True):
        first = rows.iloc[0]
        given = rows["marker_m"].dropna() if "marker_m" in rows else rows["from_m"].iloc[:0]
        why = "marker_m is empty" if "marker_m" in rows else "there is no column marker_m"
        depth_m, gap_m = (float(given.iloc[0]), 0.0) if len(given) else (np.nan, 0.0)
        if not len(given) and settings.unit:
            # ASSUME: where a core has both, marker_m is right: a person picked it.
            depth_m, gap_m, why = _boundary(rows, settings)
        if np.isfinite(depth_m):
            # ASSUME: a boundary lies anywhere between the two samples that show it, uniformly.
            error_m = float(np.hypot(settings.pick_sd_m, gap_m / np.sqrt(12)))
            found[str(core_id)] = (float(first["longitude_deg"]), float(first["latitude_deg"]), depth_m, error_m)
        else:
            without.setdefault(why, []).append(str(core_id))
    if not found:
        reasons = "; ".join(f"{reason}: {len(cores)} cores" for reason, cores in sorted(without.items()))
        msg = (
            f'[grid] reference is "marker", and no core says where the marker {marker!r} lies ({reasons}). Fill the column marker_m of the core '
            'tables, or name one of their units in [horizon] unit; or set reference = "seafloor".'
        )
        raise TooFewSamples(msg)
    values = np.array([found[core] for core in sorted(found)], dtype=np.float64)
    longitude_deg, latitude_deg, marker_m, error_sd_m = values.T
    return CorePicks(np.array(sorted(found), dtype=object), longitude_deg, latitude_deg, marker_m, error_sd_m, without)


def _boundary(rows: pd.DataFrame, settings: HorizonSettings) -> tuple[float, float, str]:
    """Depth of the settings' boundary in one core, the gap between the two samples beside it, and why there is none."""
    if "unit" not in rows:
        return np.nan, 0.0, "there is no column unit"
    rows = rows.sort_values(["from_m", "to_m"])
    names = np.array([_plain(str(name)) for name in rows["unit"]], dtype=object)
    # Intervals without a unit say nothing; they widen the gap.
    named = names != ""
    names, from_m, to_m = names[named], rows["from_m"].to_numpy(dtype=float)[named], rows["to_m"].to_numpy(dtype=float)[named]
    wanted = _plain(settings.unit)
    inside = np.flatnonzero(names == wanted)
    if not inside.size:
        return np.nan, 0.0, f"the unit {settings.unit} is not seen"
    if inside[-1] - inside[0] + 1 != inside.size:
        return np.nan, 0.0, f"the unit {settings.unit} is seen more than once"
    at = inside[0] if settings.boundary == "top" else inside[-1] + 1
    if at == 0:
        # ASSUME: a unit that begins at the seafloor may have lost its top: where that was, nothing tells.
        return np.nan, 0.0, f"nothing is seen above the unit {settings.unit}"
    if at == names.size:
        return np.nan, 0.0, f"the base of the unit {settings.unit} is not reached"
    gap_m = max(float(from_m[at] - to_m[at - 1]), 0.0)
    if gap_m > settings.max_gap_m + 1e-9:
        side = "top" if settings.boundary == "top" else "base"
        return np.nan, 0.0, f"the {side} of the unit {settings.unit} lies in a gap of more than {settings.max_gap_m:g} m ([horizon] max_gap_m)"
    return float(to_m[at - 1] + from_m[at]) / 2, gap_m, ""


def _plain(name: str) -> str:
    """A unit's name whatever its case and width."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


@dataclass(frozen=True)
class MarkerDraws:
    """One depth of the marker for every realisation, and what it leaves of each block.

    Parameters
    ----------
    surface : SurfaceDraws
    tops_m : (layers simulated,) array
        Below the marker, negative above it.
    layer_m : float
    """

    surface: SurfaceDraws
    tops_m: Array
    layer_m: float

    @classmethod
    def of(cls, seafloor: Seafloor, simulated: NDArray[np.int64], nodes: int, seed: int, cells: int = 1) -> MarkerDraws | None:
        """Draws on the grid of the seafloor, or on cells as large as several; ``None`` where layers are below the seafloor.

        Parameters
        ----------
        seafloor : Seafloor
        simulated : (layers simulated,) int array
            Their numbers.
        nodes : int
            Along each side of a cell.
        seed : int
        cells : int
            Cells of the grid along the side of one that is drawn.
        """
        horizon, grid = seafloor.horizon, seafloor.grid
        if horizon is None:
            return None
        cell_m = grid.cell_m * cells
        rows, columns = (-(-count // cells) for count in grid.shape)
        origin_m = float(grid.transform.c) + cell_m / 2, float(grid.transform.f) - cell_m / 2
        surface = SurfaceDraws(horizon.surface, origin_m, (rows, columns), cell_m, nodes, seed)
        return cls(surface, seafloor.layers.tops_m[simulated], seafloor.layers.layer_m)

    def share(self, marker_m: Array) -> NDArray[np.float32]:
        """(layers simulated, rows, columns) share of each block that lies below the seafloor."""
        # ASSUME: inside a cell the marker lies at its mean depth; what it rises and falls there is not counted.
        return thickness_share(marker_m, 0.0, self.tops_m, self.layer_m).astype(np.float32)

    def of_all(self, draws: Iterator[Blocks]) -> Iterator[Blocks]:
        """Realisations with what lies above the seafloor taken off: the marker is drawn once for all layers, and apart from grade and density."""
        # ASSUME: where the marker lies tells nothing of the grade beside it, nor the other way.
        for blocks in draws:
            marker_m = self.surface.realisation(blocks.number)
            share = self.share(marker_m)
            yield replace(blocks, density_t_m3=blocks.density_t_m3 * share, metal_g_m3=blocks.metal_g_m3 * share, marker_m=marker_m)

    def held(self, draws: Iterator[Blocks]) -> Iterator[Blocks]:
        """Realisations with the expected share of each block: the marker's part of the uncertainty is off."""
        share = thickness_share(*self.surface.kriged_cells_m, self.tops_m, self.layer_m).astype(np.float32)
        for blocks in draws:
            yield replace(blocks, density_t_m3=blocks.density_t_m3 * share, metal_g_m3=blocks.metal_g_m3 * share)
