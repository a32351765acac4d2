r"""Check assays: the same interval measured again, and what they say of laboratories.

A row whose ``qc_type`` is ``duplicate`` measures an interval that another row, the original, measures too. It never enters an estimate. Pairs tell
how well two laboratories agree. With :math:`d_i = \ln(\text{check}_i / \text{original}_i)` over the :math:`n` pairs in which both are above zero,

.. math::
    \bar d = \frac1n \sum d_i, \qquad s^2 = \frac{1}{n-1}\sum (d_i - \bar d)^2, \qquad \bar d \pm t_{n-1,\,0.975}\,\frac{s}{\sqrt n}, \qquad
    \sigma = \frac{s}{\sqrt 2}

:math:`\bar d` is the bias, the interval is Student's, and :math:`\sigma` the relative standard deviation of one assay: a difference of
two carries two errors. Beside it stands the root mean square coefficient of variation of Stanley & Lawie (2007, Exploration and Mining Geology
16:267), an unbiased measure of relative error from duplicates; a bias between the laboratories adds to it. Both take the error to be in proportion
to the grade, which fails near the detection limit (Thompson & Howarth 1978, Journal of Geochemical Exploration 9:23).
"""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.intake.refusals import Refusal
from pipeline.intake.row_groups import counted, interval_numbers, numbers, shortened, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Indices = NDArray[np.intp]

ALLOWED: Final = ("original", "duplicate")
"""What ``qc_type`` may say; an empty cell is an original."""

_COVERAGE = 0.95
# A bias smaller than this is rounding of the logarithms.
_NO_BIAS = 1e-12


def split_duplicates(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[Refusal]]:
    """Originals, check assays, and rows that are neither.

    Parameters
    ----------
    frame : DataFrame
        Rows that are sound in themselves, sorted by ``row_groups.ORDER``; without ``qc_type`` every row is an original.

    Returns
    -------
    originals, duplicates : DataFrame
        In the order of the frame, numbered anew; ``qc_type`` in lower case and half width.
    refusals : list of Refusal
        Rows with another ``qc_type``, and check assays of an interval that no original has.
    """
    written = texts(frame, "qc_type")
    words = {cell: unicodedata.normalize("NFKC", str(cell)).strip().casefold() for cell in set(written.tolist())}
    unknown_words = {cell for cell, word in words.items() if word not in ("", *ALLOWED)}
    marked_words = {cell for cell, word in words.items() if word == "duplicate"}
    unknown = np.fromiter((cell in unknown_words for cell in written), dtype=bool, count=len(frame))
    marked = np.fromiter((cell in marked_words for cell in written), dtype=bool, count=len(frame))
    lonely = marked.copy()
    if marked.any():
        interval = _intervals(frame)
        lonely &= ~np.isin(interval, interval[~marked & ~unknown])
    refusals = [
        *(Refusal(*where, "qc_type", cell, _no_kind()) for where, cell, _ in _places(frame, written, unknown)),
        *(Refusal(*where, "qc_type", cell, _no_original(*interval)) for where, cell, interval in _places(frame, written, lonely)),
    ]
    if any(cell != word for cell, word in words.items()):
        frame = frame.assign(qc_type=[words[cell] for cell in written])
    originals, duplicates = frame.loc[~marked & ~unknown], frame.loc[marked & ~lonely]
    return originals.reset_index(drop=True), duplicates.reset_index(drop=True), refusals


def _intervals(frame: pd.DataFrame) -> NDArray[np.int64]:
    import pandas as pd

    core, _ = pd.factorize(texts(frame, "core_id"))
    return interval_numbers(core.astype(np.int64), numbers(frame, "from_m"), numbers(frame, "to_m"))


def _places(
    frame: pd.DataFrame, written: NDArray[np.object_], chosen: NDArray[np.bool_]
) -> Iterator[tuple[tuple[str, int], str, tuple[str, float, float]]]:
    """File and row, cell, and core with its depths, of the chosen rows."""
    columns = (frame[name].to_numpy()[chosen].tolist() for name in ("source_file", "source_row", "core_id", "from_m", "to_m"))
    for cell, file, row, core, from_m, to_m in zip(written[chosen].tolist(), *columns, strict=True):
        yield (file, row), cell, (core, from_m, to_m)


def _no_kind() -> str:
    return f"is no kind of sample known here; write {' or '.join(ALLOWED)}, or leave the cell empty"


def _no_original(core: str, from_m: float, to_m: float) -> str:
    where = f"has no original: no accepted row holds interval {from_m:g}-{to_m:g} m of core {shortened(core)}"
    return f"{where}. Correct the depths, or add the original; if this is the only assay of it, leave qc_type empty."


