"""Depth grids: read strictly and in a process of their own, looked up at positions, and warped to the assessment's grid."""

from pipeline.bathymetry.draping import draped, values_at
from pipeline.bathymetry.native_grid import NativeGrid
from pipeline.bathymetry.reading import read_grids

__all__ = ["NativeGrid", "draped", "read_grids", "values_at"]
