"""Starting panels: the plan is the best of all orders where all can be tried, is connected, and is priced as the realisations say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import zarr
from assess import listed

from pipeline.artefacts import NOT_KEPT, DomainFiles, Keep, PanelTotals, RecoverableTotals
from pipeline.mining.panels import Ground, best_order
from pipeline.stages import simulation
from pipeline.units import Pores

STEPS = {4: ((-1, 0), (1, 0), (0, -1), (0, 1)), 8: [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]}


def discounted_t(order, ground, year_t, years, weight):
    """Metal of each year, weighted, by cutting the mud of the order into years one after the other."""
    lifted, metal = ground.lifted_t.ravel(), ground.metal_t.ravel()
    total, at = 0.0, 0.0
    for cell in order:
        left = lifted[cell]
        while left > 1e-12 * year_t:
            year = int(at / year_t + 1e-9)
            if year >= years:
                return total
            part = min(left, (year + 1) * year_t - at)
            total += weight**year * part * metal[cell] / lifted[cell]
            at, left = at + part, left - part
    return total


def every_order(ground, year_t, years):
    """Orders that keep the rule: the next cell touches one of the year's panel; where none is free, or the year just began, any cell mined."""
    rows, columns = ground.lifted_t.shape
    usable = {int(cell) for cell in np.flatnonzero(ground.allowed.ravel() & (ground.lifted_t.ravel() > 0))}
    lifted = ground.lifted_t.ravel()

    def around(cells):
        found = set()
        for cell in cells:
            row, column = divmod(cell, columns)
            for i, j in STEPS[ground.neighbours]:
                if 0 <= row + i < rows and 0 <= column + j < columns:
                    found.add((row + i) * columns + column + j)
        return found & usable

    def panel_of(order):
        at, spans = 0.0, []
        for cell in order:
            spans.append((cell, at, at + lifted[cell]))
            at += lifted[cell]
        begun = int(at / year_t + 1e-9) * year_t
        return [cell for cell, _, end in spans if end > begun + 1e-9 * year_t]

    def longer(order):
        if lifted[list(order)].sum() >= years * year_t * (1 - 1e-9):
            yield order
            return
        choices = around(panel_of(order)) - set(order) or around(order) - set(order)
        if not choices:
            yield order
        for cell in sorted(choices):
            yield from longer((*order, cell))

    for start in sorted(usable):
        yield from longer((start,))


def small_world(seed, neighbours=4, shape=(3, 4), forbidden=2):
    random = np.random.default_rng(seed)
    lifted = random.uniform(0.5, 2.5, shape)
    allowed = np.ones(shape, dtype=bool)
    allowed.ravel()[random.choice(allowed.size, forbidden, replace=False)] = False
    return Ground(lifted, lifted * random.lognormal(3.0, 0.6, shape), allowed, neighbours)


@pytest.mark.parametrize("neighbours", [4, 8])
@pytest.mark.parametrize("seed", range(6))
def test_the_plan_is_the_best_of_all_orders_on_small_worlds(seed, neighbours):
    """Panels of several cells, of parts of cells, and cells that last several years."""
    ground = small_world(seed, neighbours)
    for year_t, years in ((2.2, 3), (0.8, 6)):
        values = [discounted_t(order, ground, year_t, years, 0.8) for order in every_order(ground, year_t, years)]
        found = best_order(ground, year_t, years, 0.8, width=100_000)
        assert found.discounted_t == pytest.approx(max(values), rel=1e-12)
        assert found.bound_t == pytest.approx(found.discounted_t, rel=1e-12)
        narrow = best_order(ground, year_t, years, 0.8, width=2)
        assert narrow.discounted_t <= max(values) * (1 + 1e-12)
        assert narrow.bound_t >= max(values) * (1 - 1e-12)


def test_what_the_order_is_worth_is_what_its_shares_add_up_to():
    ground = small_world(11, shape=(8, 9), forbidden=10)
    found = best_order(ground, 3.1, 7, 0.9)
    lifted, metal = ground.lifted_t.ravel()[found.cells], ground.metal_t.ravel()[found.cells]
    np.testing.assert_allclose(found.shares @ lifted, np.full(7, 3.1), rtol=1e-9)
    assert np.all(found.shares.sum(axis=0) <= 1 + 1e-9)
    np.testing.assert_allclose(found.shares.sum(axis=0)[:-1], 1.0, rtol=1e-9)
    assert 0.9 ** np.arange(7) @ (found.shares @ metal) == pytest.approx(found.discounted_t, rel=1e-9)
    assert discounted_t(found.cells, ground, 3.1, 7, 0.9) == pytest.approx(found.discounted_t, rel=1e-9)


