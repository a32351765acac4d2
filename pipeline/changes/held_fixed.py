r"""What new data say while the model is held fixed: kriged totals, and what the model had foretold where a new core stands.

Kriging is linear in the data. With variogram, layer means and layer spreads held fixed, the total after a new core y is

.. math:: T' = T + c^T S^{-1} (y - \hat y), \qquad \sigma'^2 = \sigma^2 - c^T S^{-1} c

with :math:`\hat y` the kriged column, S its covariance and c that with the total, all given the old data (Chilès & Delfiner 2012, ch. 3): a core
equal to its prediction moves nothing and narrows the interval all the same. Here it is reckoned by kriging again, so that cores may go and change.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import DENSITY, Composites, Seafloor
from pipeline.changes.snapshot import estimator_of, joint_of, table_of, variogram_of_kept
from pipeline.field import cell_drift, composite_positions_m, drift_at, kriging_of
from pipeline.units import TONNE_PER_GRAM

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.artefacts import Estimator, JointModel, Variogram
    from pipeline.artefacts.changes import Snapshot
    from pipeline.geostatistics.layers import LayeredKriging

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Kriged:
    """Kriged totals of a region.

    Parameters
    ----------
    metal_t, metal_sd_t : float
        With every covariance between blocks; the model is taken as known.
    dry_mud_t : float
        NaN where density is estimated in other layers than the element.
    """

    metal_t: float
    metal_sd_t: float
    dry_mud_t: float


@dataclass(frozen=True)
class Model:
    """Everything that kriging of one element takes besides the data.

    Parameters
    ----------
    prior_t_m3 : float
        Dry bulk density where none is measured.
    """

    element: str
    variogram: Variogram
    density: Variogram
    joint: JointModel
    estimator: Estimator
    block_nodes: int
    prior_t_m3: float

    @classmethod
    def of(cls, kept: Snapshot, element: str, composites: Composites) -> Model:
        """The model of a build; the composites lend their marks alone."""
        variogram, density = (variogram_of_kept(kept, subject, composites) for subject in (element, DENSITY))
        settings = kept["settings"]
        prior_t_m3 = float(settings["density"]["dry_bulk_density_t_m3"])
        return cls(
            element, variogram, density, joint_of(kept, composites), estimator_of(kept, element), int(settings["grade"]["block_nodes"]), prior_t_m3
        )

    def kriging(self, composites: Composites, seafloor: Seafloor) -> LayeredKriging:
        """System of these data."""
        known = _in_known_layers(composites, self.variogram)
        return kriging_of(known, self.variogram, seafloor, self.block_nodes, self.estimator, self.joint)

    def density_kriging(self, composites: Composites, seafloor: Seafloor) -> LayeredKriging | None:
        """That of the densities; ``None`` where none is measured."""
        if self.density.model is None:
            return None
        return kriging_of(_in_known_layers(composites, self.density), self.density, seafloor, self.block_nodes)


def _in_known_layers(composites: Composites, variogram: Variogram) -> Composites:
    """Without layers of which the model has no mean: what a longer core shows there is for the model that is fitted to it."""
    return replace(composites, frame=composites.frame.loc[variogram.layer_pool[composites.frame["layer"].to_numpy()] >= 0])


def kept_composites(kept: Snapshot, like: Composites, frame: pd.DataFrame | None = None) -> Composites:
    """Composites of a build, or another table in their place."""
    import geopandas as gpd

    table = table_of(kept) if frame is None else frame
    points: gpd.GeoDataFrame = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["longitude_deg"], table["latitude_deg"]), crs="EPSG:4326")
    return replace(like, frame=points, elements=tuple(kept["elements"]))


class Memory:
    """Totals reckoned before, and the last covariances of each variable: elements share a density, and new values at old places share weights."""

    def __init__(self) -> None:
        self.totals: dict[bytes, list[tuple[float, float]]] = {}
        self.covariances: dict[str, tuple[bytes, Array]] = {}


def kriged(model: Model, composites: Composites, seafloor: Seafloor, regions: list[Mask], memory: Memory | None = None) -> list[Kriged]:
    """Totals of some regions from these data under this model."""
    remembered = memory or Memory()
    kriging = model.kriging(composites, seafloor)
    density = model.density_kriging(composites, seafloor)
    metal = _totals(_Asked(model, model.element, composites), kriging, seafloor, regions, remembered)
    layers, grid = seafloor.layers, seafloor.grid
    block_m3 = grid.cell_area_m2 * layers.layer_m
    if density is None:
        cells = [float(np.sum(np.where(region, seafloor.region_share, 0.0))) for region in regions]
        mud = [count * kriging.layers.size * model.prior_t_m3 for count in cells]
    elif np.array_equal(density.layers, kriging.layers):
        mud = [value for value, _ in _totals(_Asked(model, DENSITY, composites), density, seafloor, regions, remembered)]
    else:
        mud = [np.nan] * len(regions)
    return [
        Kriged(value * block_m3 * TONNE_PER_GRAM, sqrt(max(variance, 0.0)) * block_m3 * TONNE_PER_GRAM, density_sum * block_m3)
        for (value, variance), density_sum in zip(metal, mud, strict=True)
    ]


def _totals(asked: _Asked, kriging: LayeredKriging, seafloor: Seafloor, regions: list[Mask], memory: Memory) -> list[tuple[float, float]]:
    """Sum over each region and its variance."""
    shares = [np.where(region, seafloor.region_share, 0.0) for region in regions]
    places = _key(asked.places(), *(share > 0 for share in shares))
    known = _key(places, *asked.values())
    if known not in memory.totals:
        estimated = np.logical_or.reduce([share > 0 for share in shares])
        easting_m, northing_m = (axis[estimated] for axis in seafloor.grid.centres_m())
        if memory.covariances.get(asked.subject, (b"",))[0] != places:
            memory.covariances[asked.subject] = places, kriging.sum_covariance(easting_m, northing_m)
        covariance, followed = memory.covariances[asked.subject][1], cell_drift(seafloor, asked.drift, estimated)
        rows = [(share > 0)[estimated] for share in shares]
        memory.totals[known] = [
            kriging.total(share, covariance[here], followed[here]) if here.any() else (0.0, 0.0) for share, here in zip(shares, rows, strict=True)
        ]
    return memory.totals[known]


@dataclass(frozen=True)
class _Asked:
    """What a total depends on besides its region: a variable, its model and the data."""

    model: Model
    subject: str
    composites: Composites

    @property
    def drift(self) -> tuple[str, ...]:
        """Fields of the seafloor that the estimate follows."""
        return () if self.subject == DENSITY else self.model.estimator.drift

    def places(self) -> bytes:
        """Everything that the covariances follow from."""
        model, frame = self.model, self.composites.frame
        variogram = model.density if self.subject == DENSITY else model.variogram
        assert variogram.model is not None
        told: list[str | NDArray[Any]] = [
            self.subject,
            repr(variogram.model.to_dict()),
            variogram.layer_sd,
            variogram.layer_pool,
            str(model.block_nodes),
        ]
        if self.subject != DENSITY:
            told += [repr(model.estimator.to_dict()), repr(model.joint.model.to_dict() if model.joint.model is not None else None)]
        measured = [np.isfinite(frame[name].to_numpy(dtype=float)) for name in self._columns()]
        supplied = frame["density_supplied_share"].to_numpy(dtype=float) < 1
        at = [frame[name].to_numpy(dtype=float) for name in ("longitude_deg", "latitude_deg", "layer")]
        return _key(*told, "\n".join(frame["core_id"]), *at, *measured, supplied)

    def values(self) -> list[NDArray[Any]]:
        """What enters kriging with those covariances."""
        variogram = self.model.density if self.subject == DENSITY else self.model.variogram
        means = [variogram.layer_mean, *(part.mean for part in self.model.joint.statistics.values())]
        return [*means, *(self.composites.frame[name].to_numpy(dtype=float) for name in self._columns())]

    def _columns(self) -> list[str]:
        elements = [f"{element}_g_m3" for element in self.composites.elements if f"{element}_g_m3" in self.composites.frame]
        return ["dry_bulk_density_t_m3", *(elements if self.subject != DENSITY else [])]


def _key(*parts: str | bytes | NDArray[Any]) -> bytes:
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes())
        found.update(b"\0")
    return found.digest()


@dataclass(frozen=True)
class Foretold:
    """A new core beside what the model of the build before said of its place, over the layers that both know.

    Parameters
    ----------
    core_id : str
    element : str
    layers, deeper : int
        Composites compared, and those in layers that the model did not know.
    observed_g_m3, foretold_g_m3, sd_g_m3 : float
        Metal in a cubic metre of mud, mean of the column; the standard deviation is that of what a core would show, nugget included.
    observed_ppm, foretold_ppm : float
        Mean grades, by mass.
    """

    core_id: str
    element: str
    layers: int
    deeper: int
    observed_g_m3: float
    foretold_g_m3: float
    sd_g_m3: float
    observed_ppm: float
    foretold_ppm: float

    @property
    def surprise(self) -> float:
        """Observed less foretold, in standard deviations."""
        apart = self.observed_g_m3 - self.foretold_g_m3
        return apart / self.sd_g_m3 if self.sd_g_m3 > 0 else float(np.sign(apart)) * np.inf if apart else 0.0

    @property
    def richer_share(self) -> float:
        """Observed over foretold, less one."""
        return self.observed_g_m3 / self.foretold_g_m3 - 1 if self.foretold_g_m3 > 0 else np.nan


def foretold(model: Model, before: Composites, after: Composites, cores: list[str], seafloor: Seafloor) -> list[Foretold]:
    """New cores beside what kriging from the cores before said there; a core that shows no layer of the model is left out.

    Parameters
    ----------
    model : Model
    before, after : Composites
        Without and with the new cores.
    cores : list of str
        The new ones.
    seafloor : Seafloor
    """
    kriging, density = model.kriging(before, seafloor), model.density_kriging(before, seafloor)
    found, new = [], after.frame
    for core in cores:
        rows = new.loc[(new["core_id"] == core) & new[f"{model.element}_g_m3"].notna()].sort_values("layer")
        known = rows.loc[np.isin(rows["layer"], kriging.layers)]
        at_m = composite_positions_m(known, seafloor.grid)
        drift = drift_at(seafloor, model.estimator.drift, at_m[:, :2])
        if known.empty or not np.isfinite(drift).all():
            continue
        layer = known["layer"].to_numpy(dtype=np.int64)
        value = kriging.composites(at_m, layer, drift).value
        sd = _sum_sd(kriging, at_m[0, :2], np.searchsorted(kriging.layers, layer), drift[:1])
        observed, mud = known[f"{model.element}_g_m3"].to_numpy(dtype=float), known["dry_bulk_density_t_m3"].to_numpy(dtype=float)
        # ASSUME: where a density was not foretold, that of the core stands for it: the grade then differs as the metal does.
        told_mud = mud if density is None else density.composites(at_m, layer).value
        told_mud = np.where(np.isfinite(told_mud), told_mud, mud)
        found.append(
            Foretold(
                core, model.element, len(known), len(rows) - len(known), float(observed.mean()), float(value.mean()), sd / len(known),
                float(observed.sum() / mud.sum()), float(value.sum() / told_mud.sum()),
            )
        )  # fmt: skip
    return found


def _sum_sd(kriging: LayeredKriging, at_m: Array, layers: NDArray[np.int64], drift: Array) -> float:
    """Standard deviation of the sum of a new core's composites in some of the estimated layers, given the data."""
    covariance, followed = kriging.cores(at_m[:1], at_m[1:], drift)
    weights, multipliers = kriging.errors(covariance, followed)
    own = kriging.between_cores(at_m[:1], at_m[1:], at_m)[0] + kriging.model.nugget * np.eye(kriging.layers.size)
    left = own - covariance[0] @ weights[0].T + followed[0] @ multipliers[0].T
    sd = kriging.statistics.sd[kriging.layers][layers]
    return sqrt(max(float(sd @ left[np.ix_(layers, layers)] @ sd), 0.0))
