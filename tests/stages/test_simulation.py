"""Simulation of the deposit: totals that can be counted again, classes by their rule, sources that add up to something, and no bit by chance."""

import numba
import numpy as np
import pytest
from assess import assess, listed
from pandas.testing import assert_frame_equal
from planted import SETTINGS, cores_on_a_grid, varied_ppm

from pipeline.artefacts import QUANTILES, STEP_PROBABILITY, DomainFiles, Simulation, on_steps
from pipeline.config import CutoffSettings
from pipeline.deposit import SOURCES, deposit_of
from pipeline.field import estimated_cells, inside_hull
from pipeline.stages import simulation
from pipeline.units import KM2_PER_M2, TONNE_PER_GRAM

REALISATIONS = 60
LARGE_T_DAY = 7e6  # volumes of 6 and 3 cells of the planted survey
VALUES = ["area_km2", "dry_mud_t", "metal_t"]
KEYS = ["realisation", "element", "region", "cutoff_ppm"]


def run(world, *, realisations=REALISATIONS, checks=False, production_t_day=LARGE_T_DAY, limit=0.15, cutoffs=None, **switches):
    given = world.settings
    settings = given.simulation.model_copy(update={"realisations": realisations, "checks": checks, **switches})
    classes = given.classes.model_copy(update={"production_dry_t_day": production_t_day, "half_width_share": limit})
    return simulation.run(
        world.composites, world.variograms, world.grades, world.seafloor, settings, given.density, cutoffs or given.cutoffs, given.grade,
        given.tonnage, given.variogram, classes, world.density, listed(DomainFiles, world.raw, ".geojson"), given.region, given.place,
        given.recoverable, given.production,
    )  # fmt: skip


def blocks_of(world, realisations=REALISATIONS, parts=1):
    """The realisations themselves, on the grid or on parts of its cells: densities (realisations, layers, rows, columns) and metals."""
    given, grid = world.settings, world.seafloor.grid
    settings = given.simulation.model_copy(update={"realisations": realisations})
    deposit = deposit_of(world.composites, world.variograms, world.seafloor, settings, given.density, given.variogram)
    cell_m = grid.cell_m / parts
    origin_m = grid.transform.c + cell_m / 2, grid.transform.f - cell_m / 2
    shape = grid.shape[0] * parts, grid.shape[1] * parts
    drawn = list(deposit.simulation(origin_m, shape, cell_m, given.grade.block_nodes, settings.seed, set()).draws(realisations))
    density = np.array([blocks.density_t_m3 for blocks in drawn], dtype=np.float64)
    return deposit, density, np.array([blocks.metal_g_m3 for blocks in drawn], dtype=np.float64)


def masks(world):
    """Cells estimated, inside the hull, and supported."""
    near = estimated_cells(world.composites, world.seafloor, world.settings.grade.max_distance_spacings)
    hull = inside_hull(world.composites, world.seafloor, world.settings.tonnage.hull_buffer_spacings)
    slopes = np.array([grade.slope_of_regression for grade in world.grades])
    return near, hull, near & hull & np.all(slopes >= world.settings.tonnage.min_slope_of_regression, axis=0)


@pytest.fixture(scope="module")
def simulated(varied):
    return run(varied)


@pytest.fixture(scope="module")
def checked(varied):
    """With the sources one at a time, and all other checks."""
    return run(varied, realisations=100, checks=True)


@pytest.fixture(scope="module")
def blocks(varied):
    return blocks_of(varied)


def wide(result, column):
    """(realisations of elements and regions, cut-offs) values, one table for each element."""
    return [part.pivot_table(index=["realisation", "region"], columns="cutoff_ppm", values=column) for _, part in result.totals.groupby("element")]