def test_mined_cells_are_allowed_distinct_and_connected_at_every_step():
    ground = small_world(5, shape=(10, 10), forbidden=25)
    found = best_order(ground, 4.0, 6, 0.9)
    assert ground.allowed.ravel()[found.cells].all()
    assert np.unique(found.cells).size == found.cells.size
    places = np.array(np.divmod(found.cells, 10)).T
    for number in range(1, len(places)):
        assert np.abs(places[:number] - places[number]).sum(axis=1).min() == 1


def test_a_plan_ends_where_the_connected_cells_end():
    """Two islands: the richer one is mined out, and nothing jumps to the other."""
    lifted = np.ones((3, 5))
    allowed = np.ones((3, 5), dtype=bool)
    allowed[:, 2] = False
    metal = np.where(np.arange(5) > 2, 2.0, 1.0) * lifted
    found = best_order(Ground(lifted, metal, allowed), 2.0, 10, 0.9)
    assert sorted(found.cells % 5) == [3, 3, 3, 4, 4, 4]
    assert found.shares.shape[0] == 3
    assert found.bound_t >= found.discounted_t


def test_a_cell_may_last_many_years_and_a_year_many_cells():
    lifted = np.full((6, 6), 5.0)
    metal = lifted * np.random.default_rng(3).uniform(1, 2, (6, 6))
    slow = best_order(Ground(lifted, metal, np.ones((6, 6), dtype=bool)), 0.5, 10, 0.9)
    assert slow.cells.tolist() == [int(np.argmax(metal))]
    np.testing.assert_allclose(slow.shares, 0.1)
    fast = best_order(Ground(lifted, metal, np.ones((6, 6), dtype=bool)), 20.0, 3, 0.9)
    assert fast.cells.size == 12
    np.testing.assert_allclose((fast.shares > 0).sum(axis=1), 4)


def test_scaling_mud_time_or_grade_leaves_the_order():
    ground = small_world(8, shape=(7, 7), forbidden=6)
    one = best_order(ground, 2.0, 5, 0.9)
    scaled = Ground(ground.lifted_t * 1e6, ground.metal_t * 1e6 * 40, ground.allowed)
    other = best_order(scaled, 2.0e6, 5, 0.9)
    np.testing.assert_array_equal(one.cells, other.cells)
    assert other.discounted_t == pytest.approx(one.discounted_t * 4e7, rel=1e-9)


def test_no_cell_no_plan():
    assert best_order(Ground(np.ones((2, 2)), np.ones((2, 2)), np.zeros((2, 2), dtype=bool)), 1.0, 3, 0.9) is None
    assert best_order(Ground(np.zeros((2, 2)), np.ones((2, 2)), np.ones((2, 2), dtype=bool)), 1.0, 3, 0.9) is None


# --- on assessments --------------------------------------------------------------------------------------------------------------------------------


def passed(tiny, realisations, seed, keep):
    """What the pass over a few realisations leaves, with one rate so high that panels take several cells."""
    given = tiny.settings
    production = given.production.model_copy(update={"rates_t_day": [3500.0, 800_000.0], "plan_years": 4})
    recoverable = given.recoverable.model_copy(update={"min_panel_years": 1.0})
    short = given.simulation.model_copy(update={"realisations": realisations, "checks": False, "seed": seed})
    made = simulation.run(
        tiny.composites, tiny.variograms, tiny.grades, tiny.seafloor, short, given.density, given.cutoffs, given.grade, given.tonnage,
        given.variogram, given.classes, tiny.density, listed(DomainFiles, tiny.raw, ".geojson"), given.region, given.place, recoverable, production,
        keep,
    )  # fmt: skip
    return {type(artefact): artefact for artefact in made.beside}


@pytest.fixture(scope="module")
def kept(tiny, tmp_path_factory):
    """Every realisation of the small assessment, stored, and what the pass left."""
    folder = tmp_path_factory.mktemp("kept") / "realisations.zarr"
    beside = passed(tiny, 12, 1, Keep(folder))
    blocks = {name: np.asarray(array, dtype=np.float64) for name, array in zarr.open_group(folder, mode="r").arrays()}
    return tiny, blocks, beside


