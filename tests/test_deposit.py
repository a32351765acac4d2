"""What realisations are drawn from: which variables, errors by hand, replicates merged, and what no interval can be given for."""

from dataclasses import replace

import numpy as np
import pytest
from assess import assess
from planted import SETTINGS, cores_on_a_grid, varied_density_t_m3, varied_ppm

from pipeline.deposit import SOURCES, deposit_of, not_simulated

REALISATIONS = 12


def drawn(world, *, frame=None, realisations=REALISATIONS, density=None, **changes):
    """Deposit of a world, its composites or settings changed."""
    given = world.settings
    layered = world.composites if frame is None else replace(world.composites, frame=frame)
    settings = given.simulation.model_copy(update={"realisations": realisations, **changes})
    prior = given.density.model_copy(update=density or {})
    return deposit_of(layered, world.variograms, world.seafloor, settings, prior, given.variogram)


@pytest.fixture(scope="module")
def prior_only(plant):
    """One element, no density."""
    rows = [{**row, "dry_bulk_density_t_m3": None} for row in cores_on_a_grid(varied_ppm)]
    return assess(plant(rows, SETTINGS.replace('["dy", "gd"]', '["dy"]')))


def test_variables_are_the_first_grade_the_density_and_ratios_to_the_first(varied):
    deposit = drawn(varied)
    assert (deposit.elements, [part.name for part in deposit.measured]) == (("dy", "gd"), ["dy", "density", "gd"])
    assert deposit.positions_m.shape == (16, 2)
    frame = varied.composites.frame
    assert np.sort(deposit.grades_ppm(0).ravel()) == pytest.approx(np.sort(frame["dy_ppm"]))
    assert np.sort(deposit.grades_ppm(1).ravel()) == pytest.approx(np.sort(frame["gd_ppm"]))
    assert [part.slopes.shape[1] for part in deposit.draws] == [0, 1, 2]
    assert {len(part.model) for part in deposit.draws} == {REALISATIONS}


def test_element_with_most_composites_comes_first(varied):
    frame = varied.composites.frame.copy()
    frame.loc[frame.index[:3], ["dy_ppm", "dy_g_m3"]] = np.nan
    assert drawn(varied, frame=frame).elements == ("gd", "dy")


def of_two_samples(world, share=0.6, variance=0.04):
    """Composites that all hold two samples with the same variance between them."""
    frame = world.composites.frame.copy()
    for name in ("dy", "gd", "density"):
        frame[f"{name}_samples"], frame[f"{name}_log_variance"] = 2, variance
    for name in ("dy_sampled_share", "gd_sampled_share", "sampled_share"):
        frame[name] = share
    frame["gd_ratio_log_variance"] = variance
    return frame


def log_errors(part):
    return part.error_variance * part.scores.statistics.sd**2


def test_error_of_a_composite_of_two_samples_is_the_one_by_hand(varied):
    """c = 3 x 2/3 x (0.04 - a2), tau2 = c (1 - 0.6)^2 / 24 + a2 / 2, a2 = 0.0009 for a grade, twice that for a ratio, none for a density."""
    deposit = drawn(varied, frame=of_two_samples(varied))
    for part, assay in zip(deposit.measured, (0.0009, 0.0, 0.0018), strict=True):
        assert log_errors(part) == pytest.approx(np.full((16, 4), 2 * (0.04 - assay) * 0.16 / 24 + assay / 2), rel=1e-9)


def test_ratio_has_the_same_error_whichever_element_comes_first(varied):
    """The logarithm of dy over gd varies between samples as that of gd over dy does."""
    frame = of_two_samples(varied)
    frame["dy_ratio_log_variance"] = varied.composites.frame["dy_ratio_log_variance"]
    frame.loc[frame.index[:3], ["dy_ppm", "dy_g_m3"]] = np.nan
    part = drawn(varied, frame=frame).measured[2]
    seen = np.isfinite(part.observed)
    assert log_errors(part)[seen] == pytest.approx(2 * (0.04 - 0.0018) * 0.16 / 24 + 0.0009, rel=1e-9)