def test_totals_are_sums_over_blocks_at_every_cut_off(varied, simulated, blocks):
    deposit, density, metal = blocks
    grid, layer_m = varied.seafloor.grid, varied.seafloor.layers.layer_m
    near, _, supported = masks(varied)
    found = simulated.totals.set_index(KEYS)[VALUES]
    for number, element in enumerate(deposit.elements):
        grade = (metal[:, number].astype(np.float32) / density.astype(np.float32)).astype(np.float64)
        for region, inside in (("all", near), ("supported", supported)):
            share = np.where(inside, varied.seafloor.region_share, 0.0)
            for cutoff in varied.settings.cutoffs.of(element):
                over = grade >= cutoff
                rows = found.loc[(slice(None), element, region, cutoff), :]
                area = (over.any(axis=1) * share).sum(axis=(1, 2)) * grid.cell_area_m2 * KM2_PER_M2
                mud = (over * density * share).sum(axis=(1, 2, 3)) * grid.cell_area_m2 * layer_m
                tonnes = (over * metal[:, number] * share).sum(axis=(1, 2, 3)) * grid.cell_area_m2 * layer_m * TONNE_PER_GRAM
                # Blocks are in single precision, their sums in double: only the order differs.
                assert rows.to_numpy() == pytest.approx(np.column_stack([area, mud, tonnes]), rel=1e-9)


@pytest.mark.parametrize("column", VALUES)
def test_tonnes_and_area_fall_with_the_cut_off_in_every_realisation(simulated, column):
    for table in wide(simulated, column):
        assert len(table) == 2 * REALISATIONS
        assert np.all(np.diff(table.to_numpy(), axis=1) <= 0)
        assert np.all(table.to_numpy() >= 0)


def test_supported_region_holds_no_more_than_all(simulated):
    for column in VALUES:
        for table in wide(simulated, column):
            every, supported = (table.xs(region, level="region").to_numpy() for region in ("all", "supported"))
            assert np.all(supported <= every)
            assert supported[:, 0].min() > 0


def test_realisation_without_a_block_over_the_cut_off_has_0_tonnes(varied):
    result = run(varied, realisations=5, cutoffs=CutoffSettings(dy_ppm=[0.0, 1e5], gd_ppm=[0.0]))
    rows = result.totals.query("cutoff_ppm == 1e5")
    assert len(rows) == 10
    assert not rows[VALUES].to_numpy().any()
    assert not np.nan_to_num(result.grades["dy"].probability[1]).any()


def interval(values, share):
    """The two values in order of size that a percentile lies between."""
    at, ordered = np.clip(share * (len(values) + 1) - 1, 0, len(values) - 1), np.sort(values, axis=0)
    return ordered[int(np.floor(at))], ordered[int(np.ceil(at))]


def test_percentiles_mean_spread_and_probabilities_of_the_column_are_those_of_the_blocks(varied, simulated, blocks):
    """A percentile may leave the interval it lies in by the width of a class: the grades' span of logarithms over 400; and all are rounded."""
    deposit, density, metal = blocks
    near = masks(varied)[0]
    for number, element in enumerate(deposit.elements):
        grade = simulated.grades[element]
        column = metal[:, number].sum(axis=1) / density.sum(axis=1)
        known = deposit.grades_ppm(number)
        step = np.log(25 * np.nanmax(known) / np.nanmin(known)) / 400
        half_ppm = grade.step_ppm / 2 + 1e-9
        for row, share in zip(grade.column_ppm, QUANTILES.values(), strict=True):
            low, high = interval(column, share)
            assert np.all(row[near] > low[near] * np.exp(-step) * (1 - 1e-6) - half_ppm)
            assert np.all(row[near] < high[near] * np.exp(step) * (1 + 1e-6) + half_ppm)
        # Sums of numbers in single precision: a hair more than half a step.
        most_ppm = half_ppm + 1e-5 * np.nanmax(known)
        assert np.abs(grade.column_mean_ppm[near] - column.mean(axis=0)[near]).max() <= most_ppm
        assert np.abs(grade.column_sd_ppm[near] - column.std(axis=0, ddof=1)[near]).max() <= half_ppm + 1e-3 * grade.column_sd_ppm[near].max()
        assert np.abs(grade.block_mean_ppm[:, near] - (metal[:, number].sum(axis=0) / density.sum(axis=0))[:, near]).max() <= most_ppm
        for row, cutoff in zip(grade.probability, grade.cutoffs_ppm, strict=True):
            # A grade within rounding of the cut-off may fall on either side: at most one; and probabilities are rounded.
            assert np.abs(row[near] - (column >= cutoff).mean(axis=0)[near]).max() <= 1 / REALISATIONS + STEP_PROBABILITY / 2 + 1e-12
        assert np.isnan(grade.column_ppm[:, ~near]).all()


