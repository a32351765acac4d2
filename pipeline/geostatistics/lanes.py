"""Linear algebra on many small systems at once: the last axis of every array is a lane, and the lanes of a vector instruction are systems.

A single system of some twenty data is too small to fill a processor; the same row of thirty-two systems does. No sum runs across lanes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

LANES = 32
"""Systems side by side, at most."""


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def factorise(a: Array, n: int, width: int, work: Array, is_bad: Flags) -> None:  # pragma: no cover - compiled
    """Cholesky factors of the matrices in the lanes, in place; the diagonal holds reciprocals. Singular lanes are marked."""
    for lane in range(width):
        is_bad[lane] = False
    for i in range(n):
        row = a[i]
        for j in range(i + 1):
            other = a[j]
            for lane in range(width):
                work[lane] = row[j, lane]
            whole = j // 4 * 4
            for t in range(0, whole, 4):
                for lane in range(width):
                    total = work[lane] - row[t, lane] * other[t, lane]
                    total = total - row[t + 1, lane] * other[t + 1, lane]
                    total = total - row[t + 2, lane] * other[t + 2, lane]
                    work[lane] = total - row[t + 3, lane] * other[t + 3, lane]
            for t in range(whole, j):
                for lane in range(width):
                    work[lane] -= row[t, lane] * other[t, lane]
            if j < i:
                for lane in range(width):
                    row[j, lane] = work[lane] * other[j, lane]
        for lane in range(width):
            if not work[lane] > 1e-14 * row[i, lane]:
                is_bad[lane] = True
            row[i, lane] = 1.0 / np.sqrt(work[lane])


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def solve_lower(factor: Array, x: Array, n: int, width: int, work: Array) -> None:  # pragma: no cover - compiled
    """Solve L y = x in every lane, in place."""
    for i in range(n):
        row = factor[i]
        for lane in range(width):
            work[lane] = x[i, lane]
        whole = i // 4 * 4
        for t in range(0, whole, 4):
            for lane in range(width):
                total = work[lane] - row[t, lane] * x[t, lane]
                total = total - row[t + 1, lane] * x[t + 1, lane]
                total = total - row[t + 2, lane] * x[t + 2, lane]
                work[lane] = total - row[t + 3, lane] * x[t + 3, lane]
        for t in range(whole, i):
            for lane in range(width):
                work[lane] -= row[t, lane] * x[t, lane]
        for lane in range(width):
            x[i, lane] = work[lane] * row[i, lane]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def fit_drift(
    solved: Array, drifts: int, n: int, width: int, normal: Array, coefficients: Array, is_bad: Flags
) -> None:  # pragma: no cover - compiled
    """Cholesky factor of each lane's normal matrix and its coefficients; the last row of ``solved`` becomes the residuals.

    A drift without any datum gets a pivot of 0 and a coefficient of 0. A drift that depends on the others makes the lane bad.
    """
    right = np.empty(drifts)
    for lane in range(width):
        for p in range(drifts):
            for r in range(p + 1):
                total = 0.0
                for i in range(n):
                    total += solved[p, i, lane] * solved[r, i, lane]
                normal[lane, p, r] = total
            right[p] = 0.0
            for i in range(n):
                right[p] += solved[p, i, lane] * solved[drifts, i, lane]
        for p in range(drifts):
            whole = normal[lane, p, p]
            for r in range(p + 1):
                total = normal[lane, p, r]
                for t in range(r):
                    total -= normal[lane, p, t] * normal[lane, r, t]
                if r < p:
                    normal[lane, p, r] = total * normal[lane, r, r]
                elif whole == 0.0:
                    normal[lane, p, p] = 0.0
                elif total > 1e-12 * whole:
                    normal[lane, p, p] = 1.0 / np.sqrt(total)
                else:
                    is_bad[lane] = True
        solve_small(normal[lane], drifts, right, coefficients[lane])
        for i in range(n):
            for p in range(drifts):
                solved[drifts, i, lane] -= coefficients[lane, p] * solved[p, i, lane]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def solve_small(factor: Array, n: int, right: Array, out: Array) -> None:  # pragma: no cover - compiled
    """Solve with a small factor whose diagonal holds reciprocals."""
    for p in range(n):
        total = right[p]
        for t in range(p):
            total -= factor[p, t] * out[t]
        out[p] = total * factor[p, p]
    for p in range(n - 1, -1, -1):
        total = out[p]
        for t in range(p + 1, n):
            total -= factor[t, p] * out[t]
        out[p] = total * factor[p, p]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def dot(one: Array, other: Array, n: int, width: int, out: Array) -> None:  # pragma: no cover - compiled
    """Scalar product of two vectors in every lane."""
    for lane in range(width):
        out[lane] = 0.0
    for i in range(n):
        for lane in range(width):
            out[lane] += one[i, lane] * other[i, lane]