def test_layer_sampled_whole_has_the_error_of_its_assays_alone(varied):
    deposit = drawn(varied, frame=of_two_samples(varied, share=1.0))
    assert log_errors(deposit.measured[0]) == pytest.approx(np.full((16, 4), 0.03**2 / 2), rel=1e-9)
    assert log_errors(drawn(varied, frame=of_two_samples(varied, share=1.0), assay_relative_sd=0.1).measured[0]) == pytest.approx(0.005)


def test_variance_between_samples_below_that_of_assays_adds_nothing(varied):
    assert log_errors(drawn(varied, frame=of_two_samples(varied, variance=0.0005)).measured[0]) == pytest.approx(0.00045)


def test_single_samples_take_the_variance_within_layers_from_the_others(varied):
    """n = 1: c (1 - f)^2 / 6 + a2."""
    frame = of_two_samples(varied)
    single = frame["core_id"] == frame["core_id"].iloc[0]
    frame.loc[single, "dy_samples"], frame.loc[single, "dy_log_variance"] = 1, np.nan
    found = log_errors(drawn(varied, frame=frame).measured[0])
    alone = np.isclose(found, 2 * (0.04 - 0.0009) * 0.16 / 6 + 0.0009, rtol=1e-9)
    assert alone.sum() == 4
    assert np.ptp(found[~alone]) < 1e-12


def test_mean_grade_stays_right_under_error(varied):
    """A logarithm with error is too low by half of the variance: scores are those of the grade raised by it."""
    part = drawn(varied, frame=of_two_samples(varied)).measured[0]
    layer = np.broadcast_to(np.arange(4), part.values.shape)
    assert part.scores.values(part.observed, layer) == pytest.approx(part.values * np.exp(log_errors(part) / 2), rel=1e-9)


def test_without_the_source_nothing_has_an_error_and_data_are_honoured(varied):
    deposit = drawn(varied, assay_error=False)
    for part, draws in zip(deposit.measured, deposit.draws, strict=True):
        assert not part.error_variance.any()
        seen = np.isfinite(part.observed)
        assert np.all(draws.values[:, seen] == part.observed[seen])
        layer = np.broadcast_to(np.arange(4), part.values.shape)
        assert part.scores.values(draws.values[3], layer) == pytest.approx(part.values, rel=1e-6)


def test_zero_grade_counts_as_half_of_the_smallest_above_zero(varied):
    """The second element, whose ratio to the first is then 0."""
    frame = varied.composites.frame.copy()
    frame.loc[frame.index[5], ["gd_ppm", "gd_g_m3"]] = 0.0
    ratio = (frame["gd_ppm"] / frame["dy_ppm"]).drop(frame.index[5])
    assert np.nanmin(drawn(varied, frame=frame).measured[2].values) == pytest.approx(ratio.min() / 2)


def test_zero_of_the_first_grade_leaves_its_ratio_unknown(varied):
    frame = varied.composites.frame.copy()
    frame.loc[frame.index[5], ["dy_ppm", "dy_g_m3"]] = 0.0
    deposit = drawn(varied, frame=frame)
    assert np.nanmin(deposit.measured[0].values) == pytest.approx(frame["dy_ppm"].drop(frame.index[5]).min() / 2)
    assert np.isnan(deposit.measured[2].values).sum() == 1


def with_twin(world, factor=1.0):
    """The first core a second time at the same place under another name, its grades times a factor."""
    frame = world.composites.frame
    first = frame["core_id"].iloc[0]
    both = frame.loc[[*frame.index, *frame.index[frame["core_id"] == first]]].reset_index(drop=True)
    both.loc[both.index >= len(frame), "core_id"] = "twin"
    both.loc[both["core_id"] == "twin", ["dy_ppm", "gd_ppm", "dy_g_m3", "gd_g_m3"]] *= factor
    both.loc[both["core_id"].isin(["twin", first]), "declustering_weight"] /= 2
    return both