def test_probabilities_of_blocks_are_shares_of_realisations(varied, simulated, blocks):
    deposit, density, metal = blocks
    near = masks(varied)[0]
    ratio = (metal.astype(np.float32) / density.astype(np.float32)[:, None]).astype(np.float64)
    for number, element in enumerate(deposit.elements):
        for row, cutoff in zip(simulated.grades[element].block_probability, simulated.grades[element].cutoffs_ppm, strict=True):
            assert np.array_equal(row[:, near], on_steps((ratio[:, number] >= cutoff).mean(axis=0)[:, near], STEP_PROBABILITY))


def test_what_the_rasters_hold_is_in_memory_too(simulated, tmp_path):
    """Whole steps of the element, which its grades share; a stage may run from files or from memory."""
    simulated.write(tmp_path / "totals.parquet")
    again = Simulation.read(tmp_path / "totals.parquet")
    for element, grade in simulated.grades.items():
        for name in ("column_ppm", "column_mean_ppm", "column_sd_ppm", "block_ppm", "block_mean_ppm", "probability", "block_probability"):
            assert np.array_equal(getattr(again.grades[element], name), getattr(grade, name), equal_nan=True)
        assert np.nanmax(grade.block_ppm) / grade.step_ppm < 65_000


def test_the_step_is_that_of_the_grades(varied, simulated):
    for grade in varied.grades:
        assert simulated.grades[grade.element].step_ppm == grade.step_ppm


