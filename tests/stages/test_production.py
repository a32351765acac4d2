"""Production: figures of a year as the draws say, on both bases, from planned panels and from all that is recoverable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import rasterio

from pipeline.artefacts import Marks, PanelPlan, PanelTotals, Production, RecoverableTotals, Reserve, Seafloor
from pipeline.config import GridSettings, ProductionSettings, RecoverableSettings, RegionSettings
from pipeline.grid import layers_of, region_grid
from pipeline.stages import production
from pipeline.units import BASES, Pores, oxide_per_element

MARKS = Marks("synthetic", 3)
SETTINGS = ProductionSettings()
PORES = Pores(SETTINGS.grain_density_t_m3, SETTINGS.seawater_density_t_m3)
HEADLINE = {"region": "supported", "cutoff_ppm": 20.0, "slope": "applied", "selection": "planned"}


@pytest.fixture(scope="module")
def seafloor():
    grid = region_grid(RegionSettings(west_deg=153.5, east_deg=153.6, south_deg=22.0, north_deg=22.1), GridSettings(cell_m=500.0))
    known = np.full(grid.shape, 5700.0)
    return Seafloor(grid, layers_of(GridSettings()), known, np.zeros(grid.shape), np.ones(grid.shape), "a grid", 100.0)


def plan(rate_t_day, basis, volumes_m3, elements=("dy",)):
    """Years of one plan that mine the halves of cells."""
    count = len(volumes_m3)
    shares = np.repeat(np.eye(-(-count // 2)), 2, axis=0)[:count] / 2
    return PanelPlan(
        rate_t_day, basis, rate_t_day * 330, list(range(shares.shape[1])), [2] * shares.shape[1], shares.tolist(), list(volumes_m3),
        [volume / 1e7 for volume in volumes_m3], [5600.0 + 10 * year for year in range(count)], [1900.0] * count, [250.0] * count,
        [0.55 * volume for volume in volumes_m3], {element: [0.55 * volume * 40e-6 for volume in volumes_m3] for element in elements}, 40.0, 0.001,
    )  # fmt: skip


def totals_of(plans, draws):
    """Panels whose density and grade in each realisation are those given, by element."""
    rows = [
        {
            "realisation": number, "rate_t_day": one.rate_t_day, "basis": one.basis, "year": year, "element": element,
            "dry_mud_t": volume * density, "metal_t": volume * density * grade * 1e-6,
        }
        for one in plans
        for year, volume in enumerate(one.volume_m3, start=1)
        for element in one.kriged_metal_t
        for number, (density, grade) in enumerate(draws)
    ]  # fmt: skip
    return PanelTotals(pd.DataFrame(rows), list(plans), None, "dy", MARKS)


def recoverable_totals(mud_t, metal_t, **changes):
    row = {"step": "connected", "tried": "", "element": "dy", **HEADLINE, **changes}
    draws = enumerate(zip(mud_t, metal_t, strict=True))
    return pd.DataFrame([{"realisation": number, **row, "dry_mud_t": mud, "metal_t": metal} for number, (mud, metal) in draws])


def run(panels, seafloor, totals=None, **recoverable):
    return production.run(panels, totals or RecoverableTotals.nothing(MARKS), seafloor, SETTINGS, RecoverableSettings(**recoverable))


def row(made, rate_t_day, basis, where, statistic="p50", element="dy"):
    frame = made.frame
    chosen = (frame["rate_t_day"] == rate_t_day) & (frame["basis"] == basis) & (frame["where"] == where)
    chosen &= (frame["statistic"] == statistic) & (frame["element"] == element)
    return frame[chosen].iloc[0]


def test_a_year_reckoned_by_hand(seafloor):
    """As in docs/production_and_supply.md: 3,500 t a day of mud of 0.55 t/m³ that holds 35 ppm Dy."""
    plans = [plan(3500.0, basis, [2.1e6] * 4) for basis in BASES]
    made = run(totals_of(plans, [(0.55, 35.0)] * 3), seafloor)
    dry, wet = (row(made, 3500.0, basis, "start_panels") for basis in BASES)
    assert (dry["dry_mud_t_year"], wet["wet_mud_t_year"]) == (1_155_000.0, 1_155_000.0)
    assert dry["wet_mud_t_year"] == pytest.approx(1_155_000 * 1.3534 / 0.55)
    assert wet["dry_mud_t_year"] == pytest.approx(469_373, abs=1)
    assert dry["metal_t_year"] == pytest.approx(40.425)
    assert dry["oxide_t_year"] == pytest.approx(46.395, abs=1e-3)
    assert dry["leached_oxide_t_year"] == pytest.approx(44.122, abs=1e-3)
    assert dry["leached_oxide_least_t_year"] == pytest.approx(46.395 * 0.813, abs=1e-3)
    assert dry["volume_m3_year"] == pytest.approx(2.1e6)
    assert dry["area_km2_year"] == pytest.approx(0.21)
    assert wet["volume_m3_year"] == pytest.approx(853_406, abs=1)
    assert wet["metal_t_year"] == pytest.approx(16.428, abs=1e-3)
    assert dry["life_years"] == pytest.approx(4.0)
    assert dry["lifting_depth_m"] == pytest.approx(5615.0)
    assert (dry["distance_to_port_km"], dry["distance_to_island_km"]) == (1900.0, 250.0)
    assert set(made.frame["data_kind"]) == {"synthetic; 3 refused rows left out"}


def test_every_percentile_is_one_of_the_draws_figures_and_no_ratio_of_percentiles(seafloor):
    random = np.random.default_rng(4)
    draws = list(zip(random.uniform(0.4, 0.7, 49), random.lognormal(3.6, 0.5, 49), strict=True))
    density, grade = np.array(draws).T
    made = run(totals_of([plan(350.0, basis, [1e5, 3e5]) for basis in BASES], draws), seafloor)
    share = PORES.dry_share(dry_bulk_density_t_m3=density)
    for basis, dry_t in (("dry", np.full(49, 115_500.0)), ("wet", 115_500.0 * share)):
        expected = {
            "dry_mud_t_year": dry_t,
            "wet_mud_t_year": dry_t / share,
            "grade_ppm": grade,
            "metal_t_year": dry_t * grade * 1e-6,
            "oxide_t_year": dry_t * grade * 1e-6 * oxide_per_element("dy"),
            "volume_m3_year": dry_t / density,
            "area_km2_year": dry_t / density * 1e-7,
            "life_years": 4e5 * density / dry_t,
            "metal_t": 4e5 * density * grade * 1e-6,
        }
        for statistic, part in (("p05", 0.05), ("p10", 0.1), ("p50", 0.5), ("p90", 0.9), ("p95", 0.95)):
            found = row(made, 350.0, basis, "start_panels", statistic)
            for name, values in expected.items():
                assert found[name] == pytest.approx(np.quantile(values, part, method="weibull"), rel=1e-9), (basis, statistic, name)
        mean, sd = (row(made, 350.0, basis, "start_panels", statistic) for statistic in ("mean", "sd"))
        assert mean["grade_ppm"] == pytest.approx(np.average(grade, weights=density), rel=1e-9)
        assert mean["metal_t_year"] == pytest.approx(expected["metal_t_year"].mean(), rel=1e-9)
        assert sd["grade_ppm"] == pytest.approx(grade.std(ddof=1), rel=1e-9)
    assert row(made, 350.0, "dry", "start_panels", "sd")["dry_mud_t_year"] == 0.0


def test_the_panel_of_each_year_is_told_by_itself(seafloor):
    one = plan(350.0, "dry", [1e5, 2e5, 3e5])
    panels = totals_of([one], [(0.5, 30.0), (0.6, 30.0)])
    panels.frame["metal_t"] *= panels.frame["year"]
    made = run(panels, seafloor)
    told = made.years[made.years["statistic"] == "p50"].set_index("year")
    np.testing.assert_allclose(told["grade_ppm"], [30.0, 60.0, 90.0])
    np.testing.assert_allclose(told["lifting_depth_m"], [5600.0, 5610.0, 5620.0])
    kriged = made.years[made.years["statistic"] == "kriged"]
    np.testing.assert_allclose(kriged["grade_ppm"], 40.0)
    assert row(made, 350.0, "dry", "start_panels")["grade_ppm"] == pytest.approx((30 + 2 * 60 + 3 * 90) / 6)


def test_all_that_is_recoverable_comes_from_the_columns_planned_at_the_headline(seafloor):
    reserve = Reserve(4e9, 400.0, 5700.0, None, 250.0, 2.2e9, {"dy": 9e4})
    mud = np.array([2.0e9, 2.2e9, 2.4e9])
    right = recoverable_totals(mud, mud * 40e-6)
    others = [
        recoverable_totals(mud * 9, mud, **change)
        for change in ({"step": "in_situ"}, {"region": "all"}, {"cutoff_ppm": 0.0}, {"selection": "perfect"}, {"slope": "left_out"}, {"tried": "x=1"})
    ]
    totals = RecoverableTotals(pd.concat([*others, right], ignore_index=True), {"headline": HEADLINE}, MARKS)
    panels = replace(totals_of([plan(350.0, "dry", [1e5])], [(0.5, 30.0)] * 3), reserve=reserve)
    made = run(panels, seafloor, totals)
    found = row(made, 3500.0, "dry", "recoverable_average")
    assert found["life_years"] == pytest.approx(2.2e9 / 1_155_000)
    assert found["grade_ppm"] == pytest.approx(40.0)
    assert found["metal_t"] == pytest.approx(2.2e9 * 40e-6)
    assert found["area_km2_year"] == pytest.approx(1_155_000 / 0.55 * 1e-7)
    assert np.isnan(found["distance_to_port_km"])
    assert row(made, 3500.0, "dry", "recoverable_average", "kriged")["grade_ppm"] == pytest.approx(9e4 / 2.2e9 * 1e6)
    assert set(made.frame.loc[made.frame["where"] == "start_panels", "rate_t_day"]) == {350.0}


def test_mud_lost_on_the_way_up_is_dug_and_its_metal_is_not_won(seafloor):
    panels = totals_of([plan(350.0, "dry", [1e5] * 3)], [(0.55, 40.0)] * 2)
    whole, part = run(panels, seafloor), run(panels, seafloor, extraction_share=0.8)
    before, after = (row(made, 350.0, "dry", "start_panels") for made in (whole, part))
    for name, factor in (
        ("metal_t_year", 1.0), ("grade_ppm", 1.0), ("dry_mud_t_year", 1.0), ("area_km2_year", 1.25), ("volume_m3_year", 1.25),
        ("life_years", 0.8), ("metal_t", 0.8), ("leached_metal_t", 0.8),
    ):  # fmt: skip
        assert after[name] == pytest.approx(factor * before[name], rel=1e-12), name


def test_an_unknown_leaching_is_empty_and_a_known_upgrading_counts(seafloor):
    panels = totals_of([plan(350.0, "dry", [1e5])], [(0.55, 40.0)] * 2)
    found = row(run(panels, seafloor, leaching_share="unknown"), 350.0, "dry", "start_panels")
    assert np.isfinite(found["oxide_t_year"])
    assert np.isnan([found[name] for name in ("leached_metal_t_year", "leached_oxide_t_year", "leached_oxide_least_t_year", "leached_metal_t")]).all()
    found = row(run(panels, seafloor, upgrading_metal_share=0.7, leaching_share=0.9), 350.0, "dry", "start_panels")
    assert found["leached_metal_t_year"] == pytest.approx(0.63 * found["metal_t_year"], rel=1e-12)


def test_an_element_without_an_oxide_has_metal_alone(seafloor):
    panels = totals_of([plan(350.0, "dry", [1e5], ("zn",))], [(0.55, 40.0)] * 2)
    found = row(run(panels, seafloor), 350.0, "dry", "start_panels", element="zn")
    assert np.isfinite(found["metal_t_year"])
    assert np.isnan(found["oxide_t_year"])


def test_the_raster_tells_when_each_cell_begins_and_how_much_of_it_is_mined(seafloor, tmp_path):
    made = run(totals_of([plan(350.0, "dry", [1e5] * 5), plan(3500.0, "wet", [1e6] * 2)], [(0.55, 40.0)] * 2), seafloor)
    made.write(tmp_path / "production.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"production.csv", "start_panels.csv", "start_panels.tif"}
    with rasterio.open(tmp_path / "start_panels.tif") as raster:
        assert raster.descriptions == tuple(
            f"rate_{scenario}_{what}" for scenario in ("350_t_day_dry", "3500_t_day_wet") for what in ("first_year", "mined_share")
        )
        assert raster.units == ("year", "1", "year", "1")
        assert raster.tags()["data_kind"] == "synthetic"
        first, share = raster.read(1), raster.read(2)
    np.testing.assert_array_equal(first[:3, 2], [1, 3, 5])
    np.testing.assert_array_equal(share[:3, 2], [1, 1, 0.5])
    assert np.isfinite(first).sum() == 3


def test_tables_are_written_and_read_back_to_the_same_bytes(seafloor, tmp_path):
    made = run(totals_of([plan(350.0, basis, [1e5] * 3, ("dy", "zn")) for basis in BASES], [(0.55, 40.0), (0.5, 35.0)]), seafloor)
    made.write(tmp_path / "production.csv")
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = Production.read(tmp_path / "production.csv")
    pd.testing.assert_frame_equal(again.frame, made.frame, check_dtype=False, rtol=1e-9)
    pd.testing.assert_frame_equal(again.years, made.years, check_dtype=False, rtol=1e-9)
    assert again.first_year.keys() == made.first_year.keys()
    again.write(tmp_path / "production.csv")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_without_anything_to_lift_the_tables_are_empty_and_say_so(seafloor, tmp_path):
    made = run(PanelTotals.nothing(MARKS), seafloor)
    assert made.frame.empty
    assert "nothing is told" in made.warnings[0]
    made.write(tmp_path / "production.csv")
    assert Production.read(tmp_path / "production.csv").first_year == {}
