import numba
import numpy as np
import pytest
import textbook
from hypothesis import given, settings
from hypothesis import strategies as st
from real_data import meuse_samples

from pipeline.errors import TooFewSamples
from pipeline.geostatistics.coregionalisation import Coregionalisation
from pipeline.geostatistics.covariance import CovarianceModel, Structure, block_nodes
from pipeline.geostatistics.kriging import Neighbourhood, cokrige, krige, trend

MEUSE_MODEL = CovarianceModel(0.0507, (Structure("spherical", 0.5906, 897.02),))
EXTENT_M = np.array([5_000.0, 5_000.0, 10.0])
KINDS = ("spherical", "exponential", "gaussian", "cubic", "matern32", "matern52")
seeds = st.integers(0, 100_000)
few = settings(max_examples=25, deadline=None)


def random_structure(rng, sill=1.0, kinds=KINDS):
    ranges = rng.uniform(600, 9_000), rng.choice([np.inf, rng.uniform(1, 20)]), rng.uniform(600, 9_000)
    angles = rng.uniform(0, 360), rng.choice([0.0, rng.uniform(-60, 60)]), rng.choice([0.0, rng.uniform(-90, 90)])
    return Structure(str(rng.choice(kinds)), sill, *ranges, *angles)


def random_case(seed, data=30, targets=12):
    """Data, model, targets and measurement errors; one target lies on a datum."""
    rng = np.random.default_rng(seed)
    data_m = rng.uniform(0, EXTENT_M, (data, 3))
    targets_m = np.vstack([data_m[3], rng.uniform(-0.1, 1.1, (targets - 1, 3)) * EXTENT_M])
    model = CovarianceModel(rng.uniform(0.05, 0.4), tuple(random_structure(rng, sill) for sill in (1.0, 0.4)))
    return rng, data_m, rng.normal(10, 2, data), model, targets_m, rng.uniform(0.0, 0.3, data)


def by_the_book(data_m, values, model, targets_m, drift, target_drift, errors, block, chosen=None):
    """Value and variance of each target; drift includes the constant, if any."""
    out = []
    offsets_m, weights = block if block is not None else (np.zeros((1, 3)), np.ones(1))
    for i, target_m in enumerate(targets_m):
        use = np.arange(len(values)) if chosen is None else chosen[i]
        nodes_m = target_m + offsets_m
        c = weights @ textbook.covariance(model, nodes_m, data_m[use])
        inner = weights @ textbook.covariance(model, nodes_m, nodes_m) @ weights
        if block is None:
            inner += model.nugget
            c = c + model.nugget * np.all(data_m[use] == target_m, axis=1)
        K = textbook.covariance(model, data_m[use], data_m[use]) + np.diag(model.nugget + errors[use])
        out.append(textbook.solve(K, values[use], drift[use], c, target_drift[i], inner)[:2])
    return np.array(out).T