def test_the_price_of_each_panel_is_the_sum_over_its_cells_in_every_realisation(kept):
    """Directly: the blocks stored, from the seafloor to the base that gives the volume told, by share of cell and of region."""
    tiny, blocks, beside = kept
    panels = beside[PanelTotals]
    assert {(plan.rate_t_day, plan.basis) for plan in panels.plans} == {(rate, basis) for rate in (3500.0, 800_000.0) for basis in ("dry", "wet")}
    assert max(len(plan.rows) for plan in panels.plans) > 3
    area_m2, layer_m, share = tiny.seafloor.grid.cell_area_m2, tiny.seafloor.layers.layer_m, tiny.seafloor.region_share
    for plan in panels.plans:
        cells = (np.array(plan.rows), np.array(plan.columns))
        shares = np.array(plan.shares)
        # How deep each column is mined, from the kriged estimate: metal beyond the cut-off is most there.
        mud, ppm = tiny.density.layer_t_m3[:, *cells], next(g for g in tiny.grades if g.element == panels.lead_element).layer_ppm[:, *cells]
        base = 1 + np.argmax(np.cumsum(mud * (ppm - 20.0), axis=0), axis=0)
        mined = np.arange(len(mud))[:, None] < base
        cell_m2 = share[cells] * area_m2
        np.testing.assert_allclose(shares @ (cell_m2 * base * layer_m), plan.volume_m3, rtol=1e-9)
        np.testing.assert_allclose(shares @ cell_m2 / 1e6, plan.area_km2, rtol=1e-9)
        density = np.where(mined, blocks["dry_bulk_density_t_m3"][:, :, *cells], 0.0)
        expected = {"dry_mud_t": (density.sum(axis=1) * layer_m * cell_m2) @ shares.T}
        for element in ("dy", "gd"):
            metal = (density * blocks[f"{element}_ppm"][:, :, *cells]).sum(axis=1) * layer_m * cell_m2 * 1e-6
            expected["metal_t"] = metal @ shares.T
            frame = panels.frame
            chosen = frame[(frame["rate_t_day"] == plan.rate_t_day) & (frame["basis"] == plan.basis) & (frame["element"] == element)]
            for name, values in expected.items():
                told = chosen.pivot_table(index="realisation", columns="year", values=name).to_numpy()
                np.testing.assert_allclose(told, values, rtol=1e-6)


def test_a_years_panel_of_the_plan_holds_a_year_of_kriged_mud_on_its_basis(kept):
    tiny, _, beside = kept
    given = tiny.settings.production
    pores = Pores(given.grain_density_t_m3, given.seawater_density_t_m3)
    for plan in beside[PanelTotals].plans:
        assert plan.year_t == plan.rate_t_day * given.days_year
        dry, volume = np.array(plan.kriged_dry_mud_t), np.array(plan.volume_m3)
        lifted = dry if plan.basis == "dry" else pores.wet_mud_t(dry_mud_t=dry, dry_bulk_density_t_m3=dry / volume)
        np.testing.assert_allclose(lifted, plan.year_t, rtol=1e-9)


def test_a_plan_keeps_to_what_the_funnel_would_mine(kept):
    """All that the plans choose from is what the funnel calls recoverable on the estimate, to the tonne."""
    tiny, _, beside = kept
    reserve, totals = beside[PanelTotals].reserve, beside[RecoverableTotals]
    headline, frame = totals.notes["headline"], totals.frame
    chosen = frame[(frame["step"] == "connected") & (frame["selection"] == "planned") & (frame["slope"] == "applied") & (frame["tried"] == "")]
    chosen = chosen[(chosen["region"] == headline["region"]) & (chosen["cutoff_ppm"] == headline["cutoff_ppm"])]
    assert len(chosen) == 12 * 2
    np.testing.assert_allclose(chosen["area_km2"], reserve.area_km2, rtol=1e-9)
    for plan in beside[PanelTotals].plans:
        assert np.all(np.isfinite(tiny.grades[0].mean_ppm[plan.rows, plan.columns]))
        assert sum(plan.volume_m3) <= reserve.volume_m3 * (1 + 1e-9)


def test_planning_knows_nothing_of_the_realisations(kept):
    """Other draws, other prices, the same plan: pricing cannot choose."""
    tiny, _, beside = kept
    again = passed(tiny, 2, 2, NOT_KEPT)[PanelTotals]
    assert again.plans == beside[PanelTotals].plans
    assert again.reserve == beside[PanelTotals].reserve
    assert not np.isin(again.frame["metal_t"], beside[PanelTotals].frame["metal_t"]).any()


def test_panels_are_written_and_read_back(kept, tmp_path):
    panels = kept[2][PanelTotals]
    panels.write(tmp_path / PanelTotals.NAME)
    again = PanelTotals.read(tmp_path / PanelTotals.NAME)
    assert (again.plans, again.reserve, again.lead_element, again.marks) == (panels.plans, panels.reserve, panels.lead_element, panels.marks)
    np.testing.assert_array_equal(again.frame["metal_t"], panels.frame["metal_t"])
    first = (tmp_path / PanelTotals.NAME).read_bytes()
    again.write(tmp_path / PanelTotals.NAME)
    assert (tmp_path / PanelTotals.NAME).read_bytes() == first
    nothing = replace(panels, frame=panels.frame.iloc[:0], plans=[], reserve=None)
    nothing.write(tmp_path / PanelTotals.NAME)
    assert PanelTotals.read(tmp_path / PanelTotals.NAME).plans == []
