"""Kriging as it stands in the textbook, in NumPy alone: formulas, one system per target, nothing compiled and nothing shared with the program."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

SHAPES = {
    "spherical": lambda h: np.where(h < 1, 1 - 1.5 * h + 0.5 * h**3, 0.0),
    "cubic": lambda h: np.where(h < 1, 1 - 7 * h**2 + 35 / 4 * h**3 - 7 / 2 * h**5 + 3 / 4 * h**7, 0.0),
    "exponential": lambda h: np.exp(-3 * h),
    "gaussian": lambda h: np.exp(-3 * h**2),
    "matern32": lambda h: (1 + 4.743864518390577 * h) * np.exp(-4.743864518390577 * h),
    "matern52": lambda h: (1 + 5.918649346310187 * h + (5.918649346310187 * h) ** 2 / 3) * np.exp(-5.918649346310187 * h),
}


def correlation(structure, one_m, other_m):
    """(n, m) correlations of a structure, its ellipsoid turned by a rotation made of three elementary ones."""
    lag_m = np.asarray(one_m, float)[:, None, :] - np.asarray(other_m, float)[None, :, :]
    # Axes east, north, up: azimuth turns clockwise seen from above, dip turns the nose down, rake rolls about the nose.
    turn = Rotation.from_euler("ZXY", [-structure.azimuth_deg, -structure.dip_deg, structure.rake_deg], degrees=True)
    up = lag_m * np.array([1.0, 1.0, -1.0])
    along = turn.inv().apply(up.reshape(-1, 3)).reshape(up.shape)
    ranges = np.array([structure.ranges_m[1], structure.ranges_m[0], structure.ranges_m[2]])
    return SHAPES[structure.kind](np.linalg.norm(along / ranges, axis=-1))


def covariance(model, one_m, other_m):
    """(n, m) covariance without nugget of a model of one variable."""
    return sum((part.sill * correlation(part, one_m, other_m) for part in model.structures), np.zeros((len(one_m), len(other_m))))


def joint_covariance(model, one_m, one_variable, other_m, other_variable):
    """(n, m) covariance without nugget of a model of coregionalisation."""
    pairs = np.ix_(one_variable, other_variable)
    parts = (sill[pairs] * correlation(part, one_m, other_m) for part, sill in zip(model.structures, model.sills, strict=True))
    return sum(parts, np.zeros((len(one_m), len(other_m))))


def solve(data_covariance, values, drift, target_covariance, target_drift, target_variance):
    """Estimate and variance of one target from the augmented system."""
    n, p = drift.shape
    system = np.zeros((n + p, n + p))
    system[:n, :n], system[:n, n:], system[n:, :n] = data_covariance, drift, drift.T
    solution = np.linalg.solve(system, np.concatenate([target_covariance, target_drift]))
    return solution[:n] @ values, target_variance - solution @ np.concatenate([target_covariance, target_drift]), solution[:n]


def nearest(distance, inside, cores, octant, max_data, max_per_core, max_per_octant):
    """Data of a neighbourhood, by the words of its rules."""
    taken = []
    for j in sorted(np.flatnonzero(inside), key=lambda j: (distance[j], j)):
        if len(taken) == max_data:
            break
        if max_per_core is not None and sum(cores[i] == cores[j] for i in taken) >= max_per_core:
            continue
        if max_per_octant is not None and sum(octant[i] == octant[j] for i in taken) >= max_per_octant:
            continue
        taken.append(j)
    return sorted(taken)
