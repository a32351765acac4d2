"""The funnel of a whole assessment: monotone in every realisation, in place what the totals are, told by its own percentiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.artefacts import SELECTIONS, SLOPES, STEPS, DomainFiles, Marks, RecoverableTotals
from pipeline.geostatistics.layered_simulation import Blocks
from pipeline.mining.funnel import FIRST, MINED, PanelRule, cumulated, panels
from pipeline.mining.recoverable import kriged_sums, limits_of, planned_columns, recoverable_reducer
from pipeline.stages import recoverable
from pipeline.units import oxide_per_element

KEYS = ["element", "region", "cutoff_ppm", "step", "slope", "selection"]
OFF = {
    "max_slope_deg": 90.0,
    "max_water_depth_m": 12_000.0,
    "flank_rise_m": 12_000.0,
    "column_cutoff_ppm": 0.0,
    "max_cover_m": 10_000.0,
    "min_layer_m": 0.0,
    "min_panel_years": 0.0,
    "leaching_share": 1.0,
}


def reducer_of(world, *, place=None, elements=("dy", "gd"), simulated=None, **changes):
    """Reducer of an assessment under changed settings."""
    given = world.settings
    layers = np.arange(world.seafloor.layers.count) if simulated is None else np.array(simulated)
    near = np.isfinite(world.grades[0].mean_ppm)
    regions = {"all": near, "supported": near & (np.nan_to_num(world.grades[0].slope_of_regression) >= 0.5)}
    return recoverable_reducer(
        list(elements), layers, regions, world.seafloor, world.grades, world.density, DomainFiles(world.raw, {}), given.region, given.cutoffs,
        place or given.place, given.recoverable.model_copy(update=changes), given.production,
    )  # fmt: skip


def draws(world, count=4):
    """Realisations that scatter around the estimate."""
    random = np.random.default_rng(20260201)
    density = np.nan_to_num(world.density.layer_t_m3, nan=0.5)
    for number in range(count):
        factor = np.exp(0.6 * random.standard_normal(density.shape))
        metal = [np.nan_to_num(grade.layer_ppm) * density * factor for grade in world.grades]
        yield Blocks(number, density.astype(np.float32), np.array(metal, dtype=np.float32))


def passed(reducer, world):
    for blocks in draws(world):
        reducer.add(blocks, [])
    return reducer.artefact(Marks("synthetic"))


def settings_of(world, **changes):
    return world.settings.recoverable.model_copy(update=changes)


@pytest.fixture(scope="module")
def drawn(tiny):
    """The small assessment with few realisations."""
    few = tiny.settings.simulation.model_copy(update={"realisations": 25, "checks": False})
    return replace(tiny, settings=tiny.settings.model_copy(update={"simulation": few}))


@pytest.fixture(scope="module")
def totals(drawn):
    return drawn.beside(RecoverableTotals)


@pytest.fixture(scope="module")
def table(tiny, totals):
    return recoverable.run(totals, tiny.settings.recoverable)


def funnels(totals, settings):
    """(steps, realisations, 3) area, mud and metal of every funnel."""
    found = recoverable._by_key(totals)
    for element in totals.notes["elements"]:
        for region in ("all", "supported"):
            for cutoff_ppm in totals.notes["cutoffs_ppm"]:
                for slope in SLOPES:
                    for selection in SELECTIONS:
                        key = element, region, cutoff_ppm, slope, selection
                        yield key, np.array(recoverable._steps(found, *key, settings))


def test_no_step_adds_anything_in_any_realisation(tiny, totals):
    counted = 0
    for _, steps in funnels(totals, tiny.settings.recoverable):
        assert np.all(np.diff(steps, axis=0) <= 0)
        counted += 1
    assert counted == 2 * 2 * len(totals.notes["cutoffs_ppm"]) * 4


def test_ratios_of_the_steps_multiply_to_the_whole_in_every_realisation(tiny, totals):
    given = settings_of(tiny, extraction_share=0.8, upgrading_metal_share=0.9)
    for _, steps in funnels(totals, given):
        metal_t = steps[:, :, 2]
        some = metal_t[-1] > 0
        ratios = metal_t[1:, some] / metal_t[:-1, some]
        assert np.prod(ratios, axis=0) == pytest.approx(metal_t[-1, some] / metal_t[0, some], rel=1e-12)


def test_what_is_in_place_is_what_the_totals_say(drawn, totals):
    simulated = drawn.simulation.totals
    for element in ("dy", "gd"):
        for region in ("all", "supported"):
            one = simulated[(simulated["element"] == element) & (simulated["region"] == region) & (simulated["cutoff_ppm"] == 0)]
            found = recoverable._by_key(totals)[element, region, 0.0, "in_situ", "", "", ""]
            assert len(one) == len(found) == 25
            assert found == pytest.approx(one[["area_km2", "dry_mud_t", "metal_t"]].to_numpy(), rel=1e-12)


def test_without_limits_the_funnel_ends_with_what_is_in_place(tiny):
    found = passed(reducer_of(tiny, place=tiny.settings.place.model_copy(update={"island_longitude_deg": None}), **OFF), tiny)
    for (_, _, cutoff_ppm, _, _), steps in funnels(found, settings_of(tiny, **OFF)):
        if cutoff_ppm == 0:
            assert steps[-1] == pytest.approx(steps[0], rel=1e-12)
            assert np.all(steps[0] > 0)


def test_more_limits_leave_less_in_every_realisation(tiny):
    """Each limit alone, tightened: planned and perfect, at every cut-off."""
    wide = dict(funnels(passed(reducer_of(tiny), tiny), tiny.settings.recoverable))
    tighter = {"max_water_depth_m": 5700.0, "flank_rise_m": 60.0, "max_cover_m": 1.0, "min_layer_m": 8.0, "min_panel_years": 400.0}
    for name, value in tighter.items():
        settings = settings_of(tiny, **{name: value})
        less = 0.0
        for key, found in funnels(passed(reducer_of(tiny, **{name: value}), tiny), settings):
            assert np.all(found <= wide[key]), (name, key)
            less += float(np.sum(wide[key] - found))
        assert less > 0, name


def test_one_setting_at_a_time_is_another_funnel_of_the_same_realisations(tiny):
    base, given = passed(reducer_of(tiny), tiny), tiny.settings.recoverable
    rows = recoverable.run(base, given).sensitivity
    headline = base.notes["headline"]
    place = headline["region"], headline["cutoff_ppm"], headline["slope"], headline["selection"]
    for name, value in {"max_cover_m": 2.0, "min_layer_m": 5.0, "max_water_depth_m": 5600.0, "column_base": "deepest", "panel_neighbours": 8}.items():
        said = value if isinstance(value, str) else f"{value:g}"
        other = passed(reducer_of(tiny, **{name: value}), tiny)
        settings = settings_of(tiny, **{name: value})
        changed = dict(funnels(other, settings))["dy", *place][-1, :, 2]
        as_set = dict(funnels(base, given))["dy", *place][-1, :, 2]
        chosen = rows[(rows["element"] == "dy") & (rows["setting"] == name) & (rows["value"] == said)].set_index("statistic")
        assert chosen.loc["mean", "metal_t"] == pytest.approx(changed.mean(), rel=1e-12), name
        assert chosen.loc["p50", "change_t"] == pytest.approx(np.quantile(changed - as_set, 0.5, method="weibull"), rel=1e-9, abs=1e-6), name


def test_a_plan_is_made_once_on_the_kriged_estimate(tiny):
    """Its columns and panels, found again from the estimate, hold what the rows of every realisation say."""
    reducer, given = reducer_of(tiny), tiny.settings.recoverable
    found = recoverable._by_key(passed(reducer, tiny))
    column, layers = reducer.site.column, np.arange(tiny.seafloor.layers.count)
    mined, allowed = planned_columns(["dy", "gd"], layers, tiny.seafloor, reducer.masks, tiny.grades, tiny.density, given)
    share = reducer.shares["supported"].reshape(allowed.shape)
    sums = kriged_sums("dy", layers, tiny.grades, tiny.density, tiny.seafloor, column)
    base = mined.sum(axis=0).ravel()
    mud_t = sums[np.arange(base.size), base, MINED] * (share * allowed).ravel() * tiny.seafloor.grid.cell_area_m2
    rule = limits_of(allowed.ravel(), given, given.column_cutoff_ppm, reducer.panel_dry_mud_t).panel
    kept = panels(mud_t, allowed.shape, PanelRule(rule.min_dry_mud_t, rule.neighbours)).reshape(allowed.shape)
    assert 0 < kept.sum() <= allowed.sum()
    for blocks in draws(tiny):
        metal_g_m3 = np.where(mined, blocks.metal_g_m3[0], 0.0).sum(axis=0, dtype=np.float64)
        metal_t = float(np.sum(metal_g_m3 * share * kept)) * tiny.seafloor.grid.cell_area_m2 * tiny.seafloor.layers.layer_m * 1e-6
        assert found["dy", "supported", 20.0, "connected", "applied", "planned", ""][blocks.number, 2] == pytest.approx(metal_t, rel=1e-12)


def test_perfect_columns_carry_their_cutoff_and_planned_ones_need_not(tiny):
    reducer = reducer_of(tiny)
    steps = dict(funnels(passed(reducer, tiny), tiny.settings.recoverable))
    for cutoff_ppm in reducer.cutoffs_ppm:
        perfect = steps["dy", "all", cutoff_ppm, "applied", "perfect"][5]
        some = perfect[:, 1] > 0
        assert np.all(perfect[some, 2] * 1e6 / perfect[some, 1] >= cutoff_ppm)
    # Metal beyond the cut-off is never more than where the best base of each column was known.
    free = {"max_cover_m": 10_000.0, "min_layer_m": 0.0}
    steps = dict(funnels(passed(reducer_of(tiny, **free), tiny), settings_of(tiny, **free)))
    for cutoff_ppm in reducer.cutoffs_ppm:
        columns = {selection: steps["dy", "all", cutoff_ppm, "applied", selection][5] for selection in SELECTIONS}
        beyond = {selection: found[:, 2] * 1e6 - cutoff_ppm * found[:, 1] for selection, found in columns.items()}
        assert np.all(beyond["perfect"] >= beyond["planned"] - 1e-6 * np.abs(beyond["planned"]))


def test_rows_are_the_percentiles_of_the_realisations(tiny, totals, table):
    steps = dict(funnels(totals, tiny.settings.recoverable))["dy", "supported", 20.0, "applied", "planned"]
    frame = table.frame.set_index([*KEYS, "statistic"]).sort_index()
    assert not frame.index.has_duplicates
    for place, step in enumerate(STEPS):
        area, mud_t, metal_t = steps[place].T
        ratios = {"grade_ppm": metal_t / mud_t * 1e6, "in_situ_share": metal_t / steps[0][:, 2]}
        columns = {"area_km2": area, "dry_mud_t": mud_t, "metal_t": metal_t, **ratios}
        for name, values in columns.items():
            row = frame.loc["dy", "supported", 20.0, step, "applied", "planned"][name]
            assert row["p10"] == pytest.approx(np.quantile(values, 0.1, method="weibull"), rel=1e-9)
            assert row["p95"] == pytest.approx(np.quantile(values, 0.95, method="weibull"), rel=1e-9)
            expected = metal_t.sum() / mud_t.sum() * 1e6 if name == "grade_ppm" else values.mean()
            assert row["mean"] == pytest.approx(expected, rel=1e-9)
        oxide = frame.loc["dy", "supported", 20.0, step, "applied", "planned"]["oxide_t"]["p50"]
        assert oxide == pytest.approx(oxide_per_element("dy") * np.quantile(metal_t, 0.5, method="weibull"), rel=1e-9)


def test_an_unknown_share_leaves_everything_and_says_so(tiny, totals, table):
    frame = table.frame.set_index([*KEYS, "statistic"]).sort_index()
    told = frame.loc["dy", "supported", 20.0]
    numbers = ["area_km2", "dry_mud_t", "grade_ppm", "metal_t"]
    for step in ("extraction", "upgrading"):
        assert set(told.loc[step, "state"]) == {"unknown: not applied, so that this and all that follows is an upper bound"}
        pd.testing.assert_frame_equal(told.loc[step, numbers], told.loc["connected", numbers])
    assert told.loc["leaching", "metal_t"].to_numpy() == pytest.approx(0.951 * told.loc["connected", "metal_t"].to_numpy(), rel=1e-12)
    known = recoverable.run(totals, settings_of(tiny, extraction_share=0.8, upgrading_metal_share=0.9, leaching_share="unknown"))
    then = known.frame.set_index([*KEYS, "statistic"]).sort_index().loc["dy", "supported", 20.0]
    assert then.loc["extraction", "metal_t"].to_numpy() == pytest.approx(0.8 * told.loc["connected", "metal_t"].to_numpy(), rel=1e-12)
    assert then.loc["extraction", "grade_ppm"].to_numpy() == pytest.approx(told.loc["connected", "grade_ppm"].to_numpy(), rel=1e-12)
    # The factor is one of grade and mass: it wins no metal.
    assert then.loc["upgrading", "metal_t"].to_numpy() == pytest.approx(0.72 * told.loc["connected", "metal_t"].to_numpy(), rel=1e-12)
    assert then.loc["upgrading", "grade_ppm"].to_numpy() == pytest.approx(2.6 * told.loc["connected", "grade_ppm"].to_numpy(), rel=1e-12)
    assert set(then.loc["leaching", "state"].str[:7]) == {"unknown"}
    swing = known.sensitivity[(known.sensitivity["setting"] == "leaching_share") & (known.sensitivity["statistic"] == "p50")]
    assert swing["value"].tolist() == ["0", "1"] * 2
    assert swing["change_share"].tolist() == [-1.0, 0.0] * 2


def test_the_published_leaching_share_is_not_that_of_cerium(tiny):
    shares = [recoverable.leaching_share(element, tiny.settings.recoverable) for element in ("dy", "y", "ce", "zn", "rey")]
    assert shares == [0.951, 0.951, "unknown", "unknown", "unknown"]


def test_the_table_says_that_the_bathymetry_is_too_coarse_and_gives_both(tiny, table):
    rows = table.frame[table.frame["step"] == "slope"].groupby("slope")["state"].unique()
    assert rows["left_out"].tolist() == ["left out"]
    assert rows["applied"].tolist() == ["applied, but the bathymetry is too coarse to show the slope of a cell"]
    steep = np.where(np.arange(tiny.seafloor.slope_deg.shape[1]) % 3 == 0, 9.0, 1.0) * np.ones_like(tiny.seafloor.slope_deg)
    fine = replace(tiny, seafloor=replace(tiny.seafloor, slope_deg=steep, source_resolution_m=100.0))
    found = passed(reducer_of(fine), fine)
    steps = dict(funnels(found, tiny.settings.recoverable))
    for selection in SELECTIONS:
        with_slope, without = (steps["dy", "all", 20.0, slope, selection][-1, :, 2] for slope in SLOPES)
        assert np.all(with_slope < 0.8 * without)
    assert set(recoverable.run(found, tiny.settings.recoverable).frame.query("step == 'slope' and slope == 'applied'")["state"]) == {"applied"}


def test_without_an_island_the_zone_is_not_applied_and_says_so(tiny):
    nowhere = passed(reducer_of(tiny, place=tiny.settings.place.model_copy(update={"island_longitude_deg": None})), tiny)
    found = recoverable.run(nowhere, tiny.settings.recoverable).frame
    assert set(found.loc[found["step"] == "zone", "state"]) == {"not applied: [place] names no island"}


def test_an_exclusion_that_could_not_be_used_is_told(tiny):
    reducer = reducer_of(tiny)
    reducer.masks = replace(reducer.masks, unusable=("reserve",))
    found = recoverable.run(passed(reducer, tiny), tiny.settings.recoverable)
    assert set(found.frame.loc[found.frame["step"] == "exclusions", "state"]) == {"applied, but polygons are missing that could not be used"}
    assert "no polygon, so that nothing is excluded by it: reserve" in found.warnings


def test_without_realisations_the_funnel_is_empty(tiny):
    found = recoverable.run(RecoverableTotals.nothing(Marks("measured")), tiny.settings.recoverable)
    assert found.frame.empty
    assert found.sensitivity.empty
    assert found.warnings == ("nothing was simulated: the funnel is empty",)


def test_the_sums_of_a_realisation_hold_its_blocks(tiny):
    reducer = reducer_of(tiny)
    blocks = next(draws(tiny))
    layers = len(blocks.density_t_m3)
    sums = cumulated(blocks.density_t_m3.reshape(layers, -1), blocks.metal_g_m3.reshape(2, layers, -1), reducer.site.column)
    assert sums[:, -1, FIRST + 1] == pytest.approx(blocks.metal_g_m3[1].reshape(layers, -1).sum(axis=0, dtype=float), rel=1e-12)
