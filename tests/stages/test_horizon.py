"""Depths below a marker: a flat one changes nothing, a dipping one is followed, and only what lies below the seafloor is counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assess import assess, with_settings
from planted import SETTINGS, cores_on_a_grid, csv_text, varied_density_t_m3, varied_ppm, write_raw

from pipeline.artefacts import Horizon, PanelTotals, RecoverableTotals
from pipeline.errors import ArtefactError
from pipeline.geostatistics.layered_simulation import Blocks
from pipeline.geostatistics.marker_surface import thickness_share
from pipeline.horizon import MarkerDraws
from pipeline.stages import tonnage

FLAT_M = 1.3
FIGURES = ["area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t"]
MARKER = SETTINGS.replace("[grid]\n", '[grid]\nreference = "marker"\nmarker_name = "ash"\n').replace("realisations = 100", "realisations = 24")


def marker_m(longitude_deg, latitude_deg):
    """A marker that dips to the east by 3.5 m over the survey, and undulates a little."""
    return 1.0 + 3.5 * (longitude_deg - 153.5) / 0.4 + 0.15 * np.sin(9 * (latitude_deg - 21.8) / 0.4)


def beside_marker_ppm(longitude_deg, latitude_deg, depth_m):
    """A rich bed half a metre below the marker, in lean mud; all along the marker a little richer to the north."""
    below_m = depth_m - marker_m(longitude_deg, latitude_deg)
    return 12 + (60 + 40 * (latitude_deg - 21.8)) * np.exp(-0.5 * ((below_m - 0.5) / 0.6) ** 2)


def with_marker(rows, depth_m):
    return [{**row, "marker_m": round(float(depth_m(row["longitude_deg"], row["latitude_deg"])), 4)} for row in rows]


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """One survey below the seafloor, and below a marker that lies at one depth everywhere."""
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3)
    folder = tmp_path_factory.mktemp("flat")
    plain = SETTINGS.replace("realisations = 100", "realisations = 24")
    moved = with_settings(MARKER, top_m=str(-FLAT_M), bottom_m=str(4 - FLAT_M))
    below = assess(write_raw(folder / "seafloor", {"a.csv": csv_text(rows)}, plain))
    beside = assess(write_raw(folder / "marker", {"a.csv": csv_text(with_marker(rows, lambda *_: FLAT_M))}, moved))
    return below, beside


@pytest.fixture(scope="module")
def dipping(tmp_path_factory):
    """A deposit that follows a dipping marker, in both coordinates."""
    rows = with_marker(cores_on_a_grid(beside_marker_ppm, side=5, bottom_m=8.0), marker_m)
    folder = tmp_path_factory.mktemp("dipping")
    settings = with_settings(MARKER, top_m="-2.0", bottom_m="3.0")
    plain = with_settings(SETTINGS, top_m="0.0", bottom_m="8.0", realisations="24")
    beside = assess(write_raw(folder / "marker", {"a.csv": csv_text(rows)}, settings))
    below = assess(write_raw(folder / "seafloor", {"a.csv": csv_text(rows)}, plain))
    return below, beside


# --- a flat marker ---------------------------------------------------------------------------------------------------------------------------------


def test_a_flat_marker_gives_the_numbers_of_the_seafloor(flat):
    below, beside = flat
    for one, other in zip(below.grades, beside.grades, strict=True):
        np.testing.assert_allclose(other.layer_ppm, one.layer_ppm, rtol=1e-9)
        np.testing.assert_allclose(other.mean_ppm, one.mean_ppm, rtol=1e-9)
    np.testing.assert_allclose(beside.density.layer_t_m3, below.density.layer_t_m3, rtol=1e-9)
    tables = [part.tonnage.frame for part in flat]
    assert tables[0][["element", "region", "cutoff_ppm", "statistic"]].equals(tables[1][["element", "region", "cutoff_ppm", "statistic"]])
    # A standard deviation of the kriged total is a small difference of large numbers.
    closed = tables[0]["statistic"] == "sd_closed_form"
    for rows, tolerance in ((~closed, 1e-9), (closed, 1e-8)):
        one, other = (table.loc[rows, FIGURES].to_numpy(dtype=float) for table in tables)
        np.testing.assert_allclose(other, one, rtol=tolerance)


def test_a_flat_marker_is_mined_as_deep_below_the_seafloor(flat):
    """Cover, bases, volumes of panels: depths of mining are below the seafloor in both coordinates."""
    for kind in (RecoverableTotals, PanelTotals):
        one, other = (part.beside(kind).frame for part in flat)
        np.testing.assert_allclose(other["metal_t"], one["metal_t"], rtol=1e-9)
        np.testing.assert_allclose(other["dry_mud_t"], one["dry_mud_t"], rtol=1e-9)
    plans = [part.beside(PanelTotals).plans for part in flat]
    for one, other in zip(*plans, strict=True):
        np.testing.assert_allclose(other.volume_m3, one.volume_m3, rtol=1e-9)


# --- a dipping marker ------------------------------------------------------------------------------------------------------------------------------


def test_a_deposit_that_follows_a_marker_is_recovered_better_beside_it(dipping):
    """Cores left out: the error of the grade is far smaller where layers follow the marker."""
    scores = []
    for part in dipping:
        comparison = part.cross_validation.comparisons["dy"]
        scores.append(comparison.scores[comparison.estimator.name]["rmse_g_m3"])
    assert scores[1] < 0.5 * scores[0]


def test_kriged_grades_of_a_dipping_deposit_are_near_the_truth(dipping):
    """Block by block, against the planted grade in the middle of each block that exists."""
    _, beside = dipping
    grid, layers = beside.seafloor.grid, beside.seafloor.layers
    longitude_deg, latitude_deg = grid.to_lonlat(*grid.centres_m())
    fine_m = (np.arange(20) + 0.5) / 20 * layers.layer_m
    whole = beside.seafloor.thickness_share > 0.999
    grade = next(part for part in beside.grades if part.element == "dy")
    errors, spread = [], []
    for layer, top_m in enumerate(layers.tops_m):
        at_m = marker_m(longitude_deg, latitude_deg) + top_m + fine_m[:, None, None]
        truth_ppm = beside_marker_ppm(longitude_deg, latitude_deg, at_m).mean(axis=0)
        known = whole[layer] & np.isfinite(grade.layer_ppm[layer]) & (beside.seafloor.region_share > 0.99)
        errors.append((grade.layer_ppm[layer] - truth_ppm)[known])
        spread.append(truth_ppm[known])
    error, truth = np.concatenate(errors), np.concatenate(spread)
    assert np.sqrt(np.mean(error**2)) < 0.15 * truth.std()


def test_kriged_tonnes_add_up_by_brute_force(dipping):
    """Mud and metal of every block, times what exists of it by integration over the marker's distribution, one by one."""
    _, beside = dipping
    floor, horizon = beside.seafloor, beside.seafloor.horizon
    layers, grid = floor.layers, floor.grid
    nodes, weights = np.polynomial.hermite_e.hermegauss(101)
    weights = weights / weights.sum()
    grade = next(part for part in beside.grades if part.element == "dy")
    mud_t = metal_t = 0.0
    for row, column in np.argwhere(np.isfinite(grade.mean_ppm)):
        drawn_m = horizon.marker_m[row, column] + horizon.marker_sd_m[row, column] * nodes
        for layer, top_m in enumerate(layers.tops_m):
            if not np.isfinite(grade.layer_ppm[layer, row, column]):
                continue
            left_m = np.clip(drawn_m + top_m + layers.layer_m, 0, layers.layer_m)
            volume_m3 = float(weights @ left_m) * grid.cell_area_m2 * floor.region_share[row, column]
            block_t = volume_m3 * beside.density.layer_t_m3[layer, row, column]
            mud_t += block_t
            metal_t += block_t * grade.layer_ppm[layer, row, column] * 1e-6
    assert beside.tonnes("dy", "kriged", "dry_mud_t") == pytest.approx(mud_t, rel=2e-3)
    assert beside.tonnes("dy", "kriged") == pytest.approx(metal_t, rel=2e-3)