def laboratory_bias(originals: pd.DataFrame, duplicates: pd.DataFrame, elements: Sequence[str]) -> list[dict[str, Any]]:
    """How far the check assays of one laboratory differ from the originals of another, per element.

    Parameters
    ----------
    originals, duplicates : DataFrame
        Of :func:`split_duplicates`. Where several originals hold an interval the first counts.
    elements : sequence of str

    Returns
    -------
    list of dict
        One per element, original laboratory and check laboratory with at least one pair of grades above zero, in the order of the elements and then
        of the names: ``element``, ``original_laboratory``, ``check_laboratory`` (empty: not named), ``pairs``, ``mean_log_ratio``, ``low_log_ratio``
        and ``high_log_ratio`` (95 %), ``mean_relative_difference_percent`` (200 (check - original) / (check + original)), ``relative_sd_percent``,
        ``rms_cv_percent``, ``verdict`` (``unknown``, ``no bias shown`` or ``biased``) and ``warning``, empty unless biased. Numbers are ``None``
        where fewer than two pairs are there.
    """
    one, other = _pairs(originals, duplicates)
    laboratories = list(zip(_laboratories(originals, one), _laboratories(duplicates, other), strict=True))
    number_of = {pair: number for number, pair in enumerate(sorted(set(laboratories)))}
    numbered = np.fromiter((number_of[pair] for pair in laboratories), dtype=np.intp, count=len(laboratories))
    found: list[dict[str, Any]] = []
    for element in elements:
        original_ppm, check_ppm = numbers(originals, f"{element}_ppm")[one], numbers(duplicates, f"{element}_ppm")[other]
        above = np.flatnonzero((original_ppm > 0) & (check_ppm > 0))
        above = above[np.argsort(numbered[above], kind="stable")]
        bounds = np.flatnonzero(np.diff(numbered[above], prepend=-1))
        groups = np.split(above, bounds[1:]) if above.size else []
        found += [_agreement(element, laboratories[members[0]], original_ppm[members], check_ppm[members]) for members in groups]
    return found


def _pairs(originals: pd.DataFrame, duplicates: pd.DataFrame) -> tuple[Indices, Indices]:
    """Rows of originals and of duplicates that hold the same interval of the same core."""
    import pandas as pd

    columns = ["core_id", "from_m", "to_m"]
    interval = _intervals(pd.concat([originals[columns], duplicates[columns]], ignore_index=True))
    own, checks = interval[: len(originals)], interval[len(originals) :]
    holder = np.full(int(interval.max(initial=-1)) + 1, -1, dtype=np.intp)
    holder[own[::-1]] = np.arange(len(originals))[::-1]
    paired = np.flatnonzero(holder[checks] >= 0)
    return holder[checks[paired]], paired


def _laboratories(frame: pd.DataFrame, rows: Indices) -> list[str]:
    """Names of the laboratories of some rows, with single spaces."""
    return [" ".join(str(name).split()) for name in texts(frame, "laboratory")[rows].tolist()]


def _agreement(element: str, laboratories: tuple[str, str], original_ppm: Array, check_ppm: Array) -> dict[str, Any]:
    pairs = original_ppm.size
    found: dict[str, Any] = {
        "element": element,
        "original_laboratory": laboratories[0],
        "check_laboratory": laboratories[1],
        "pairs": pairs,
        **dict.fromkeys(("mean_log_ratio", "low_log_ratio", "high_log_ratio")),
        **dict.fromkeys(("mean_relative_difference_percent", "relative_sd_percent", "rms_cv_percent")),
        "verdict": "unknown",
        "warning": "",
    }
    if pairs < 2:
        return found
    from scipy.special import stdtrit

    log_ratio, relative = np.log(check_ppm / original_ppm), 2 * (check_ppm - original_ppm) / (check_ppm + original_ppm)
    # ASSUME: both laboratories are equally precise, and the error of an assay is in proportion to its grade.
    mean, sd = float(log_ratio.mean()), float(log_ratio.std(ddof=1))
    half = float(stdtrit(pairs - 1, (1 + _COVERAGE) / 2)) * sd / math.sqrt(pairs)
    low, high = mean - half, mean + half
    biased = low > _NO_BIAS or high < -_NO_BIAS
    return found | {
        "mean_log_ratio": mean,
        "low_log_ratio": low,
        "high_log_ratio": high,
        "mean_relative_difference_percent": 100 * float(relative.mean()),
        "relative_sd_percent": 100 * sd / math.sqrt(2),
        "rms_cv_percent": 100 * math.sqrt(float(np.mean(relative**2)) / 2),
        "verdict": "biased" if biased else "no bias shown",
        "warning": _warning(element, laboratories, pairs, (mean, low, high)) if biased else "",
    }


def _warning(element: str, laboratories: tuple[str, str], pairs: int, log_ratio: tuple[float, float, float]) -> str:
    original, check = (f"laboratory {shortened(name)}" if name else "a laboratory that is not named" for name in laboratories)
    mean, low, high = (100 * math.expm1(value) for value in log_ratio)
    way = "more" if mean > 0 else "less"
    if laboratories[0] == laboratories[1]:
        who = f"{element}: check assays of {check} give {abs(mean):.2g} % {way} than its own originals"
    else:
        who = f"{element}: {check} gives {abs(mean):.2g} % {way} than {original}"
    interval = f"95 % interval {low:+.2g} to {high:+.2g} %"
    return f"{who} in {counted(pairs, 'check assay')} ({interval}). Estimates use the originals as they are; ask which one is right"