@pytest.mark.parametrize("side_m", [5_000.0, 15_000.0, 1e6])
def test_squares_add_up_to_the_totals(varied, side_m):
    result = run(varied, realisations=7, squares_side_m=side_m, squares_realisations=5)
    squares, (rows, columns) = result.squares, varied.seafloor.grid.shape
    assert squares.side_cells == side_m / varied.seafloor.grid.cell_m
    assert squares.shape == (-(-rows // squares.side_cells), -(-columns // squares.side_cells))
    for element, found in squares.grades.items():
        assert found.metal_t.shape == (5, len(found.cutoffs_ppm), *squares.shape)
        whole = result.totals.query(f"element == '{element}' and region == 'all' and realisation < 5")
        for name in ("dry_mud_t", "metal_t"):
            expected = whole[name].to_numpy().reshape(5, len(found.cutoffs_ppm))
            np.testing.assert_allclose(getattr(found, name).sum(axis=(2, 3)), expected, rtol=1e-6)


def test_a_square_holds_what_its_own_cells_hold(varied, simulated, blocks):
    """Each square by hand, from the blocks: cells of the north-western corner first, by their share inside the region."""
    deposit, density, metal = blocks
    grid, share, side = varied.seafloor.grid, np.where(masks(varied)[0], varied.seafloor.region_share, 0.0), 2
    result = run(varied, realisations=REALISATIONS, squares_side_m=side * grid.cell_m, squares_realisations=1)
    found = result.squares.grades["dy"]
    number, block_m3 = deposit.elements.index("dy"), grid.cell_area_m2 * varied.seafloor.layers.layer_m
    over = (metal[0, number] / density[0] >= found.cutoffs_ppm[1]) * share
    for i, j in np.ndindex(*result.squares.shape):
        here = np.s_[:, side * i : side * (i + 1), side * j : side * (j + 1)]
        assert found.dry_mud_t[0, 1, i, j] == pytest.approx((density[0] * over)[here].sum() * block_m3, rel=1e-5)
        assert found.metal_t[0, 1, i, j] == pytest.approx((metal[0, number] * over)[here].sum() * block_m3 * TONNE_PER_GRAM, rel=1e-5)


def test_squares_are_no_more_than_a_page_can_carry(monkeypatch, varied):
    monkeypatch.setattr(simulation, "_MOST_SQUARES", 6)
    result = run(varied, realisations=2, squares_side_m=1.0)
    assert result.squares.side_cells > 1
    assert np.prod(result.squares.shape) <= 6


def test_squares_change_no_total(varied, simulated):
    assert_frame_equal(run(varied, squares_side_m=20_000.0, squares_realisations=1).totals, simulated.totals, check_exact=True)


def test_as_many_cut_offs_as_layers_are_no_layers(varied):
    result = run(varied, realisations=5, cutoffs=CutoffSettings(dy_ppm=[0.0, 20.0, 40.0, 60.0], gd_ppm=[0.0]))
    assert result.grades["dy"].block_probability.shape[:2] == (4, 4)


def classes_by_hand(world, result, limit=0.15):
    near, hull, supported = masks(world)
    code, reason = np.full(near.shape, np.nan), np.full(near.shape, np.nan)
    for at in zip(*np.nonzero(near), strict=True):
        if not supported[at]:
            code[at], reason[at] = 0, 2 if hull[at] else 1
        elif result.classes.year_half_width_share[at] > limit:
            code[at], reason[at] = 1, 3
        elif result.classes.quarter_half_width_share[at] > limit:
            code[at], reason[at] = 2, 4
        else:
            code[at], reason[at] = 3, 5
    return code, reason


def assert_classes_follow(world, result):
    code, reason = classes_by_hand(world, result)
    assert np.array_equal(result.classes.code, code, equal_nan=True)
    assert np.array_equal(result.classes.reason, reason, equal_nan=True)


def test_classes_follow_from_the_half_widths(varied, simulated):
    assert_classes_follow(varied, simulated)
    assert {0, 1} & set(np.unique(simulated.classes.code[np.isfinite(simulated.classes.code)]))


def half_width_ends(values, step):
    """Least and most that half of the width from 5 to 95 % over the mean may be, to the neighbours in order of size and a class."""
    low, high, mean = interval(values, 0.05), interval(values, 0.95), values.mean(axis=0)
    return (high[0] * np.exp(-step) - low[1] * np.exp(step)) / 2 / mean - 1e-6, (high[1] * np.exp(step) - low[0] * np.exp(-step)) / 2 / mean + 1e-6


def column_step(deposit, number):
    """Width of a class of the metal of a volume: 25 times beyond the grades on both sides, in 400 classes."""
    grades_ppm = deposit.grades_ppm(number)
    return np.log(625 * np.nanmax(grades_ppm) / np.nanmin(grades_ppm)) / 400


def test_volumes_larger_than_a_cell_are_squares_of_cells(varied, simulated, blocks):
    """The worst of the elements counts; squares start in the north-west."""
    deposit, _, metal = blocks
    near = masks(varied)[0]
    said = simulated.summary["production_volume"]
    assert (said["year"]["side_of_volume_m"], said["quarter"]["side_of_volume_m"]) == (30_000, 15_000)
    assert (said["year"]["tested_on"], said["quarter"]["tested_on"]) == ("cells", "cells")
    mud_t_m2 = np.nanmean(deposit.measured[1].values, axis=0).sum()
    for period, side in (("year", 6), ("quarter", 3)):
        share = getattr(simulated.classes, f"{period}_half_width_share")
        volume_t = (side * 5_000.0) ** 2 * mud_t_m2
        # The largest whole number of cells whose volume is not more than what is mined.
        mined_t = LARGE_T_DAY * 330 / (1 if period == "year" else 4)
        assert volume_t <= mined_t < ((side + 1) * 5_000.0) ** 2 * mud_t_m2
        for row in range(0, near.shape[0], side):
            for column in range(0, near.shape[1], side):
                square = np.s_[row : row + side, column : column + side]
                found = np.unique(share[square][near[square]])
                if not found.size:
                    continue
                assert len(found) == 1
                volumes = metal.sum(axis=2)[(..., *square)].mean(axis=(2, 3))
                ends = [half_width_ends(volumes[:, number], column_step(deposit, number)) for number in range(2)]
                assert max(low for low, _ in ends) <= found[0] <= max(high for _, high in ends)
    assert np.nanmean(simulated.classes.year_half_width_share) < np.nanmean(simulated.classes.quarter_half_width_share)


def smooth_ppm(longitude_deg, latitude_deg, depth_m):
    """A grade that hardly varies, and then along a plane: each core tells of the next."""
    return 50.0 + 4.0 * (longitude_deg - 153.5) / 0.4 + 2.0 * (latitude_deg - 21.8) / 0.4


@pytest.fixture(scope="module")
def well_known(plant):
    """36 cores, nearly the same grade everywhere, and a density that hardly varies."""
    rows = cores_on_a_grid(smooth_ppm, lambda *place: 0.5 + 0.002 * (smooth_ppm(*place) - 50), side=6)
    return assess(plant(rows, SETTINGS.replace('["dy", "gd"]', '["dy"]')))


def test_well_known_deposit_is_measured_on_parts_of_cells(well_known):
    """40,000 t a day: a year is half a cell wide, a quarter a fourth of it."""
    result = run(well_known, production_t_day=40_000.0)
    said = result.summary["production_volume"]
    assert (said["year"]["side_of_volume_m"], said["quarter"]["side_of_volume_m"]) == (2_500, 1_250)
    assert (said["year"]["tested_on"], said["quarter"]["tested_on"]) == ("parts of a cell", "parts of a cell")
    assert_classes_follow(well_known, result)
    near, _, supported = masks(well_known)
    assert supported.sum() > near.sum() / 2
    assert np.mean(result.classes.code[supported] >= 2) > 0.9
    for parts, share in ((2, result.classes.year_half_width_share), (4, result.classes.quarter_half_width_share)):
        deposit, _, metal = blocks_of(well_known, parts=parts)
        column = metal[:, 0].sum(axis=1).reshape(REALISATIONS, near.shape[0], parts, near.shape[1], parts)
        least, most = (part.max(axis=(1, 3))[near] for part in half_width_ends(column, column_step(deposit, 0)))
        assert np.all(share[near] >= least)
        assert np.all(share[near] <= most)
    assert np.mean(result.classes.quarter_half_width_share[near]) > np.mean(result.classes.year_half_width_share[near])


def test_smaller_volume_is_never_called_better_known(varied):
    """A year is half a cell wide and passes nowhere, though one whole cell does: what is said of the quarter is of a fourth of a cell."""
    result = run(varied, production_t_day=150_000.0, limit=0.12)
    said = result.summary["production_volume"]
    assert (said["year"]["tested_on"], said["quarter"]["tested_on"]) == ("parts of a cell", "parts of a cell")
    assert said["year"]["share_of_cells_passing"] == 0
    # A volume and its parts are counted in classes of 2 %.
    assert np.nanmin(result.classes.quarter_half_width_share - result.classes.year_half_width_share) > -0.04


def test_one_source_at_a_time_is_said_with_its_interval(checked):
    sources = checked.summary["sources"]
    assert set(sources) == {"dy", "gd"}
    for said in sources.values():
        assert set(said["one_off"]) == set(SOURCES)
        assert said["switched_off"] == []
        for name, row in said["one_off"].items():
            assert row["share_of_variance"] < 1, name
            assert row["low"] <= row["high"]
            if name != "variogram":
                assert row["low"] <= row["share_of_variance"] <= row["high"], name
        total = sum(row["share_of_variance"] for row in said["one_off"].values())
        assert said["interaction_share_of_variance"] == pytest.approx(1 - total)


def test_grade_field_makes_part_of_the_variance_beyond_chance(checked):
    for said in checked.summary["sources"].values():
        assert said["one_off"]["grade_field"]["low"] > 0


def test_share_of_the_variogram_lies_in_its_interval(checked):
    for said in checked.summary["sources"].values():
        row = said["one_off"]["variogram"]
        assert row["low"] <= row["share_of_variance"] <= row["high"]


def test_every_source_off_leaves_no_spread(varied):
    result = run(varied, realisations=12, **dict.fromkeys(SOURCES, False))
    totals = result.totals.query("cutoff_ppm == 0").groupby(["element", "region"])["metal_t"]
    # Realisations are the same numbers: nothing but their mean's last bit.
    assert np.all(totals.std() <= 1e-12 * totals.mean())
    assert result.summary["switched_off"] == sorted(SOURCES)
    assert np.nanmax(result.grades["dy"].column_sd_ppm) < 1e-2


def test_threads_change_no_bit(varied):
    threads, found = numba.get_num_threads(), []
    try:
        for number in (1, threads):
            numba.set_num_threads(number)
            found.append(run(varied, realisations=12))
    finally:
        numba.set_num_threads(threads)
    one, other = found
    assert_frame_equal(one.totals, other.totals, check_exact=True)
    assert np.array_equal(one.grades["gd"].block_ppm, other.grades["gd"].block_ppm, equal_nan=True)
    assert np.array_equal(one.classes.year_half_width_share, other.classes.year_half_width_share, equal_nan=True)


def test_longer_run_begins_with_the_realisations_of_a_shorter_one(varied, simulated):
    few = run(varied, realisations=12)
    assert_frame_equal(few.totals, simulated.totals.query("realisation < 12").reset_index(drop=True), check_exact=True)


def test_seed_changes_the_totals(varied, simulated):
    other = run(varied, realisations=5, seed=1)
    assert not np.isclose(other.totals["metal_t"][0], simulated.totals["metal_t"][0])


def test_rows_of_the_totals_are_sorted_and_complete(varied, simulated):
    totals = simulated.totals
    assert_frame_equal(totals, totals.sort_values(KEYS, ignore_index=True))
    cutoffs = sum(len(varied.settings.cutoffs.of(element)) for element in ("dy", "gd"))
    assert len(totals) == REALISATIONS * 2 * cutoffs
    assert not totals.duplicated(KEYS).any()


def test_equal_values_give_nothing_and_the_reason(plant):
    world = assess(plant(cores_on_a_grid(lambda *_: 40.0)))
    result = run(world)
    assert (result.grades, len(result.totals)) == ({}, 0)
    assert set(result.summary["not_simulated"]) == {"dy", "gd"}
    assert result.warnings == tuple(
        f"{element}: no interval is given: all values are equal: nothing tells how far others may lie from them" for element in ("dy", "gd")
    )
    near = masks(world)[0]
    assert np.all(result.classes.code[near] == 0)
    assert np.all(result.classes.reason[near] == 0)
    assert np.isnan(result.classes.code[~near]).all()
    assert result.squares.grades == {}


def test_one_element_without_spread_does_not_stop_the_other(plant):
    result = run(assess(plant(cores_on_a_grid(lambda *_: 40.0, gd=varied_ppm))), realisations=5)
    assert list(result.grades) == ["gd"]
    assert set(result.totals["element"]) == {"gd"}
    assert list(result.summary["not_simulated"]) == ["dy"]
    assert [warning[:2] for warning in result.warnings] == ["dy"]


def kept_bytes(reducers):
    """Memory of what one pass keeps, but for the few totals of each realisation."""
    distributions = [*reducers.blocks, *reducers.columns, *(part for parts in reducers.panels for part in parts)]
    sums = [reducers.density_sum, reducers.metal_sum, reducers.column_sum, reducers.column_squares, reducers.shares]
    return sum(part.counts.nbytes + part.over.nbytes for part in distributions) + sum(part.nbytes for part in sums)


def test_ten_times_the_realisations_keep_no_more_memory(varied, blocks, monkeypatch):
    seen = []

    class Watched(simulation._Reducers):
        def grade(self, number, near, step):
            seen.append(kept_bytes(self))
            return super().grade(number, near, step)

    monkeypatch.setattr(simulation, "_Reducers", Watched)
    for realisations in (3, 30):
        run(varied, realisations=realisations)
    assert len(set(seen)) == 1
    assert len(seen) == 4


def test_checks_hold_realisations_against_the_data(checked):
    summary = checked.summary
    for element in ("dy", "gd"):
        tails = summary["tail"][element]
        assert set(tails) == {"lognormal", "none"}
        # Above the highest datum one goes on and the other stays.
        assert tails["lognormal"]["mean_t"] >= tails["none"]["mean_t"]
        assert all(tail["p05_t"] < tail["mean_t"] < tail["p95_t"] for tail in tails.values())
    for said in summary["accuracy"].values():
        shares = [row["share_inside"] for row in said["intervals"]]
        assert np.all(np.diff(shares) >= 0)
        assert 0 < said["goodness"] <= 1
    correlation = summary["checks"]["correlation"]["dy gd"]
    assert -1 <= correlation["p05"] <= correlation["p50"] <= correlation["p95"] <= 1
    for said, counted in zip(summary["checks"]["composites"].values(), summary["accuracy"].values(), strict=True):
        assert said["largest_miss_where_exact"] in (None, 0.0)
        # Drawn errors are those of the model whatever the data: 1 on average, and of so many values at most so far above it.
        assert (said["standardised_residual_variance"] or 1) < 1 + 4.5 * np.sqrt(2 / counted["values"])
    for rows in summary["checks"]["histogram"].values():
        assert all(row["p05"] <= row["p50"] <= row["p95"] for row in rows)
        assert all(row["inside"] == (row["p05"] <= row["data"] <= row["p95"]) for row in rows)


def test_checks_change_no_tonnage(varied, simulated, checked):
    assert_frame_equal(simulated.totals, checked.totals.query(f"realisation < {REALISATIONS}").reset_index(drop=True), check_exact=True)
