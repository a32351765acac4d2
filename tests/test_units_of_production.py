"""Unit arithmetic of production: what goes in comes out, dry mass is conserved, and the cases reckoned by hand in the docs hold."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import units
from pipeline.units import (
    Pores,
    grade_ppm_of,
    mass_unit,
    metal_t_of,
    metal_t_of_oxide,
    mud_volume_m3,
    oxide_of_formula,
    oxide_per_element,
    oxide_t_of,
    seabed_area_km2,
    t_day_of_rate,
    t_year_of_rate,
)

DOCS = Path(__file__).parents[1] / "docs" / "production_and_supply.md"

tonnes = st.floats(1e-3, 1e12)
grains = st.floats(2.0, 3.5)
waters = st.floats(0.95, 1.15)
shares = st.floats(0.02, 0.98)
"""Of the grains' density: a dry bulk density that mud can have."""
oxides = st.sampled_from(sorted(units.RARE_EARTHS | {"sc"}))


def test_cases_reckoned_by_hand_in_the_docs():
    found = doctest.testfile(str(DOCS), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
    assert found.attempted == 24


@given(tonnes, grains, waters, shares)
def test_wet_from_dry_and_back(dry_mud_t, grain, water, share):
    pores, density = Pores(grain, water), share * grain
    wet_mud_t = pores.wet_mud_t(dry_mud_t=dry_mud_t, dry_bulk_density_t_m3=density)
    assert wet_mud_t > dry_mud_t
    assert pores.dry_mud_t(wet_mud_t=wet_mud_t, dry_bulk_density_t_m3=density) == pytest.approx(dry_mud_t, rel=1e-12)


@given(tonnes, grains, waters, shares)
def test_wet_mud_is_its_grains_and_the_water_in_its_pores(dry_mud_t, grain, water, share):
    """Volumes of grains and water add up to the volume of mud, masses to its mass."""
    pores, density = Pores(grain, water), share * grain
    volume_m3 = mud_volume_m3(dry_mud_t=dry_mud_t, dry_bulk_density_t_m3=density)
    water_m3 = volume_m3 * pores.porosity(dry_bulk_density_t_m3=density)
    assert dry_mud_t / grain + water_m3 == pytest.approx(volume_m3, rel=1e-9)
    assert pores.wet_mud_t(dry_mud_t=dry_mud_t, dry_bulk_density_t_m3=density) == pytest.approx(dry_mud_t + water_m3 * water, rel=1e-9)


@given(st.lists(st.tuples(tonnes, shares), min_size=1, max_size=6), grains, waters)
def test_lots_of_mud_mixed_or_apart_weigh_the_same(lots, grain, water):
    """Dry mass, volume and wet mass all add up: a mean density over the volume loses nothing."""
    pores = Pores(grain, water)
    dry_t = np.array([lot for lot, _ in lots])
    densities = np.array([share * grain for _, share in lots])
    volume_m3 = mud_volume_m3(dry_mud_t=dry_t, dry_bulk_density_t_m3=densities)
    apart_t = pores.wet_mud_t(dry_mud_t=dry_t, dry_bulk_density_t_m3=densities).sum()
    mixed_t = pores.wet_mud_t(dry_mud_t=float(dry_t.sum()), dry_bulk_density_t_m3=float(dry_t.sum() / volume_m3.sum()))
    assert mixed_t == pytest.approx(apart_t, rel=1e-9)


@given(grains, waters, shares, shares)
def test_denser_dry_mud_has_a_higher_dry_share_and_fewer_pores(grain, water, one, other):
    pores = Pores(grain, water)
    lower, higher = sorted((one * grain, other * grain))
    assert pores.dry_share(dry_bulk_density_t_m3=lower) <= pores.dry_share(dry_bulk_density_t_m3=higher)
    assert pores.porosity(dry_bulk_density_t_m3=lower) >= pores.porosity(dry_bulk_density_t_m3=higher)
    assert pores.wet_bulk_density_t_m3(dry_bulk_density_t_m3=lower) <= pores.wet_bulk_density_t_m3(dry_bulk_density_t_m3=higher) * (1 + 1e-12)


@given(grains, waters, shares)
def test_a_rate_on_each_basis_is_divided_by_its_own_density(grain, water, share):
    pores, density = Pores(grain, water), share * grain
    assert pores.bulk_density_t_m3("dry", dry_bulk_density_t_m3=density) == density
    wet = pores.bulk_density_t_m3("wet", dry_bulk_density_t_m3=density)
    assert wet == pytest.approx(density / pores.dry_share(dry_bulk_density_t_m3=density), rel=1e-12)


@given(tonnes, st.floats(1, 366))
def test_rate_a_day_and_a_year_go_round(rate, days):
    assert t_day_of_rate(rate_t_year=t_year_of_rate(rate_t_day=rate, days_year=days), days_year=days) == pytest.approx(rate, rel=1e-12)


@given(tonnes, st.floats(0, 1e6), st.floats(0, 1e3))
def test_metal_is_linear_in_mud_and_in_grade(mud, ppm, times):
    metal = metal_t_of(dry_mud_t=mud, grade_ppm=ppm)
    assert metal_t_of(dry_mud_t=times * mud, grade_ppm=ppm) == pytest.approx(times * metal, rel=1e-12)
    assert metal_t_of(dry_mud_t=mud, grade_ppm=times * ppm) == pytest.approx(times * metal, rel=1e-12)
    assert grade_ppm_of(metal_t=metal, dry_mud_t=mud) == pytest.approx(ppm, rel=1e-12)
    assert metal <= mud * (1 + 1e-12)


@given(oxides, tonnes)
def test_oxide_from_metal_and_back_is_heavier_by_its_oxygen(element, metal):
    oxide = oxide_t_of(element, metal_t=metal)
    assert oxide > metal
    assert oxide / metal == pytest.approx(oxide_per_element(element), rel=1e-12)
    assert metal_t_of_oxide(element, oxide_t=oxide) == pytest.approx(metal, rel=1e-12)


@given(tonnes, st.floats(0.1, 4.0), st.floats(0.1, 100.0))
def test_area_times_thickness_is_the_volume(mud, density, thickness):
    volume = mud_volume_m3(dry_mud_t=mud, dry_bulk_density_t_m3=density)
    area = seabed_area_km2(volume_m3=volume, thickness_m=thickness)
    assert area * 1e6 * thickness * density == pytest.approx(mud, rel=1e-9)


def test_an_element_without_an_oxide_has_no_oxide():
    assert oxide_t_of("zn", metal_t=1.0) is None
    assert metal_t_of_oxide("zn", oxide_t=1.0) is None


def test_every_tonne_is_named_where_it_is_given():
    """A tonne of wet mud cannot be handed over unseen where a dry one is meant: arguments of the arithmetic have no place, only names with units."""
    functions = [units.mud_volume_m3, units.seabed_area_km2, units.metal_t_of, units.grade_ppm_of, units.t_year_of_rate, units.t_day_of_rate]
    functions += [method for name, method in vars(Pores).items() if inspect.isfunction(method) and not name.startswith("_")]
    for function in functions:
        for parameter in list(inspect.signature(function).parameters.values()):
            if parameter.name not in ("self", "basis"):
                assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, (function, parameter)
                assert parameter.name.rpartition("_")[2] in ("t", "m3", "km2", "m", "ppm", "day", "year"), (function, parameter)
    with pytest.raises(TypeError):
        Pores(2.5, 1.03).wet_mud_t(1.0, 0.55)


@pytest.mark.parametrize(
    ("text", "tonnes_in_one", "element", "per_element", "period"),
    [
        ("t Dy/year", 1.0, "dy", 1.0, "year"),
        ("kg Gd/month", 1e-3, "gd", 1.0, "month"),
        ("t Dy2O3", 1.0, "dy", oxide_per_element("dy"), ""),
        ("kt Tb4O7/year", 1e3, "tb", oxide_of_formula("Tb4O7")[1], "year"),
        (" t/year ", 1.0, None, 1.0, "year"),
    ],
)
def test_a_unit_of_mass_says_of_what_and_in_which_time(text, tonnes_in_one, element, per_element, period):
    found = mass_unit(text)
    assert (found.tonnes, found.element, found.per_element, found.period) == (tonnes_in_one, element, per_element, period)
    assert found.is_unsaid == (element is None)


@pytest.mark.parametrize("text", ["USD/kg", "t Zn/year", "t Dy per year", "ton", "", "t/day", "t Dy2O3/year/year", "Dy t"])
def test_what_is_no_unit_of_mass_is_none(text):
    assert mass_unit(text) is None
