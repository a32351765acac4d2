"""Declustering: weights that undo the preference of surveys for some places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Array = NDArray[np.float64]


def polygonal_weights(easting_m: Array, northing_m: Array, region: BaseGeometry) -> Array:
    """Share of the region that is nearest to each position (polygons of influence; Isaaks & Srivastava 1989, p. 238).

    Parameters
    ----------
    easting_m, northing_m : (n,) arrays
        Positions in metres; coincident ones share their polygon equally.
    region : shapely geometry
        The region in the same coordinates, metres.

    Returns
    -------
    (n,) array
        Weights that sum to 1; equal weights where no polygon touches the region.
    """
    positions, owner, times = np.unique(np.column_stack([easting_m, northing_m]), axis=0, return_inverse=True, return_counts=True)
    owner = np.asarray(owner).ravel()
    if len(positions) == 1:
        return np.full(len(easting_m), 1 / len(easting_m))
    polygons = shapely.voronoi_polygons(shapely.MultiPoint(positions), extend_to=region.envelope, ordered=True)
    area = shapely.area(shapely.intersection(shapely.get_parts(polygons), region))
    if area.sum() <= 0:
        return np.full(len(easting_m), 1 / len(easting_m))
    weights = (area / times)[owner]
    return np.asarray(weights / weights.sum())