def test_cores_at_one_place_are_one_with_the_mean_of_both(varied):
    plain, merged = drawn(varied), drawn(varied, frame=with_twin(varied, 3.0))
    assert np.array_equal(merged.positions_m, plain.positions_m)
    ratio = merged.measured[0].values / plain.measured[0].values
    assert np.sort(ratio.ravel()) == pytest.approx([1.0] * 60 + [2.0] * 4)


def test_cores_at_one_place_weigh_what_they_weigh_together(varied):
    plain, merged = drawn(varied), drawn(varied, frame=with_twin(varied))
    assert merged.measured[0].weights == pytest.approx(plain.measured[0].weights)
    alike = np.isclose(log_errors(merged.measured[0]), log_errors(plain.measured[0]))
    assert alike.sum() == 60


def test_layers_unseen_are_drawn_and_differ(plant):
    rows = [row for row in cores_on_a_grid(varied_ppm, varied_density_t_m3) if row["core_id"] != "C11" or row["from_m"] < 2]
    deposit = drawn(assess(plant(rows)))
    unseen = np.isnan(deposit.measured[0].observed)
    assert unseen.sum() == 2
    assert deposit.draws[0].values[:, unseen].std(axis=0).min() > 0
    held = deposit.simulation((0.0, 0.0), (2, 2), 5_000.0, 2, 1, {"unsampled_layers"}).variables[0].draws.values
    assert held[:, unseen] == pytest.approx(np.tile(deposit.draws[0].values[:, unseen].mean(axis=0), (REALISATIONS, 1)))
    assert np.array_equal(held[:, ~unseen], deposit.draws[0].values[:, ~unseen])


def test_equal_values_give_no_interval_and_say_so(plant):
    world = assess(plant(cores_on_a_grid(lambda *_: 40.0, gd=varied_ppm)))
    assert not_simulated(world.composites, world.variograms) == {"dy": "all values are equal: nothing tells how far others may lie from them"}
    assert drawn(world).elements == ("gd",)


def test_element_without_a_grade_above_zero_or_without_any_says_so(varied):
    frame = varied.composites.frame.copy()
    frame[["dy_ppm", "dy_g_m3"]] = 0.0
    assert not_simulated(replace(varied.composites, frame=frame), varied.variograms) == {"dy": "no grade is above zero"}
    unfitted = [replace(part, model=None) if part.subject == "gd" else part for part in varied.variograms]
    assert not_simulated(varied.composites, unfitted) == {"gd": "nothing was measured"}


def test_element_never_measured_with_the_first_says_so(varied):
    frame = varied.composites.frame.copy()
    without = frame["core_id"].isin(["C00", "C01", "C02"])
    frame.loc[without, ["dy_ppm", "dy_g_m3"]] = np.nan
    frame.loc[~without, ["gd_ppm", "gd_g_m3"]] = np.nan
    reason = "it was never measured together with dy, whose ratio to it is simulated"
    assert not_simulated(replace(varied.composites, frame=frame), varied.variograms) == {"gd": reason}


def test_nothing_to_simulate_is_an_error(varied):
    unfitted = replace(varied, variograms=[replace(part, model=None) for part in varied.variograms])
    with pytest.raises(ValueError, match="no element can be simulated"):
        drawn(unfitted)


def test_unmeasured_density_has_one_factor_with_the_spread_of_the_prior(prior_only):
    """1,500 draws: the spread of a near-normal factor is known to 1 / sqrt(3,000) of itself, its mean to the spread over sqrt(1,500)."""
    deposit = drawn(prior_only, realisations=1_500)
    spread = 0.06 / 0.55
    assert not deposit.is_density_measured
    assert abs(deposit.density_factor.mean() - 1) < 4.5 * spread / np.sqrt(1_500)
    assert deposit.density_factor.std() == pytest.approx(spread, rel=4.5 / np.sqrt(3_000))
    table = deposit.measured[1].scores
    assert np.exp(table.statistics.mean + table.statistics.sd**2 / 2) == pytest.approx([0.55] * 4)
    assert table.statistics.sd == pytest.approx([np.sqrt(np.log1p((0.04 / 0.55) ** 2))] * 4)
    assert (deposit.draws[1].root ** 2).sum(axis=2) == pytest.approx(1.0)


