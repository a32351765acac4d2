r"""What one more core would tell of tonnes over a cut-off, which are not linear in what it shows: regression over realisations.

Of every realisation the tonnes T and, at each place where a core may stand, the means x of the blocks of the column in a few groups of layers are
known. A core there would show y = x + e, with e what varies inside the blocks, nugget and error: its covariance R is known from the model, and it has
nothing to do with T once x is known. The share of the variance of T that the best linear prediction from y takes away is

.. math:: q = \frac{c^T (S + R)^{-1} c}{\mathrm{Var}\,T}, \qquad c = \mathrm{Cov}(T, x), \quad S = \mathrm{Cov}(x)

with the moments of the realisations. Three things make it approximate. The best prediction need not be linear: then a core is worth more. Chance
makes the share of n realisations too high, by what an adjusted coefficient of determination takes back,

.. math:: \hat q = q - (1 - q)\,\frac{f}{n - 1 - f}, \qquad f = \mathrm{tr}\,(S + R)^{-1} S

And it still has an error, whose variance is that of its influence function over n (Efron & Tibshirani 1993, ch. 21), and at least
:math:`2\,\mathrm{tr}\,[((S + R)^{-1} S)^2]\,(1 - q)^2 / n^2`, which is what is left where the share is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.geostatistics.data_worth import Candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_FOLDS = 10
_NO_VARIANCE = 1e-9  # of the largest: keeps what a core told already apart from nothing


class Explained(NamedTuple):
    """Share of the variance of tonnes that cores would take away, and its Monte-Carlo standard error.

    Parameters
    ----------
    share, error : (...) arrays
        The share may lie a little below 0 where the cores tell nothing.
    """

    share: Array
    error: Array


def explained(tonnes: Array, scores: Array, noise: Array) -> Explained:
    """Share that each of some sets of composites would take away.

    Parameters
    ----------
    tonnes : (realisations,) array
    scores : (sets, realisations, composites) array
        Means of blocks.
    noise : (composites, composites) array
        Covariance of what composites differ by from them.

    Returns
    -------
    Explained
        (sets,) arrays; 0 where the tonnes do not vary, and NaN where there are too few realisations to tell: fewer than two for each composite.
    """
    count, composites = scores.shape[1:]
    if count < 2 * (composites + 1):
        return Explained(np.full(len(scores), np.nan), np.full(len(scores), np.nan))
    missed = tonnes - tonnes.mean()
    variance = float(missed @ missed) / (count - 1)
    if variance <= (1e-12 * abs(tonnes.mean())) ** 2:
        return Explained(np.zeros(len(scores)), np.zeros(len(scores)))
    centred = scores - scores.mean(axis=1, keepdims=True)
    spread = centred.swapaxes(1, 2) @ centred / (count - 1)
    shared = np.asarray(np.einsum("snk,n->sk", centred, missed)) / (count - 1)
    known = spread + noise
    slopes = np.linalg.solve(known, shared[:, :, None])[:, :, 0]
    share = np.einsum("sk,sk->s", slopes, shared) / variance
    reliable = np.linalg.solve(known, spread)
    freedom = np.trace(reliable, axis1=1, axis2=2)
    told = np.einsum("snk,sk->sn", centred, slopes)
    within = np.einsum("sk,skl,sl->s", slopes, spread, slopes)
    influence = (2 * told * missed - told**2 + within[:, None]) / variance - share[:, None] * (1 + missed**2 / variance)
    stretch = (count - 1) / (count - 1 - freedom)
    # Chance alone makes an influence: what it adds on average is taken back, down to the error of a share of 0.
    chance = 2 * np.einsum("skl,slk->s", reliable, reliable) * (1 - share) ** 2 / count**2
    error = np.sqrt(np.maximum((influence**2).mean(axis=1) / count - chance, chance))
    return Explained(1 - (1 - share) * stretch, error * stretch)


@dataclass(frozen=True)
class CutoffWorth:
    """Worth of cores for tonnes over a cut-off.

    Parameters
    ----------
    tonnes : (realisations,) array
    scores : (candidates, realisations, groups) array
        Means of groups of layers of the column at each candidate.
    noise : (groups, groups) array
        Covariance of what the composites of a core differ by from them.
    """

    tonnes: Array
    scores: Array
    noise: Array

    def alone(self) -> Explained:
        """What a core at each candidate would take away."""
        return explained(self.tonnes, self.scores, self.noise)

    def joint(self, chosen: list[int]) -> Explained:
        """What the chosen ones take away, each together with all before it: (chosen,) arrays."""
        parts = [self._together(chosen[: number + 1]) for number in range(len(chosen))]
        return Explained(np.array([part.share[0] for part in parts]), np.array([part.error[0] for part in parts]))

    def greedy(self, count: int, may_follow: Callable[[list[int]], Mask]) -> list[int]:
        """Choose candidates one after the other, each where it takes most away given those before it (:meth:`Candidates.choose`)."""
        centred = self.scores - self.scores.mean(axis=1, keepdims=True)
        missed = (self.tonnes - self.tonnes.mean()) / (len(self.tonnes) - 1)
        with_total = np.asarray(np.einsum("cnk,n->ck", centred, missed))
        own = centred.swapaxes(1, 2) @ centred / (len(missed) - 1) + self.noise
        # Two exact cores at one place are one.
        own += _NO_VARIANCE * np.einsum("ckk->ck", own).max() * np.eye(own.shape[1])

        def cross(number: int) -> Array:
            return np.asarray(centred.swapaxes(1, 2) @ (centred[number] / (len(missed) - 1)))

        return Candidates(with_total, own, cross).choose(count, may_follow)[0]

    def _gain(self, chosen: list[int], kept: Mask) -> Array:
        """(realisations left out,) squared error that the chosen cores spare each of them, with slopes from those kept."""
        scores = self.scores[chosen].swapaxes(0, 1).reshape(len(self.tonnes), -1)
        middle, mean = scores[kept].mean(axis=0), self.tonnes[kept].mean()
        centred = scores[kept] - middle
        noise = np.kron(np.eye(len(chosen)), self.noise)
        known = centred.T @ centred / (len(centred) - 1) + noise
        known += _NO_VARIANCE * np.diag(known).max() * np.eye(len(known))
        slopes = np.linalg.solve(known, centred.T @ (self.tonnes[kept] - mean) / (len(centred) - 1))
        missed = self.tonnes[~kept] - mean
        return np.asarray(missed**2 - (missed - (scores[~kept] - middle) @ slopes) ** 2 - slopes @ noise @ slopes)

    def _together(self, chosen: list[int]) -> Explained:
        scores = self.scores[chosen].swapaxes(0, 1).reshape(1, len(self.tonnes), -1)
        return explained(self.tonnes, scores, np.asarray(np.kron(np.eye(len(chosen)), self.noise), dtype=np.float64))


def cross_validated(chooser: CutoffWorth, targets: Sequence[CutoffWorth], count: int, may_follow: Callable[[list[int]], Mask]) -> list[Explained]:
    r"""Share that a chosen set takes away in realisations that had no say in its choice.

    Of many places chance makes some look useful: a set flatters itself in the realisations that it was chosen from. These are split into folds; a set
    is chosen, and tonnes are regressed on it, from all folds but one, and predicted in that one. With the errors e of a core the squared miss is
    on average :math:`(T - \hat T(x))^2 + b^T R\,b`. A low estimate: a fold less is chosen from, and slopes are estimated with chance.

    Parameters
    ----------
    chooser : CutoffWorth
        Chooses the sets.
    targets : sequence of CutoffWorth
        Of the same candidates and realisations: other tonnes, which the same sets predict.
    count : int
        Cores of a set.
    may_follow : callable
        As :meth:`CutoffWorth.greedy` takes it.

    Returns
    -------
    list of Explained
        Of each target, after each core and all before it: (cores,) arrays, as many as the smallest set of a fold holds.
    """
    realisations = len(chooser.tonnes)
    fold = np.arange(realisations) % _FOLDS
    gains: list[list[Array]] = [[] for _ in targets]
    sets = []
    for number in range(_FOLDS):
        kept = fold != number
        sets.append(CutoffWorth(chooser.tonnes[kept], chooser.scores[:, kept], chooser.noise).greedy(count, may_follow))
    cores = min(len(chosen) for chosen in sets)
    for target, found in zip(targets, gains, strict=True):
        for size in range(1, cores + 1):
            gain = np.empty(realisations)
            for number, chosen in enumerate(sets):
                gain[fold == number] = target._gain(chosen[:size], fold != number)
            found.append(gain)
    return [_of_gains(target.tonnes, np.array(found).reshape(cores, realisations)) for target, found in zip(targets, gains, strict=True)]


def _of_gains(tonnes: Array, gains: Array) -> Explained:
    """Share and its error from the (cores, realisations) squared error that each realisation is spared."""
    squares = (tonnes - tonnes.mean()) ** 2
    if not squares.mean() > (1e-12 * abs(tonnes.mean())) ** 2:
        return Explained(np.zeros(len(gains)), np.zeros(len(gains)))
    share = gains.mean(axis=1) / squares.mean()
    error = (gains - share[:, None] * squares).std(axis=1) / np.sqrt(len(tonnes)) / squares.mean()
    return Explained(share, error)
