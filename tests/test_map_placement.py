"""A line burnt into the raster lies where it should on the map: within one pixel, at the size of the region and of the whole zone."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from map_world import world

from pipeline.web.mercator import Frame
from pipeline.web.packing import NOTHING, unpacked

RADIUS_M = 6_378_137.0


def mercator_m(longitude_deg, latitude_deg):
    """EPSG:3857, written out independently of the program."""
    return RADIUS_M * np.radians(longitude_deg), RADIUS_M * np.arctanh(np.sin(np.radians(latitude_deg)))


def burnt(here, row=None, column=None):
    """The world with one row or column of cells standing out, and nothing else known."""
    values = np.full(here.grid.shape, np.nan)
    values[:, :] = 10.0
    values[row if row is not None else slice(None), column if column is not None else slice(None)] = 90.0
    return replace(here, grade=replace(here.grade, mean_ppm=values, layer_ppm=np.stack([values] * 3)))


@pytest.mark.parametrize("line", [{"row": 0}, {"row": 11}, {"row": -1}, {"column": 0}, {"column": 17}, {"column": -1}])
def test_every_pixel_of_a_burnt_line_lies_within_a_pixel_of_its_cells(tmp_path, line):
    here = burnt(world(tmp_path), **line)
    html = here.map_page().html
    data = json.loads(re.search(r'id="map-data">(.*?)</script>', html)[1])
    rows, columns = data["size"]
    lookup = unpacked(json.loads(re.search(r'id="map-lookup">(.*?)</script>', html)[1]), (2, rows, columns))
    shown = np.where(
        lookup[0] == NOTHING,
        np.nan,
        here.grade.mean_ppm[np.minimum(lookup[0], here.grid.shape[0] - 1), np.minimum(lookup[1], here.grid.shape[1] - 1)],
    )
    (south, west), (north, east) = data["bounds"]
    left, low = mercator_m(west, south)
    right, high = mercator_m(east, north)
    pixel_m = (right - left) / columns
    assert np.isclose(pixel_m, (high - low) / rows, rtol=1e-6)

    # Where the line should be: the corners of its cells, through longitude and latitude, in pixels of the picture.
    cells = np.argwhere(here.grade.mean_ppm == 90.0)
    easting_m, northing_m = here.grid.centres_m()
    x, y = easting_m[tuple(cells.T)], northing_m[tuple(cells.T)]
    half_m = here.grid.cell_m / 2
    corners = [here.grid.to_lonlat(x + dx * half_m, y + dy * half_m) for dx in (-1, 1) for dy in (-1, 1)]
    at = [((cx - left) / pixel_m, (high - cy) / pixel_m) for cx, cy in (mercator_m(*corner) for corner in corners)]
    should = np.array([min(a[0].min() for a in at), max(a[0].max() for a in at), min(a[1].min() for a in at), max(a[1].max() for a in at)])
    pixels = np.argwhere(shown == 90.0)
    found = np.array([pixels[:, 1].min(), pixels[:, 1].max() + 1, pixels[:, 0].min(), pixels[:, 0].max() + 1])
    assert np.abs(found - should).max() <= 1.0
    # And its area: no cell is lost or doubled at the edges.
    assert np.isclose(len(pixels), len(cells) * (here.grid.cell_m / (pixel_m * np.cos(np.radians((south + north) / 2)))) ** 2, rtol=0.03)


def test_frame_bounds_are_edges_not_centres():
    frame = Frame(10.0, 20.0, 11.0, 21.0, (100, 50))
    longitude_deg, latitude_deg = frame.centres_deg()
    x, _ = mercator_m(longitude_deg, 20.0)
    _, y = mercator_m(10.0, latitude_deg)
    left, low = mercator_m(10.0, 20.0)
    right, high = mercator_m(11.0, 21.0)
    assert np.isclose(x[0] - left, (right - left) / 100)
    assert np.isclose(high - y[0], (high - low) / 200)
