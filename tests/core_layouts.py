"""Whether the next cores are worth what they are said to be: ``make core-trial``.

Deposits are drawn from a known model, as fields on nodes inside every block of every layer. A survey is laid out, five further cores are chosen in
three ways, and the total is kriged with what the truth holds there. Kriging and truth share the model, and no code with the worth of cores: the
weights come from the covariances of the nodes themselves.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

# ruff: noqa: E402 - the script is started from anywhere
import numpy as np
import pandas as pd
from scipy.stats import t as student

from pipeline.field import median_spacing_m
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.data_worth import Apart, DataWorth
from pipeline.geostatistics.kriging_system import Kriging
from pipeline.geostatistics.layers import LayeredKriging, LayerStatistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

SIDE, CELL_M, LAYERS, NODES, NEW = 12, 2_000.0, 4, 3, 5
"""Cells along the side of the region, their size, layers of 1 m, nodes along the side of a cell, cores to add."""

SD: Final = np.array([2.0, 5.0, 4.0, 3.0])
"""Spread of the layers: that of a deposit with a peak."""

MODELS: Final = (
    CovarianceModel(0.05, (Structure("exponential", 0.95, 8_000.0, 3.0),)),
    CovarianceModel(0.10, (Structure("exponential", 0.60, 14_000.0, 2.0), Structure("exponential", 0.30, 14_000.0, np.inf))),
    CovarianceModel(0.20, (Structure("spherical", 0.80, 10_000.0, 3.0),)),
    CovarianceModel(0.05, (Structure("spherical", 0.50, 6_000.0, 2.0), Structure("spherical", 0.45, 18_000.0, np.inf))),
)
"""Short and long ranges, with and without a part that all layers share, little and much nugget."""

WAYS: Final = ("greedy", "random", "max_variance")
_RANDOM_SETS = 10


@dataclass(frozen=True)
class Region:
    """Cells and the nodes of their blocks.

    Parameters
    ----------
    easting_m, northing_m : (side, side) arrays
        Centres of the cells, row 0 in the north.
    nodes_m : (layers x nodes, 3) array
        All nodes of the first layer, then of the next.
    centre_of : (cells,) int array
        Node of the first layer in the middle of each cell.
    """

    easting_m: Array
    northing_m: Array
    nodes_m: Array
    centre_of: Integers

    @classmethod
    def of(cls, side: int, layers: int) -> Region:
        """A square of cells."""
        middle = CELL_M * (np.arange(side) + 0.5)
        easting_m, northing_m = np.meshgrid(middle, middle[::-1])
        inside_m = CELL_M * ((np.arange(NODES) + 0.5) / NODES - 0.5)
        across, up = np.meshgrid(inside_m, inside_m)
        flat_m = np.stack([easting_m.ravel()[:, None] + across.ravel(), northing_m.ravel()[:, None] + up.ravel()], axis=-1).reshape(-1, 2)
        nodes_m = np.concatenate([np.column_stack([flat_m, np.full(len(flat_m), layer + 0.5)]) for layer in range(layers)])
        return cls(easting_m, northing_m, nodes_m, np.arange(side * side) * NODES**2 + NODES**2 // 2)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return round(self.nodes_m[-1, 2] + 0.5)

    @property
    def weights(self) -> Array:
        """(layers x nodes,) weight of each node in the total."""
        return np.repeat(SD[: self.layers], len(self.nodes_m) // self.layers) / NODES**2

    def columns(self, nodes: Integers) -> Integers:
        """(cores, layers) numbers of the nodes of cores that stand at nodes of the first layer."""
        return nodes[:, None] + len(self.nodes_m) // self.layers * np.arange(self.layers)


def survey(region: Region, random: np.random.Generator) -> Integers:
    """Nodes of the first layer at which the cores of a survey stand: strewn, on a shaken grid, or in two clusters."""
    flat_m = region.nodes_m[: len(region.nodes_m) // region.layers, :2]
    extent_m, kind = flat_m.max(), random.integers(3)
    if kind == 0:
        places_m = random.uniform(0, extent_m, (int(random.integers(8, 15)), 2))
    elif kind == 1:
        grid = np.stack(np.meshgrid(*[(np.arange(3) + 0.5) / 3 * extent_m] * 2), axis=-1).reshape(-1, 2)
        places_m = grid + random.normal(0, 0.08 * extent_m, grid.shape)
    else:
        middles_m = random.uniform(0.2 * extent_m, 0.8 * extent_m, (2, 2))
        places_m = middles_m[random.integers(2, size=12)] + random.normal(0, 0.18 * extent_m, (12, 2))
    apart_m = np.linalg.norm(flat_m[None] - np.clip(places_m, 0, extent_m)[:, None], axis=-1)
    return np.unique(apart_m.argmin(axis=1))


def layered_kriging(region: Region, cores: Integers, model: CovarianceModel) -> LayeredKriging:
    """Kriging of a survey as the program krigs; what it measured does not matter here."""
    columns = region.columns(cores)
    layer = np.tile(np.arange(region.layers), len(cores))
    statistics = LayerStatistics(np.zeros(region.layers), SD[: region.layers], np.arange(region.layers))
    return LayeredKriging(
        region.nodes_m[columns.ravel()], np.zeros(columns.size), layer, statistics, model, np.arange(float(region.layers)), 1.0, CELL_M, 4
    )


def chosen_sets(region: Region, cores: Integers, model: CovarianceModel, random: np.random.Generator) -> tuple[dict[str, list[Integers]], float]:
    """Nodes of the new cores by way of choosing, all under the same distance from cores, and the reduction of the variance that greedy predicts."""
    spacing_m = 0.5 * median_spacing_m(region.nodes_m[cores, :2])
    places_m = np.column_stack([region.easting_m.ravel(), region.northing_m.ravel()])
    far = np.linalg.norm(places_m[:, None] - region.nodes_m[cores, :2], axis=-1).min(axis=1) >= spacing_m
    cells = np.flatnonzero(far)
    apart = Apart(*places_m[cells].T, spacing_m)
    worth = DataWorth(layered_kriging(region, cores, model), region.easting_m, region.northing_m, np.ones(region.easting_m.shape))
    greedy = worth.greedy(cells, NEW, spacing_m)
    sets = {"greedy": [greedy.cells], "random": [], "max_variance": []}
    for _ in range(_RANDOM_SETS):
        taken: list[int] = []
        while len(taken) < NEW:
            taken.append(int(random.choice(np.flatnonzero(apart(taken)))))
        sets["random"].append(cells[taken])
    taken = []
    for _ in range(NEW):
        # Where the metal of a column is known least, given the cores so far and those taken before.
        kriging = layered_kriging(region, np.concatenate([cores, region.centre_of[cells[taken]]]), model)
        variance = kriging.columns(*places_m[cells].T)[1].variance
        taken.append(int(np.argmax(np.where(apart(taken), variance, -1.0))))
    sets["max_variance"].append(cells[taken])
    return {way: [region.centre_of[found] for found in several] for way, several in sets.items()}, float(greedy.reduction[-1])


@dataclass(frozen=True)
class Kriged:
    """The total kriged from some cores, by weights from the covariances of the nodes.

    Parameters
    ----------
    at : (data,) int array
        Nodes of the composites.
    weights : (data,) array
    variance : float
        Expected squared error.
    """

    at: Integers
    weights: Array
    variance: float

    @classmethod
    def of(cls, region: Region, cores: Integers, model: CovarianceModel, variance: float) -> Kriged:
        """Krige the total, of a given variance, from cores."""
        at = region.columns(cores).ravel()
        layer = np.tile(np.arange(region.layers), len(cores))
        system = Kriging(region.nodes_m[at], model, (layer[:, None] == np.arange(region.layers)) / SD[layer][:, None])
        covariance = (region.weights @ model.between(region.nodes_m, region.nodes_m[at]))[None]
        drift = np.full((1, region.layers), float(region.easting_m.size))
        expected = system.estimate(np.zeros(len(at)), covariance, drift, variance).variance[0]
        return cls(at, system.weights(covariance, drift)[0], float(expected))

    def squared_error(self, region: Region, truths: Array, noise: Array) -> float:
        """Mean over (layers x nodes, truths) fields of unit scale, of which cores show nodes with the nugget in the noise."""
        return float(((region.weights @ truths - self.weights @ (truths[self.at] + noise[self.at])) ** 2).mean())


def trial(layouts: int, truths: int, side: int = SIDE, layers: int = LAYERS, seed: int = 0) -> pd.DataFrame:
    """One row for each layout: mean squared error of the total before, and after five cores chosen each way, the same as
    their variances expect it (``_expected``), and the reduction predicted."""
    return pd.DataFrame(_rows(layouts, truths, Region.of(side, layers), seed))


def _rows(layouts: int, truths: int, region: Region, seed: int) -> Iterator[dict[str, float]]:
    used = MODELS[: min(layouts, len(MODELS))]
    for number, model in enumerate(used):
        covariance = model.between(region.nodes_m, region.nodes_m)
        variance = float(region.weights @ covariance @ region.weights)
        root = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(covariance)))
        for layout in range(number, layouts, len(used)):
            random = np.random.default_rng([seed, layout])
            cores = survey(region, random)
            sets, predicted = chosen_sets(region, cores, model, random)
            fields = root @ random.standard_normal((len(root), truths))
            noise = np.sqrt(model.nugget) * random.standard_normal(fields.shape)
            row = {"layout": layout, "model": number, "cores": len(cores), "predicted_reduction": predicted}
            none = np.zeros(0, dtype=np.int64)
            for way, several in {"before": [none], **sets}.items():
                kriged = [Kriged.of(region, np.concatenate([cores, new]), model, variance) for new in several]
                row[way] = float(np.mean([one.squared_error(region, fields, noise) for one in kriged]))
                row[f"{way}_expected"] = float(np.mean([one.variance for one in kriged]))
            yield row


def gain(frame: pd.DataFrame, over: str) -> tuple[float, float, float]:
    """By what share the RMS error after greedy cores is below that after others: mean over layouts and its paired 95 % interval."""
    share = 1 - np.sqrt(frame["greedy"] / frame[over])
    half = student.ppf(0.975, len(share) - 1) * share.std(ddof=1) / np.sqrt(len(share))
    return float(share.mean()), float(share.mean() - half), float(share.mean() + half)


def predicted_over_realised(frame: pd.DataFrame) -> float:
    """Reduction of the variance of the total that was predicted of the greedy sets, over that of the mean squared error, all layouts together."""
    return float(frame["predicted_reduction"].sum() / (frame["before"] - frame["greedy"]).sum())


def text_of(frame: pd.DataFrame, truths: int) -> str:
    """``docs/next_cores.md``."""
    rows = "\n".join(
        f"| {int(row.layout) + 1} | {int(row.model) + 1} | {int(row.cores)} | {np.sqrt(row.before):.1f} | {np.sqrt(row.greedy):.1f} | "
        f"{np.sqrt(row.random):.1f} | {np.sqrt(row.max_variance):.1f} | {row.predicted_reduction / (row.before - row.greedy):.2f} |"
        for row in frame.sort_values("layout").itertuples()
    )
    said = {over: gain(frame, over) for over in ("random", "max_variance")}
    lines = {
        over: f"{100 * mean:.1f} % (paired 95 % interval over the layouts: {100 * low:.1f} to {100 * high:.1f} %)"
        for over, (mean, low, high) in said.items()
    }
    models = "\n".join(
        f"| {number + 1} | {model.nugget:g} | "
        + "; ".join(
            f"{part.kind} {part.sill:g}, {part.horizontal_range_m / 1000:g} km across, "
            + ("the same in all layers" if np.isinf(part.vertical_range_m) else f"{part.vertical_range_m:g} m down")
            for part in model.structures
        )
        + " |"
        for number, model in enumerate(MODELS)
    )
    return f"""# Are the next cores worth what they are said to be?

