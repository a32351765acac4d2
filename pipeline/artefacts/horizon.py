"""The marker horizon that depths are relative to, and what of each layer beside it exists."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pipeline.artefacts.formats import layer_tags, layers_from, plain, read_raster, write_raster
from pipeline.artefacts.survey import Marks

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.geostatistics.marker_surface import MarkerSurface
    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]


DECIMALS = 5
"""Of the depth of a marker and its standard deviation in metres."""


@dataclass(frozen=True)
class Horizon:
    """Depth of the marker below the seafloor, in the cells of the grid and at the cores that meet it.

    Parameters
    ----------
    grid, layers
        Frame of everything estimated; the layers lie below the marker, negative above it.
    marker_m, marker_sd_m : (rows, columns) arrays
        Kriged mean over each cell, and its standard deviation, in metres with ``DECIMALS``; NaN outside the region.
    surface : MarkerSurface
        Picks and model that they are kriged with: what realisations are drawn from.
    fit : dict
        How the model was got, what cross-validation says of it, and how many cores tell of the marker and why the others do not.
    marks : Marks
    warnings : tuple of str
    """

    grid: Grid
    layers: Layers
    marker_m: Array
    marker_sd_m: Array
    surface: MarkerSurface
    fit: dict[str, Any]
    marks: Marks
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def thickness_share(self) -> Array:
        """(layers, rows, columns) expected share of each block that lies below the seafloor; NaN outside the region."""
        from pipeline.geostatistics.marker_surface import thickness_share

        return thickness_share(self.marker_m, self.marker_sd_m, self.layers.tops_m, self.layers.layer_m)

    def expected_depth_m(self, below_marker_m: Array) -> Array:
        """(depths, rows, columns) expected depth below the seafloor of what lies so far below the marker; 0 where it does not exist."""
        from pipeline.geostatistics.marker_surface import expected_depth_m

        return expected_depth_m(self.marker_m, self.marker_sd_m, np.asarray(below_marker_m)[:, None, None])

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "horizon.tif"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the raster, and the model and picks in its tags."""
        from pipeline.geostatistics.covariance import CovarianceModel
        from pipeline.geostatistics.marker_surface import MarkerSurface, Picks

        grid, bands, tags = read_raster(path)
        said = json.loads(tags["horizon"])
        picks = np.array(said["picks"], dtype=np.float64).reshape(-1, 4)
        surface = MarkerSurface(
            Picks(picks[:, :2], picks[:, 2], picks[:, 3]), CovarianceModel.from_dict(said["model"]), has_plane=said["trend"] == "plane"
        )
        # Single precision is finer than these steps, so that what is read is what was made.
        marker_m, sd_m = (np.round(bands[name], DECIMALS) for name in ("marker_m", "marker_sd_m"))
        return cls(grid, layers_from(tags), marker_m, sd_m, surface, said["fit"], Marks.from_tags(tags))

    def write(self, out: Path) -> None:
        """Write ``horizon.tif``: the two bands, and after them the expected share of each layer that lies below the seafloor."""
        bands = {"marker_m": self.marker_m, "marker_sd_m": self.marker_sd_m}
        bands |= {f"thickness_share {self.layers.label(layer)}": share for layer, share in enumerate(self.thickness_share())}
        surface, picks = self.surface, self.surface.picks
        said = {
            "picks": np.column_stack([picks.positions_m, picks.marker_m, picks.error_variance]).tolist(),
            "model": surface.model.to_dict(),
            "trend": "plane" if surface.has_plane else "none",
            "fit": plain(self.fit),
        }
        # Escaped, because a raster's tags take no line ends.
        write_raster(out, self.grid, bands, {**layer_tags(self.layers), **self.marks.tags(), "horizon": json.dumps(said, sort_keys=True)})