def check(estimate, expected):
    np.testing.assert_allclose(estimate.value, expected[0], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(estimate.variance, np.maximum(expected[1], 0), rtol=1e-8, atol=1e-8)


# ------------------------------------------------------------------ published


@pytest.fixture(scope="module")
def meuse():
    rows = meuse_samples()
    return np.array([[easting_m, northing_m, 0.0] for easting_m, northing_m, _ in rows]), np.log([zinc_ppm for *_, zinc_ppm in rows])


def test_meuse_point_and_block_are_the_published_ones(meuse):
    node = np.array([[181180.0, 333740.0, 0.0]])
    point = krige(*meuse, MEUSE_MODEL, node)
    assert point.value[0] == pytest.approx(6.4996075, abs=1e-6)
    assert point.variance[0] == pytest.approx(0.3198549, abs=1e-6)
    block = krige(*meuse, MEUSE_MODEL, node, block=block_nodes((40.0, 40.0, 0.0), (4, 4, 1)))
    assert block.value[0] == pytest.approx(6.4991413, abs=1e-6)
    assert block.variance[0] == pytest.approx(0.2493199, abs=1e-6)


# ------------------------------------------------------------------ the textbook, option by option


@given(seeds, st.booleans(), st.sampled_from(["point", "gauss", "midpoint"]), st.sampled_from(["simple", "ordinary", "universal", "drift"]))
@few
def test_kriging_from_all_data_is_the_textbook_system(seed, has_errors, support, kind):
    rng, data_m, values, model, targets_m, errors = random_case(seed)
    errors = errors if has_errors else np.zeros(len(values))
    block = None if support == "point" else block_nodes((700.0, 400.0, 2.0), (3, 2, 2), support)
    field = rng.normal(5_700, 50, len(values)), rng.normal(5_700, 50, len(targets_m))
    extra = {
        "simple": (None, None),
        "ordinary": (None, None),
        "universal": (trend(data_m, 2), trend(targets_m, 2)),
        "drift": (field[0][:, None], field[1][:, None]),
    }[kind]
    options = {"error_variance": errors, **({} if block is None else {"block": block})}
    if kind == "simple":
        estimate = krige(data_m, values, model, targets_m, mean=9.0, **options)
        none = np.empty((len(values), 0)), np.empty((len(targets_m), 0))
        value, variance = by_the_book(data_m, values - 9.0, model, targets_m, *none, errors, block)
        check(estimate, (value + 9.0, variance))
        return
    estimate = krige(data_m, values, model, targets_m, drift=extra[0], target_drift=extra[1], **options)
    # The book's system is solved with scaled columns: squares of metres cost it eight digits.
    drift, target_drift = np.ones((len(values), 1)), np.ones((len(targets_m), 1))
    if extra[0] is not None:
        middle, spread = extra[0].mean(axis=0), extra[0].std(axis=0)
        drift, target_drift = np.hstack([drift, (extra[0] - middle) / spread]), np.hstack([target_drift, (extra[1] - middle) / spread])
    check(estimate, by_the_book(data_m, values, model, targets_m, drift, target_drift, errors, block))


@given(seeds, st.booleans(), st.integers(4, 12), st.sampled_from([None, 2]), st.sampled_from([None, 1, 3]), st.booleans(), st.booleans())
@few
def test_a_moving_neighbourhood_is_the_textbook_system_of_its_data(seed, is_limited, max_data, max_per_core, max_per_octant, is_block, has_drift):
    rng, data_m, values, model, targets_m, errors = random_case(seed, data=60, targets=20)
    cores = rng.integers(0, 12, len(values))
    ellipsoid = random_structure(rng)
    ellipsoid = Structure("spherical", 1.0, *np.minimum([ellipsoid.ranges_m[i] for i in (0, 2, 1)], [9e9, 30.0, 9e9]), *_angles(ellipsoid))
    radii = {"horizontal_radius_m": ellipsoid.ranges_m[0], "minor_radius_m": ellipsoid.ranges_m[1], "vertical_radius_m": ellipsoid.ranges_m[2]}
    turned = {"azimuth_deg": ellipsoid.azimuth_deg, "dip_deg": ellipsoid.dip_deg, "rake_deg": ellipsoid.rake_deg}
    rules = Neighbourhood(max_data, 3, max_per_core=max_per_core, max_per_octant=max_per_octant, **(radii | turned if is_limited else {}))
    block = block_nodes((700.0, 400.0, 2.0), (2, 2, 2)) if is_block else None
    drift, target_drift = (rng.normal(size=(n, 1)) for n in (len(values), len(targets_m)))
    options = {"error_variance": errors, "neighbourhood": rules, "cores": cores, **({} if block is None else {"block": block})}
    if has_drift:
        options |= {"drift": drift, "target_drift": target_drift}
    estimate = krige(data_m, values, model, targets_m, **options)

    # The program sorts by place first: equal distances do not occur here.
    metric = (ellipsoid if is_limited else model.structures[0]).reduction()
    chosen = []
    for target_m in targets_m:
        lag = (data_m - target_m) @ metric.T
        octant = (lag >= 0) @ np.array([1, 2, 4])
        distance = np.linalg.norm(lag, axis=1)
        inside = distance <= (1 if is_limited else np.inf)
        chosen.append(textbook.nearest(distance, inside, cores, octant, max_data, max_per_core, max_per_octant))
    enough = np.array([len(use) >= 3 for use in chosen])
    assert np.isnan(estimate.value[~enough]).all()
    columns, target_columns = np.ones((len(values), 1)), np.ones((len(targets_m), 1))
    if has_drift:
        columns, target_columns = np.hstack([columns, drift]), np.hstack([target_columns, target_drift])
    if enough.any():
        kept = [use for use in chosen if len(use) >= 3]
        expected = by_the_book(data_m, values, model, targets_m[enough], columns, target_columns[enough], errors, block, kept)
        np.testing.assert_allclose(estimate.value[enough], expected[0], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(estimate.variance[enough], np.maximum(expected[1], 0), rtol=1e-8, atol=1e-8)


def _angles(structure):
    return structure.azimuth_deg, structure.dip_deg, structure.rake_deg


def random_joint_case(seed):
    """Heterotopic data of two variables: each at places of its own, some of them shared."""
    rng = np.random.default_rng(seed)
    places_m = rng.uniform(0, EXTENT_M, (40, 3))
    data_m = np.vstack([places_m[:25], places_m[15:]])
    variable = np.repeat([0, 1], [25, 25])
    roots = rng.normal(size=(3, 2, 2))
    matrices = roots @ roots.transpose(0, 2, 1)
    model = Coregionalisation(0.2 * matrices[0], (random_structure(rng), random_structure(rng)), matrices[1:])
    targets_m = np.vstack([places_m[[2, 20, 30]], rng.uniform(0, EXTENT_M, (7, 3))])
    return rng, data_m, rng.normal(0, 1, 50), variable, model, targets_m


@given(seeds, st.integers(0, 1), st.booleans(), st.booleans())
@few
def test_cokriging_is_the_textbook_system(seed, estimated, is_block, is_moving):
    rng, data_m, values, variable, model, targets_m = random_joint_case(seed)
    errors = rng.uniform(0, 0.1, 50)
    block = block_nodes((700.0, 400.0, 2.0), (2, 2, 2)) if is_block else None
    rules = Neighbourhood(max_data=50) if is_moving else None
    options = {} if block is None else {"block": block}
    estimate = cokrige(data_m, values, variable, model, targets_m, estimated, error_variance=errors, neighbourhood=rules, **options)
    together = np.all(data_m[:, None] == data_m[None], axis=2)
    K = textbook.joint_covariance(model, data_m, variable, data_m, variable) + together * model.nugget[np.ix_(variable, variable)] + np.diag(errors)
    drift = (variable[:, None] == [0, 1]).astype(float)
    offsets_m, weights = block if block is not None else (np.zeros((1, 3)), np.ones(1))
    same = np.full(len(weights), estimated)
    for i, target_m in enumerate(targets_m):
        nodes_m = target_m + offsets_m
        c = weights @ textbook.joint_covariance(model, nodes_m, same, data_m, variable)
        inner = weights @ textbook.joint_covariance(model, nodes_m, same, nodes_m, same) @ weights
        if block is None:
            c = c + np.all(data_m == target_m, axis=1) * model.nugget[estimated, variable]
            inner += model.nugget[estimated, estimated]
        value, variance, _ = textbook.solve(K, values, drift, c, np.eye(2)[estimated], inner)
        assert estimate.value[i] == pytest.approx(value, rel=1e-7, abs=1e-7)
        assert estimate.variance[i] == pytest.approx(max(variance, 0), rel=1e-7, abs=1e-7)


# ------------------------------------------------------------------ invariants


@given(seeds, st.sampled_from([1e-3, 1e3, 7.0]))
@few
def test_cokriging_does_not_depend_on_units(seed, factor):
    _, data_m, values, variable, model, targets_m = random_joint_case(seed)
    one = cokrige(data_m, values, variable, model, targets_m, 0)
    scaled = np.where(variable == 1, values * factor, values)
    other = cokrige(data_m, scaled, variable, model.scaled(np.array([1.0, factor])), targets_m, 0)
    np.testing.assert_allclose(other.value, one.value, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(other.variance, one.variance, rtol=1e-8, atol=1e-8)


def test_cokriging_of_unrelated_variables_is_kriging_of_one():
    _, data_m, values, variable, model, targets_m = random_joint_case(1)
    apart = Coregionalisation(np.diag(np.diag(model.nugget)), model.structures, np.array([np.diag(np.diag(sill)) for sill in model.sills]))
    mine = variable == 0
    alone = krige(data_m[mine], values[mine], apart.marginal(0), targets_m)
    joint = cokrige(data_m, values, variable, apart, targets_m, 0)
    np.testing.assert_allclose(joint.value, alone.value, rtol=1e-9)
    np.testing.assert_allclose(joint.variance, alone.variance, rtol=1e-9, atol=1e-12)


def test_intrinsically_correlated_variables_at_the_same_places_teach_nothing():
    """With proportional matrices and every variable known everywhere, cokriging is kriging (Wackernagel 2003, ch. 25)."""
    rng, data_m, _, model, targets_m, _ = random_case(2)
    shared = np.array([[1.0, 0.6], [0.6, 2.0]])
    units = tuple(Structure(part.kind, 1.0, *[part.ranges_m[i] for i in (0, 2, 1)], *_angles(part)) for part in model.structures)
    joint = Coregionalisation(model.nugget * shared, units, np.array([part.sill * shared for part in model.structures]))
    values = rng.normal(size=60)
    both = cokrige(np.vstack([data_m, data_m]), values, np.repeat([0, 1], 30), joint, targets_m, 0)
    alone = krige(data_m, values[:30], model, targets_m)
    np.testing.assert_allclose(both.value, alone.value, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(both.variance, alone.variance, rtol=1e-8, atol=1e-9)


@given(seeds)
@few
def test_weights_sum_to_one(seed):
    _, data_m, values, model, targets_m, errors = random_case(seed)
    for rules in (None, Neighbourhood(max_data=8)):
        one, other = (krige(data_m, shifted, model, targets_m, error_variance=errors, neighbourhood=rules) for shifted in (values, values + 1_000.0))
        np.testing.assert_allclose(other.value - one.value, 1_000.0, rtol=1e-10)


@pytest.mark.parametrize("rules", [None, Neighbourhood(max_data=6)])
def test_data_are_honoured_with_variance_zero(rules):
    _, data_m, values, model, _, _ = random_case(3)
    result = krige(data_m, values, model, data_m, neighbourhood=rules)
    np.testing.assert_allclose(result.value, values, rtol=1e-9)
    np.testing.assert_allclose(result.variance, 0, atol=1e-9)


@pytest.mark.parametrize("rules", [None, Neighbourhood(max_data=30)])
def test_a_block_is_the_mean_of_its_points(rules):
    """Off the data, where no point shares a nugget with one."""
    _, data_m, values, model, targets_m, _ = random_case(5)
    block = block_nodes((500.0, 300.0, 1.0), (4, 3, 2))
    blocks = krige(data_m, values, model, targets_m[1:], block=block, neighbourhood=rules)
    for i, centre_m in enumerate(targets_m[1:]):
        points = krige(data_m, values, model, centre_m + block.offsets_m, neighbourhood=rules)
        assert blocks.value[i] == pytest.approx(block.weights @ points.value, rel=1e-10)


@given(seeds)
@few
def test_a_neighbourhood_that_holds_all_data_is_global(seed):
    rng, data_m, values, model, targets_m, errors = random_case(seed)
    drift, target_drift = rng.normal(size=(30, 1)), rng.normal(size=(12, 1))
    options = {"drift": drift, "target_drift": target_drift, "error_variance": errors}
    everything = krige(data_m, values, model, targets_m, **options)
    for rules in (
        Neighbourhood(max_data=30),
        Neighbourhood(99, horizontal_radius_m=1e6, vertical_radius_m=1e6),
        Neighbourhood(30, max_per_core=30, max_per_octant=30),
    ):
        moving = krige(data_m, values, model, targets_m, neighbourhood=rules, cores=np.zeros(30), **options)
        np.testing.assert_allclose(moving.value, everything.value, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(moving.variance, everything.variance, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(moving.slope_of_regression, everything.slope_of_regression, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rules", [None, Neighbourhood(max_data=10)])
def test_a_constant_drift_is_ordinary_kriging(rules):
    _, data_m, values, model, targets_m, _ = random_case(7)
    same = {"drift": np.full((30, 1), 5_700.0), "target_drift": np.full((12, 1), 5_700.0)}
    one, other = krige(data_m, values, model, targets_m, neighbourhood=rules), krige(data_m, values, model, targets_m, neighbourhood=rules, **same)
    np.testing.assert_array_equal(other.value, one.value)
    np.testing.assert_array_equal(other.variance, one.variance)


def test_a_planted_trend_is_found_again_by_universal_kriging():
    _, data_m, _, model, targets_m, _ = random_case(8)
    values = 3.0 + trend(data_m, 2) @ np.array([1e-3, -2e-3, 1e-7, 2e-7, -1e-7])
    expected = 3.0 + trend(targets_m, 2) @ np.array([1e-3, -2e-3, 1e-7, 2e-7, -1e-7])
    result = krige(data_m, values, model, targets_m, drift=trend(data_m, 2), target_drift=trend(targets_m, 2))
    np.testing.assert_allclose(result.value, expected, rtol=1e-8)


@pytest.mark.parametrize("rules", [None, Neighbourhood(max_data=9), Neighbourhood(9, max_per_core=2, max_per_octant=3)])
@pytest.mark.parametrize("kinds", [("spherical",), KINDS])
def test_order_of_the_data_changes_no_bit(rules, kinds):
    rng, data_m, values, _, targets_m, errors = random_case(9, data=60, targets=40)
    model = CovarianceModel(0.1, (random_structure(rng, 1.0, kinds), random_structure(rng, 0.5, kinds)))
    cores = np.arange(60) % 7
    order = rng.permutation(60)
    one = krige(data_m, values, model, targets_m, error_variance=errors, neighbourhood=rules, cores=cores)
    other = krige(data_m[order], values[order], model, targets_m, error_variance=errors[order], neighbourhood=rules, cores=cores[order])
    for name in ("value", "variance", "slope_of_regression"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("rules", [None, Neighbourhood(max_data=9), Neighbourhood(9, 1, 2_000.0, 5.0)])
@pytest.mark.parametrize("is_block", [False, True])
def test_other_targets_and_threads_change_no_bit(rules, is_block):
    """No seams: a target alone, in a crowd, in another tile, with one thread or two."""
    rng, data_m, values, _, _, errors = random_case(10, data=80)
    model = CovarianceModel(0.1, (Structure("spherical", 1.0, 1_500.0, 4.0, 1_000.0, 30.0), Structure("cubic", 0.5, 2_500.0, 6.0)))
    targets_m = rng.uniform(0, EXTENT_M, (3_000, 3))
    options = {"error_variance": errors, "neighbourhood": rules}
    if is_block:
        options["block"] = block_nodes((100.0, 100.0, 1.0), (2, 2, 2))
    together = krige(data_m, values, model, targets_m, **options)
    some = rng.permutation(3_000)[:50]
    apart = krige(data_m, values, model, targets_m[some], **options)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        alone = krige(data_m, values, model, targets_m, **options)
        single = krige(data_m, values, model, targets_m[some[:1]], **options)
    finally:
        numba.set_num_threads(threads)
    for name in ("value", "variance", "slope_of_regression"):
        whole = getattr(together, name)
        np.testing.assert_array_equal(getattr(apart, name), whole[some])
        np.testing.assert_array_equal(getattr(alone, name), whole)
        np.testing.assert_array_equal(getattr(single, name), whole[some[:1]])


def test_scaling_values_scales_the_estimate_alone():
    _, data_m, values, model, targets_m, _ = random_case(11)
    one, thousand = krige(data_m, values, model, targets_m), krige(data_m, 1_000 * values, model, targets_m)
    np.testing.assert_allclose(thousand.value, 1_000 * one.value, rtol=1e-12)
    np.testing.assert_array_equal(thousand.variance, one.variance)


def test_an_unknown_drift_at_a_target_gives_no_number_there():
    rng, data_m, values, model, targets_m, _ = random_case(12)
    target_drift = rng.normal(size=(12, 1))
    target_drift[4] = np.nan
    for rules in (None, Neighbourhood(max_data=9)):
        result = krige(data_m, values, model, targets_m, drift=rng.normal(size=(30, 1)), target_drift=target_drift, neighbourhood=rules)
        assert np.flatnonzero(np.isnan(result.value)).tolist() == [4]
        assert np.flatnonzero(np.isnan(result.variance)).tolist() == [4]


# ------------------------------------------------------------------ degenerate input, by rule

SIMPLE = CovarianceModel(0.0, (Structure("spherical", 1.0, 1_000.0, 5.0),))


def test_one_datum_is_the_estimate_everywhere():
    """Its variance is the sill twice over where it does not reach: that of the target and that of the only datum."""
    targets_m = np.array([[0.0, 0.0, 0.0], [9_000.0, 0.0, 0.0]])
    for rules in (None, Neighbourhood()):
        result = krige(np.zeros((1, 3)), np.array([5.0]), SIMPLE, targets_m, neighbourhood=rules)
        np.testing.assert_allclose(result.value, 5.0)
        np.testing.assert_allclose(result.variance, [0.0, 2.0], atol=1e-12)


def test_two_data_share_by_distance():
    result = krige(np.array([[0.0, 0, 0], [500.0, 0, 0]]), np.array([1.0, 3.0]), SIMPLE, np.array([[250.0, 0, 0], [125.0, 0, 0]]))
    assert result.value[0] == pytest.approx(2.0)
    assert 1.0 < result.value[1] < 2.0


def test_equal_values_come_back():
    _, data_m, _, model, targets_m, _ = random_case(13)
    np.testing.assert_allclose(krige(data_m, np.full(30, 7.0), model, targets_m).value, 7.0, rtol=1e-12)


def test_a_model_without_variance_gives_the_mean_without_variance():
    _, data_m, values, _, targets_m, _ = random_case(14)
    for rules in (None, Neighbourhood(max_data=30)):
        result = krige(data_m, values, CovarianceModel(0.0, ()), targets_m[1:], neighbourhood=rules)
        np.testing.assert_allclose(result.value, values.mean(), rtol=1e-12)
        np.testing.assert_allclose(result.variance, 0, atol=1e-20)


def test_coincident_data_need_a_nugget_or_an_error():
    data_m, values = np.array([[0.0, 0, 0], [0.0, 0, 0], [500.0, 0, 0]]), np.array([1.0, 3.0, 2.0])
    with pytest.raises(TooFewSamples, match="data coincide without nugget or measurement error"):
        krige(data_m, values, SIMPLE, np.ones((1, 3)))
    near = np.array([[1.0, 0.0, 0.0]])
    assert np.isnan(krige(data_m, values, SIMPLE, near, neighbourhood=Neighbourhood()).value[0])
    for rules in (None, Neighbourhood()):
        result = krige(data_m, values, SIMPLE, near, error_variance=np.array([0.1, 0.1, 0.0]), neighbourhood=rules)
        assert result.value[0] == pytest.approx(2.0, abs=0.01)


def test_collinear_data_do_not_determine_a_slope_across_their_line():
    data_m = np.column_stack([np.arange(6) * 100.0, np.zeros(6), np.zeros(6)])
    values, targets_m = np.arange(6.0), np.array([[250.0, 50.0, 0.0]])
    assert krige(data_m, values, SIMPLE, targets_m).value[0] == pytest.approx(2.5, abs=0.2)
    along = krige(data_m, values, SIMPLE, targets_m, drift=trend(data_m, 1, (0,)), target_drift=trend(targets_m, 1, (0,)))
    assert along.value[0] == pytest.approx(2.5)
    diagonal_m = data_m + np.column_stack([np.zeros(6), np.arange(6) * 100.0, np.zeros(6)])
    with pytest.raises(TooFewSamples, match="do not determine the 3 drift functions"):
        krige(diagonal_m, values, SIMPLE, targets_m, drift=trend(diagonal_m, 1), target_drift=trend(targets_m, 1))
    rules = Neighbourhood(max_data=6)
    moving = krige(diagonal_m, values, SIMPLE, targets_m, drift=trend(diagonal_m, 1), target_drift=trend(targets_m, 1), neighbourhood=rules)
    assert np.isnan(moving.value[0])


@pytest.mark.parametrize("kind", ["spherical", "exponential"])
def test_a_range_far_beyond_the_data_interpolates_linearly(kind):
    """Such a variogram is a straight line; between two data on a line kriging with it is linear interpolation."""
    model = CovarianceModel(0.0, (Structure(kind, 1.0, 1e9),))
    result = krige(np.array([[0.0, 0, 0], [100.0, 0, 0], [200.0, 0, 0]]), np.array([1.0, 5.0, 3.0]), model, np.array([[25.0, 0, 0], [150.0, 0, 0]]))
    np.testing.assert_allclose(result.value, [2.0, 4.0], rtol=1e-5)


def test_a_range_without_any_digit_left_is_explained():
    model = CovarianceModel(0.0, (Structure("gaussian", 1.0, 1e9),))
    with pytest.raises(TooFewSamples, match="far closer together than the range"):
        krige(np.random.default_rng(0).uniform(0, 100, (20, 3)), np.ones(20), model, np.zeros((1, 3)))


def test_out_of_reach_of_all_data_the_estimate_is_the_mean():
    _, data_m, values, _, _, _ = random_case(15)
    far = np.array([[1e7, 1e7, 0.0]])
    result = krige(data_m, values, CovarianceModel(0.5, (Structure("spherical", 1.0, 1e-3, 1e-3),)), far)
    assert result.value[0] == pytest.approx(values.mean())
    assert result.variance[0] == pytest.approx(1.5 * (1 + 1 / 30))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"values": np.array([])}, TooFewSamples, "no datum"),
        ({"values": np.array([1.0, np.nan])}, ValueError, "not finite: leave out what is missing"),
        ({"data_m": np.zeros((2, 2))}, ValueError, "each datum needs easting, northing and depth"),
        ({"mean": 1.0, "drift": np.ones((2, 1)), "target_drift": np.ones((1, 1))}, ValueError, "known mean and a drift are both given"),
        ({"drift": np.ones((2, 1))}, ValueError, "both at the data and at the targets"),
        ({"drift": np.ones((2, 1)), "target_drift": np.ones((1, 2))}, ValueError, "the data have 1 drifts, the targets 2"),
        ({"neighbourhood": Neighbourhood(max_per_core=1)}, ValueError, "needs the label of each datum's core"),
    ],
)
def test_input_that_cannot_be_kriged_is_explained(change, error, says):
    arguments = {"data_m": np.array([[0.0, 0, 0], [1.0, 0, 0]]), "values": np.array([1.0, 2.0]), "model": SIMPLE, "targets_m": np.zeros((1, 3))}
    if "values" in change and not len(change["values"]):
        arguments["data_m"] = np.empty((0, 3))
    with pytest.raises(error, match=says):
        krige(**(arguments | change))


def test_a_variable_without_data_cannot_be_estimated():
    _, data_m, values, _, model, targets_m = random_joint_case(3)
    with pytest.raises(TooFewSamples, match="variable 1 has no datum"):
        cokrige(data_m, values, np.zeros(50, dtype=int), model, targets_m, 1)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"max_data": 0}, "max_data is 0"),
        ({"max_data": 3, "min_data": 4}, "min_data 4 is above max_data 3"),
        ({"horizontal_radius_m": -1.0, "vertical_radius_m": 1.0}, "all must be positive"),
        ({"horizontal_radius_m": 100.0}, "give all of them or none"),
    ],
)
def test_rules_that_no_datum_can_follow_are_refused(rules, says):
    with pytest.raises(ValueError, match=says):
        Neighbourhood(**rules)
