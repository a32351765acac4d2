"""Cells in which a new core may stand, limit by limit."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from pipeline.field import core_positions_m
from pipeline.mining.masks import inside_zone, outside_polygons

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.artefacts import Composites, DomainFiles, Seafloor
    from pipeline.config import NextCoreSettings, PlaceSettings, RegionSettings

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CoreSites:
    """Where new cores may stand.

    Parameters
    ----------
    allowed : (rows, columns) bool array
    limits : list of dict
        ``limit`` and ``cells`` that are left by it and all before it.
    unusable : tuple of str
        Domains that should exclude and cannot be used.
    """

    allowed: Mask
    limits: list[dict[str, Any]]
    unusable: tuple[str, ...]

    @classmethod
    def of(
        cls,
        estimated: Mask,
        min_distance_m: float,
        composites: Composites,
        seafloor: Seafloor,
        settings: NextCoreSettings,
        place: PlaceSettings,
        domains: DomainFiles,
        region: RegionSettings,
    ) -> CoreSites:
        """Estimated cells that lie mostly in the region and within every limit; a cell whose water depth is not known stays."""
        easting_m, northing_m = seafloor.grid.centres_m()
        distance_m, _ = cKDTree(core_positions_m(composites, seafloor.grid)).query(np.column_stack([easting_m.ravel(), northing_m.ravel()]))
        zone = inside_zone(seafloor.grid, place)
        # ASSUME: where outcrop, a seamount or a no-go area is drawn, no core is taken.
        outside, _, unusable = outside_polygons(seafloor.grid, domains.features(besides=region.polygon))
        limits = {
            "estimated": estimated & (seafloor.region_share >= 0.5),
            "far_from_cores": np.asarray(distance_m).reshape(seafloor.grid.shape) >= min_distance_m,
            "inside_zone": np.ones_like(estimated) if zone is None else zone,
            "within_depth": ~(seafloor.depth_m > settings.max_water_depth_m),
            "outside_domains": outside,
        }
        allowed, told = np.ones_like(estimated), []
        for name, mask in limits.items():
            allowed = allowed & mask
            told.append({"limit": name, "cells": int(np.count_nonzero(allowed))})
        return cls(allowed, told, unusable)

    def thinned(self, most: int) -> Integers:
        """Flat numbers of the cells among which a set is chosen: on a large grid, those on every so many rows and columns."""
        step = max(1, ceil(sqrt(np.count_nonzero(self.allowed) / most)))
        kept = np.zeros_like(self.allowed)
        kept[step // 2 :: step, step // 2 :: step] = True
        return np.flatnonzero(self.allowed & kept)
