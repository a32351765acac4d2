import numpy as np
import pytest
import shapely

from pipeline.geostatistics.declustering import polygonal_weights

REGION = shapely.box(0, 0, 100, 100)


def test_weights_are_the_shares_of_the_region():
    weights = polygonal_weights(np.array([10.0, 30.0]), np.array([50.0, 50.0]), REGION)
    np.testing.assert_allclose(weights, [0.2, 0.8])


def test_order_follows_the_positions_given():
    easting_m, northing_m = np.random.default_rng(0).uniform(0, 100, (2, 12))
    weights = polygonal_weights(easting_m, northing_m, REGION)
    turned = np.arange(12)[::-1]
    np.testing.assert_allclose(polygonal_weights(easting_m[turned], northing_m[turned], REGION), weights[turned])
    assert weights.sum() == pytest.approx(1)


def test_coincident_positions_share_their_polygon():
    weights = polygonal_weights(np.array([25.0, 25.0, 75.0]), np.array([50.0, 50.0, 50.0]), REGION)
    np.testing.assert_allclose(weights, [0.25, 0.25, 0.5])


def test_far_outside_the_region_weights_are_equal_among_those_that_do_not_touch_it():
    assert polygonal_weights(np.array([5.0]), np.array([5.0]), REGION).tolist() == [1.0]


def test_a_crowded_corner_counts_less():
    crowd = np.linspace(5, 15, 9)
    weights = polygonal_weights(np.append(crowd, 80.0), np.append(crowd, 80.0), REGION)
    assert weights[-1] > 0.5
