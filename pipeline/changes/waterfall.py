"""From an old figure to a new one in steps that add up exactly, as numbers in a file and as digits on a page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS = 10
"""As many as the tonnage table holds."""


@dataclass(frozen=True)
class Level:
    """Where a figure stands after a step.

    Parameters
    ----------
    step : str
        What led there.
    value : float
        NaN where the figure cannot be followed so far; the steps up to the next known one are then one.
    """

    step: str
    value: float


@dataclass(frozen=True)
class Step:
    """One step, or several that cannot be told apart, and where it leads.

    Parameters
    ----------
    steps : tuple of str
        Names of the levels it leads over.
    change, level : Decimal
    """

    steps: tuple[str, ...]
    change: Decimal
    level: Decimal


@dataclass(frozen=True)
class Waterfall:
    """Steps from an old figure to a new one; as decimals they add up to the last digit."""

    old: Decimal
    steps: tuple[Step, ...]

    @property
    def new(self) -> Decimal:
        """Where the steps end."""
        return self.steps[-1].level if self.steps else self.old

    def shown(self) -> tuple[list[int], int]:
        """Levels for a page as whole numbers of 10 to a power, the old one first, and that power: differences of what is shown are what is shown.

        Four digits of the largest level, more where the steps are small: two of the largest step, but never more than seven of the level.
        """
        levels = [self.old, *(step.level for step in self.steps)]
        largest, moved = max(map(abs, levels)), max((abs(step.change) for step in self.steps), default=Decimal(0))
        if not largest:
            return [0] * len(levels), 0
        power = largest.adjusted() - 3
        if moved:
            power = max(min(power, moved.adjusted() - 1), largest.adjusted() - 6)
        return [int((level.scaleb(-power)).to_integral_value()) for level in levels], power


def waterfall(old: float, levels: Sequence[Level], new: float) -> Waterfall:
    """Steps from level to level; the last level is the new figure, whatever it was computed as.

    Parameters
    ----------
    old, new : float
        Finite. They are taken with the digits of the tonnage table.
    levels : sequence of Level
        At least one; the value of the last one counts for nothing.
    """
    first, last = _decimal(old), _decimal(new)
    # Every level on one grid of decimals, so that differences are exact.
    quantum = Decimal(1).scaleb(min(_exponent(first), _exponent(last)))
    steps: list[Step] = []
    at, over = first, []
    for number, level in enumerate(levels):
        over.append(level.step)
        is_last = number + 1 == len(levels)
        if not is_last and not math.isfinite(level.value):
            continue
        to = last if is_last else Decimal(repr(float(level.value))).quantize(quantum)
        steps.append(Step(tuple(over), to - at, to))
        at, over = to, []
    return Waterfall(first, tuple(steps))


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.{DIGITS}g}")


def _exponent(value: Decimal) -> int:
    """Of the last digit that counts."""
    return value.adjusted() - DIGITS + 1 if value else 0


def log_mean(one: float, other: float) -> float:
    """Logarithmic mean of two positive numbers.

    Examples
    --------
    >>> log_mean(2.0, 2.0), round(log_mean(1.0, 2.0), 6)
    (2.0, 1.442695)
    """
    ratio = one / other
    # Close to one the quotient loses its digits.
    return math.sqrt(one * other) if abs(ratio - 1) < 1e-6 else (one - other) / math.log(ratio)


def divisia(old: Sequence[float], new: Sequence[float]) -> list[float] | None:
    r"""What each factor of a product adds to the difference of two products (logarithmic mean Divisia index; Ang 2005, Energy Policy 33:867-871).

    .. math:: \Delta V_k = L(V_1, V_0) \ln\frac{x_{k,1}}{x_{k,0}}, \qquad \sum_k \Delta V_k = V_1 - V_0

    It leaves no remainder and does not depend on the order of the factors.

    Parameters
    ----------
    old, new : sequence of float
        The factors before and after.

    Returns
    -------
    list of float or None
        ``None`` where a factor is not above zero.

    Examples
    --------
    >>> [round(part, 6) for part in divisia([2.0, 5.0], [3.0, 5.0])]
    [5.0, 0.0]
    """
    if not all(math.isfinite(value) and value > 0 for value in (*old, *new)):
        return None
    mean = log_mean(math.prod(new), math.prod(old))
    return [mean * math.log(after / before) for before, after in zip(old, new, strict=True)]


def as_json(found: Waterfall, unit: str) -> dict[str, Any]:
    """Numbers of a waterfall; read as decimals, ``old`` and the changes add up to ``new`` exactly."""
    return {
        "unit": unit,
        "old": float(found.old),
        "new": float(found.new),
        "steps": [{"over": list(step.steps), "change": float(step.change), "level": float(step.level)} for step in found.steps],
    }