def test_a_column_of_the_estimate_weighs_layers_by_what_exists_of_them(dipping):
    """The mean over the interval is metal over mud of the blocks, each by its share."""
    _, beside = dipping
    share = beside.seafloor.thickness_share
    assert np.any((share > 0.01) & (share < 0.99))
    grade = next(part for part in beside.grades if part.element == "dy")
    mud = np.nan_to_num(beside.density.layer_t_m3) * share
    blocks_ppm = np.nansum(mud * np.nan_to_num(grade.layer_ppm), axis=0) / np.where(mud.sum(axis=0) > 0, mud.sum(axis=0), np.nan)
    known = np.isfinite(grade.mean_ppm)
    # Blocks are told in steps, and one whose accumulation is kriged below zero counts as zero.
    np.testing.assert_allclose(grade.mean_ppm[known], blocks_ppm[known], rtol=2e-2)


def test_realisations_hold_what_their_marker_leaves(dipping):
    """Totals of every realisation against blocks and marker drawn again, cell by cell."""
    _, beside = dipping
    given, floor = beside.settings, beside.seafloor
    draws = MarkerDraws.of(floor, np.arange(floor.layers.count), given.grade.block_nodes, given.simulation.seed)
    ones = np.ones((floor.layers.count, *floor.grid.shape), dtype=np.float32)
    volumes = []
    for blocks in draws.of_all(iter([Blocks(number, ones, ones[None]) for number in range(3)])):
        expected = thickness_share(blocks.marker_m, 0.0, floor.layers.tops_m, floor.layers.layer_m)
        np.testing.assert_allclose(blocks.density_t_m3, expected, atol=1e-6)
        volumes.append(float(blocks.density_t_m3.sum()))
    assert np.ptp(volumes) > 0
    totals = beside.simulation.totals
    mud = totals[(totals["element"] == "dy") & (totals["region"] == "all") & (totals["cutoff_ppm"] == 0)]["dry_mud_t"]
    # All densities are 0.5 t/m³: mud is what exists, and varies with the marker alone.
    assert mud.mean() == pytest.approx(beside.tonnes("dy", "kriged", "dry_mud_t"), rel=0.02)
    assert 0 < mud.std() / mud.mean() < 0.05


