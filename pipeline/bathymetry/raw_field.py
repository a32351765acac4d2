"""What the readers of every format hand on: values as they are meant, where they lie, and what is said about the vertical."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from affine import Affine
    from numpy.typing import NDArray
    from pyproj import CRS

    from pipeline.bathymetry.vertical import Vertical


@dataclass(frozen=True)
class RawField:
    """One field of a file.

    Parameters
    ----------
    values : (rows, columns) array
        Unpacked, in the file's unit and direction, row 0 in the north, column 0 in the west; NaN in holes.
    suspects : (n,) array
        Those of the values that are usual fill values, undeclared.
    crs : pyproj.CRS
        Horizontal.
    transform : affine.Affine
    vertical : Vertical
    """

    values: NDArray[np.float64]
    suspects: NDArray[np.float64]
    crs: CRS
    transform: Affine
    vertical: Vertical
