"""Our engine beside GSTools, PyKrige, gstlearn and krigekit, on the same random cases: ``make test-peers``."""

import importlib.metadata
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from peers.engines import (
    CannotError,
    Problem,
    gstlearn,
    gstlearn_variogram,
    gstools,
    gstools_variogram,
    krigekit,
    ours,
    ours_variogram,
    pykrige,
)

from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.kriging import trend

pytestmark = pytest.mark.peers

ROOT = Path(__file__).parents[2]
KINDS = ["spherical", "exponential", "gaussian", "cubic", "matern32", "matern52"]
SEEDS = [1, 2, 3]
DATA, TARGETS = 60, 40
EXTENT_M = np.array([5_000.0, 5_000.0, 10.0])


def agree(one, other, rtol=1e-8):
    """Estimates and variances are the same numbers."""
    np.testing.assert_allclose(one[0], other[0], rtol=rtol)
    np.testing.assert_allclose(one[1], other[1], rtol=rtol, atol=rtol / 100)


def agree_in_single_precision(one, other):
    """Krigekit solves in single precision: seven digits, of which the condition of the system takes two or three."""
    np.testing.assert_allclose(one[0], other[0], atol=2e-4)
    np.testing.assert_allclose(one[1], other[1], atol=5e-6)


def structure(rng, kind, dimensions, dip_deg=0.0, rake_deg=0.0, **more):
    """A structure with its own random ellipsoid."""
    vertical_m = rng.uniform(2, 8) if dimensions == 3 else np.inf
    shape = {"minor_range_m": rng.uniform(1_000, 2_000), "azimuth_deg": rng.uniform(0, 180), "dip_deg": dip_deg, "rake_deg": rake_deg}
    return Structure(kind, 1.0, rng.uniform(2_000, 4_000), vertical_m, **{**shape, **more})


def positions(rng, count, dimensions):
    """Random places; on a plane all have depth 1 m."""
    places_m = rng.uniform(0, EXTENT_M, (count, 3))
    if dimensions == 2:
        places_m[:, 2] = 1.0
    return places_m


def problem(seed, dimensions, kind="spherical", *, nested=False, nugget=0.1, **options):
    """A random case of ordinary kriging."""
    rng = np.random.default_rng([seed, dimensions, KINDS.index(kind)])
    axes = {key: options.pop(key) for key in ("dip_deg", "rake_deg") if key in options}
    first = structure(rng, kind, dimensions, **axes)
    # GSTools and PyKrige have one ellipsoid for all structures: the second is a larger copy of the first.
    second = replace(
        first, kind="exponential", sill=0.4, horizontal_range_m=2 * first.ranges_m[0], minor_range_m=2 * first.ranges_m[1],
        vertical_range_m=2 * first.ranges_m[2],
    )  # fmt: skip
    model = CovarianceModel(nugget, (first, second) if nested else (first,))
    data_m = positions(rng, DATA, dimensions)
    return Problem(data_m, rng.normal(10, 2, DATA), model, positions(rng, TARGETS, dimensions), **options)


def with_drift(case, functions):
    """The case with functions of the position as drift."""
    return replace(case, drift=functions(case.data_m), target_drift=functions(case.targets_m))