def test_measured_density_has_no_factor_of_the_deposit(varied):
    assert np.all(drawn(varied).density_factor == 1)


def test_half_supplied_from_the_prior_has_half_of_its_log_spread(plant, prior_only):
    """missing = "prior": the samples of every other half metre carry a density, and grades vary little."""
    rows = [
        {**row, "dry_bulk_density_t_m3": None if row["from_m"] % 1 else 0.55 + 0.01 * (i % 3)} for i, row in enumerate(cores_on_a_grid(varied_ppm))
    ]
    world = assess(plant(rows, SETTINGS.replace('"layer_mean"', '"prior"')))
    half, none = drawn(world), drawn(world, density={"missing": "layer_mean"})
    assert world.composites.density_source == "measured, gaps supplied"
    assert np.all(none.density_factor == 1)
    log_sd = np.sqrt(np.log1p((0.06 / 0.55) ** 2))
    # The same random numbers; the mean stays 1 whatever the spread.
    normals = (np.log(drawn(prior_only).density_factor) + log_sd**2 / 2) / log_sd
    assert np.log(half.density_factor) == pytest.approx(log_sd / 2 * normals - (log_sd / 2) ** 2 / 2, rel=1e-9)


def test_layer_without_a_density_of_its_own_still_has_mud(plant):
    rows = cores_on_a_grid(varied_ppm, varied_density_t_m3)
    rows = [{**row, "dry_bulk_density_t_m3": None if row["from_m"] >= 3 else row["dry_bulk_density_t_m3"]} for row in rows]
    world = assess(plant(rows))
    blocks = drawn(world).simulation((0.0, 0.0), (2, 2), 5_000.0, 2, 1, set()).realisation(0)
    assert np.isfinite(blocks.metal_g_m3).all()


def test_constant_density_stays_constant(plant):
    world = assess(plant(cores_on_a_grid(varied_ppm)))
    for blocks in drawn(world).simulation((0.0, 0.0), (3, 3), 5_000.0, 2, 1, set()).draws(REALISATIONS):
        # Each sweep makes the variance of 16 equal cores some 101/117 of itself at the prior's greatest weight; 60 leave a spread of 0.012.
        assert blocks.density_t_m3 == pytest.approx(0.5, rel=0.012)
        assert np.isfinite(blocks.metal_g_m3).all()


def test_order_of_rows_changes_no_bit(varied):
    frame = varied.composites.frame
    one, other = drawn(varied), drawn(varied, frame=frame.iloc[np.random.default_rng(1).permutation(len(frame))])
    for first, second in zip(one.draws, other.draws, strict=True):
        assert np.array_equal(first.values, second.values)
        assert np.array_equal(first.root, second.root)


def test_every_source_has_a_switch_in_the_settings(varied):
    assert all(getattr(varied.settings.simulation, source) is True for source in SOURCES)


def test_factor_is_1_when_density_is_off(prior_only):
    deposit = drawn(prior_only)
    arguments = ((0.0, 0.0), (2, 2), 5_000.0, 2, 1)
    assert np.array_equal(deposit.simulation(*arguments, set()).density_factor, deposit.density_factor)
    assert np.all(deposit.simulation(*arguments, {"density"}).density_factor == 1)


def test_prior_density_keeps_its_mean_when_density_is_off(prior_only):
    """Single precision, and a table of scores good to 1e-6."""
    blocks = drawn(prior_only).simulation((0.0, 0.0), (4, 4), 5_000.0, 2, 1, {"density"}).realisation(0)
    assert blocks.density_t_m3 == pytest.approx(0.55, rel=1e-5)
