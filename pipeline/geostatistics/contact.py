"""Contact analysis: how values change on the way to a boundary and behind it, and what that says of the boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Suggestion = Literal["hard", "soft", "none", "unknown"]

_FEWEST = 2


@dataclass(frozen=True)
class Difference:
    """Difference of two means, with its interval (Welch 1947).

    Parameters
    ----------
    value, low, high : float
        NaN where either side has fewer than two values.
    counts : (int, int)
        Values on either side.
    """

    value: float
    low: float
    high: float
    counts: tuple[int, int]

    @property
    def is_told(self) -> bool:
        """Whether the interval leaves out zero."""
        return bool(self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class ContactProfile:
    """Means of steps of distance on both sides of a boundary.

    Parameters
    ----------
    edges_m : (steps + 1,) array
        Signed distances, negative on the first side, 0 at the boundary.
    counts : (steps,) int array
    mean, standard_error : (steps,) arrays
        NaN where there are too few values.
    near, whole : Difference
        Second side less first: of the values in the nearer half of the reach, and of all given.
    """

    edges_m: Array
    counts: NDArray[np.int64]
    mean: Array
    standard_error: Array
    near: Difference
    whole: Difference

    @property
    def suggests(self) -> Suggestion:
        """What kind of boundary the profile looks like.

        ``hard``: a step is told from none right at the boundary. ``soft``: it is not, but the sides differ as a whole, so that one passes into the
        other. ``none``: the sides do not differ. ``unknown``: there are too few values.
        """
        if not np.isfinite(self.near.value):
            return "unknown"
        if self.near.is_told:
            return "hard"
        return "soft" if self.whole.is_told else "none"


def contact_profile(distance_m: Array, values: Array, reach_m: float, steps: int, confidence: float) -> ContactProfile:
    """Profile of independent values (one of each core, not one of each sample) across a boundary.

    Parameters
    ----------
    distance_m : (n,) array
        Signed distance of each from the boundary in metres, negative on the first side.
    values : (n,) array
    reach_m : float
        How far from the boundary the steps go.
    steps : int
        Number of steps on either side.
    confidence : float

    Returns
    -------
    ContactProfile

    Examples
    --------
    >>> distance_m = np.array([-900.0, -700.0, -300.0, -100.0, 100.0, 300.0, 700.0, 900.0])
    >>> profile = contact_profile(distance_m, np.array([10.0, 11.0, 10.0, 11.0, 20.0, 21.0, 20.0, 21.0]), 1000.0, 2, 0.95)
    >>> profile.mean.tolist(), profile.suggests
    ([10.5, 10.5, 20.5, 20.5], 'hard')
    """
    edges_m = np.linspace(-reach_m, reach_m, 2 * steps + 1)
    # At the boundary itself a value belongs to the second side, as its sign says.
    at = np.searchsorted(edges_m, distance_m, side="right") - 1
    inside = (distance_m >= -reach_m) & (distance_m < reach_m)
    counts = np.bincount(at[inside], minlength=2 * steps)
    mean, error = np.full(2 * steps, np.nan), np.full(2 * steps, np.nan)
    for step in np.flatnonzero(counts):
        here = values[inside & (at == step)]
        mean[step] = here.mean()
        if here.size >= _FEWEST:
            error[step] = here.std(ddof=1) / np.sqrt(here.size)
    near = np.abs(distance_m) <= reach_m / 2
    first = distance_m < 0
    return ContactProfile(
        edges_m,
        counts,
        mean,
        error,
        _difference(values[near & first], values[near & ~first], confidence),
        _difference(values[first], values[~first], confidence),
    )


def _difference(one: Array, other: Array, confidence: float) -> Difference:
    counts = one.size, other.size
    if min(counts) < _FEWEST:
        return Difference(np.nan, np.nan, np.nan, counts)
    squares = np.array([part.var(ddof=1) / part.size for part in (one, other)])
    value, variance = float(other.mean() - one.mean()), float(squares.sum())
    if variance == 0:
        return Difference(value, value, value, counts)
    degrees = variance**2 / float(np.sum(squares**2 / (np.array(counts) - 1)))
    half = float(stats.t.ppf((1 + confidence) / 2, degrees)) * np.sqrt(variance)
    return Difference(value, value - half, value + half, counts)