def coregionalised(seed, dimensions, shared=0):
    """Two variables known at different places, or some at the same."""
    rng = np.random.default_rng([seed, dimensions])
    sills = np.array([[[1.0, 0.6], [0.6, 2.0]], [[0.3, -0.2], [-0.2, 0.5]]])
    parts = structure(rng, "spherical", dimensions), structure(rng, "exponential", dimensions)
    model = Coregionalisation(np.array([[0.1, 0.02], [0.02, 0.2]]), parts, sills)
    data_m = positions(rng, DATA, dimensions)
    variable = (np.arange(DATA) >= DATA // 2).astype(np.int64)
    data_m[DATA // 2 : DATA // 2 + shared] = data_m[:shared]
    return Problem(data_m, rng.normal(10, 2, DATA), model, positions(rng, TARGETS, dimensions), variable=variable)


def blocks(case):
    """The case on a grid of blocks."""
    axes = np.meshgrid(1_000 + 500.0 * np.arange(5), 1_200 + 400.0 * np.arange(4), 2.0 + np.arange(3), indexing="ij")
    return replace(case, targets_m=np.stack(axes, axis=-1).reshape(-1, 3), block_m=(500.0, 400.0, 1.0), nodes=(4, 4, 2))


def test_every_peer_of_the_lock_is_installed_as_locked():
    wanted = re.findall(r"^([a-z]\S*)$", (ROOT / "requirements-peers.in").read_text(encoding="utf-8"), re.MULTILINE)
    locked = (ROOT / "requirements-peers.lock").read_text(encoding="utf-8")
    for name in wanted:
        assert importlib.metadata.version(name) in re.findall(rf"^{name}==(\S+)", locked, re.MULTILINE), name


def test_the_engine_runs_here_on_the_libraries_of_a_build():
    here, there = ((ROOT / f"requirements{kind}.lock").read_text(encoding="utf-8") for kind in ("-peers", ""))
    for name in ("numpy", "scipy", "numba", "llvmlite", "pytest", "hypothesis"):
        lines = re.findall(rf"^{name}==.*$", here, re.MULTILINE)
        assert lines == re.findall(rf"^{name}==.*$", there, re.MULTILINE), name
        assert lines, name


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("peer", [gstools, pykrige, gstlearn])
def test_ordinary_kriging_of_an_anisotropic_field(peer, dimensions, kind, seed):
    case = problem(seed, dimensions, kind)
    agree(ours(case), peer(case))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("peer", [gstools, gstlearn])
def test_an_ellipsoid_turned_about_three_axes(peer, kind, seed):
    case = problem(seed, 3, kind, dip_deg=25.0, rake_deg=-40.0)
    agree(ours(case), peer(case))


@pytest.mark.parametrize("kind", ["spherical", "exponential"])
@pytest.mark.parametrize("peer", [gstools, pykrige, gstlearn])
def test_without_nugget(peer, kind):
    case = problem(4, 2, kind, nugget=0.0)
    agree(ours(case), peer(case))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("peer", [gstools, pykrige, gstlearn])
def test_nested_structures(peer, dimensions):
    case = problem(5, dimensions, nested=True)
    agree(ours(case), peer(case))


def test_nested_structures_each_with_its_own_ellipsoid():
    case = problem(6, 3)
    second = structure(np.random.default_rng(6), "exponential", 3, dip_deg=10.0)
    case = replace(case, model=CovarianceModel(0.05, (*case.model.structures, second)))
    agree(ours(case), gstlearn(case))


@pytest.mark.parametrize(("peer", "options"), [(gstools, {"exact": True}), (pykrige, {})])
def test_at_a_datum_the_estimate_is_the_datum_in_spite_of_a_nugget(peer, options):
    case = problem(7, 2)
    case = replace(case, targets_m=case.data_m[:10])
    one, other = ours(case), peer(case, **options)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-8)
    np.testing.assert_allclose(one[1], other[1], atol=1e-8)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("peer", [gstools, gstlearn])
def test_simple_kriging(peer, dimensions):
    case = problem(8, dimensions, mean=9.0)
    agree(ours(case), peer(case))


@pytest.mark.parametrize("peer", [gstools, gstlearn])
def test_measurement_errors(peer):
    case = problem(9, 3, error_variance=np.random.default_rng(9).uniform(0, 0.3, DATA))
    agree(ours(case), peer(case))


@pytest.mark.parametrize(("peer", "options"), [(gstools, {"trend": "linear"}), (pykrige, {"trend": True})])
def test_universal_kriging_with_a_plane(peer, options):
    case = problem(10, 2)
    agree(ours(with_drift(case, lambda places_m: trend(places_m, 1))), peer(case, **options))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("peer", [gstools, pykrige, gstlearn])
def test_external_drift(peer, seed):
    case = with_drift(problem(seed, 2), lambda places_m: np.column_stack([places_m[:, 0] / 1_000, np.sin(places_m[:, 1] / 700)]))
    agree(ours(case), peer(case))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("peer", "options"), [(pykrige, {"backend": "loop"}), (gstlearn, {})])
def test_a_moving_neighbourhood(peer, options, dimensions, seed):
    case = problem(seed, dimensions, max_data=12)
    agree(ours(case), peer(case, **options))


def test_a_moving_neighbourhood_in_a_turned_ellipsoid():
    case = problem(11, 3, max_data=12, dip_deg=25.0, rake_deg=-40.0)
    agree(ours(case), gstlearn(case))


@pytest.mark.parametrize("max_data", [None, 12])
@pytest.mark.parametrize("nugget", [0.0, 0.1])
def test_blocks(nugget, max_data):
    case = blocks(problem(12, 3, nugget=nugget, max_data=max_data))
    one, other = ours(case), gstlearn(case)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-8)
    # Gstlearn scatters the nodes of a block's own variance at random: that is one number for all blocks.
    assert np.ptp(one[1] - other[1]) < 1e-8
    if nugget == 0:
        agree_in_single_precision(one, krigekit(case))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shared", [0, 10])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_cokriging_of_variables_known_at_different_places(dimensions, shared, seed):
    case = coregionalised(seed, dimensions, shared)
    agree(ours(case), gstlearn(case))
    agree_in_single_precision(ours(case), krigekit(case))


def test_cokriging_in_a_moving_neighbourhood():
    case = replace(coregionalised(4, 3), max_data=16)
    agree(ours(case), gstlearn(case))


@pytest.mark.parametrize("kind", ["spherical", "exponential"])
@pytest.mark.parametrize("options", [{}, {"mean": 9.0}, {"max_data": 12}])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_krigekit_as_far_as_its_single_precision_goes(dimensions, options, kind):
    case = problem(13, dimensions, kind, **options)
    agree_in_single_precision(ours(case), krigekit(case))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("peer", [gstools_variogram, gstlearn_variogram])
def test_an_experimental_variogram(peer, dimensions, seed):
    rng = np.random.default_rng(seed)
    places_m, values, edges_m = rng.uniform(0, 1_000, (500, dimensions)), rng.normal(size=500), np.linspace(0, 600, 13)
    lag_m, semivariance, pairs = ours_variogram(places_m, values, edges_m)
    their_lag_m, their_semivariance, their_pairs = peer(places_m, values, edges_m)
    np.testing.assert_array_equal(pairs, their_pairs)
    np.testing.assert_allclose(semivariance, their_semivariance, rtol=1e-10)
    if peer is gstlearn_variogram:
        np.testing.assert_allclose(lag_m, their_lag_m, rtol=1e-10)


def test_what_a_peer_lacks_is_said():
    with pytest.raises(CannotError, match="moving"):
        gstools(problem(1, 2, max_data=12))