def test_the_marker_adds_to_the_uncertainty_of_the_total(dipping):
    """With a marker that is known everywhere, the mud of all realisations is the same where the density is."""
    _, beside = dipping
    known = replace(beside.seafloor.horizon.surface, model=replace(beside.seafloor.horizon.surface.model, nugget=0.0, structures=()))
    held = replace(beside.seafloor.horizon, surface=known, marker_sd_m=np.zeros_like(beside.seafloor.horizon.marker_sd_m))
    calm = replace(beside, seafloor=replace(beside.seafloor, horizon=held))
    for name in ("simulation", "tonnage"):
        calm.__dict__.pop(name, None)
    scatter = []
    for part in (beside, calm):
        totals = part.simulation.totals
        scatter.append(totals[(totals["element"] == "dy") & (totals["region"] == "all") & (totals["cutoff_ppm"] == 0)]["dry_mud_t"].std())
    assert scatter[1] < 1e-3 * scatter[0]


def test_the_artefact_is_read_as_it_was_written(dipping, tmp_path):
    _, beside = dipping
    horizon = beside.seafloor.horizon
    horizon.write(tmp_path / "horizon.tif")
    again = Horizon.read(tmp_path / "horizon.tif")
    np.testing.assert_array_equal(again.marker_m, horizon.marker_m)
    np.testing.assert_array_equal(again.surface.picks.marker_m, horizon.surface.picks.marker_m)
    assert again.surface.model == horizon.surface.model
    assert again.layers.marker == "ash"
    first = (tmp_path / "horizon.tif").read_bytes()
    again.write(tmp_path / "horizon.tif")
    assert (tmp_path / "horizon.tif").read_bytes() == first


def test_a_stage_without_the_surface_says_so(dipping):
    _, beside = dipping
    bare = replace(beside.seafloor, horizon=None)
    given = beside.settings
    with pytest.raises(ArtefactError, match=r"horizon\.tif is missing"):
        tonnage.run(
            beside.composites, beside.variograms, beside.joint, beside.cross_validation, beside.grades, beside.density, bare, beside.simulation,
            given.cutoffs, given.tonnage, given.grade, given.density,
        )  # fmt: skip