Written by `make core-trial` (`tests/core_layouts.py`); a short form runs among the tests. How the worth is reckoned: [method](method.md).

{len(frame)} surveys of {int(frame["cores"].min())} to {int(frame["cores"].max())} cores (strewn, on a shaken grid, or in two clusters) on
{SIDE} x {SIDE} cells of {CELL_M / 1000:g} km with {LAYERS} layers of 1 m whose spreads differ. For each, {truths} deposits are drawn from a known
model as fields on {NODES} x {NODES} nodes of every block; {NEW} further cores are chosen in three ways, all at least half of the median station
spacing from other cores, and the total is kriged again with what each deposit holds there, nugget included. "Random" is the mean of
{_RANDOM_SETS} sets; "max variance" takes, one after the other, the place where the metal of a column is known least.

* RMS error of the total after the greedy set below that after random places: **{lines["random"]}**.
* Below that after places of maximum variance: **{lines["max_variance"]}**.
* Reduction of the variance predicted in closed form, over the one realised, all layouts together: **{predicted_over_realised(frame):.3f}**.

That holds where the model is the true one. Of a model that was fitted to few cores the prediction is as good as the model.

| layout | model | cores | RMS before | greedy | random | max variance | predicted / realised |
|---|---|---|---|---|---|---|---|
{rows}

RMS errors in units of metal of one block of spread 1. One layout's realised reduction rests on {truths} deposits and is itself uncertain by some
per cent.

| model | nugget | structures |
|---|---|---|
{models}
"""


def main() -> None:
    """Run the trial, print what it found, and write the document on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layouts", type=int, default=20)
    parser.add_argument("--truths", type=int, default=500)
    parser.add_argument("--write", action="store_true", help="write docs/next_cores.md")
    given = parser.parse_args()
    frame = trial(given.layouts, given.truths)
    text = text_of(frame, given.truths)
    print(text)
    if given.write:
        (ROOT / "docs" / "next_cores.md").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
