"""Spatial models: variograms, the joint model, and the comparison of estimators."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pipeline.artefacts.formats import array_of, numbers, unit_of_subject, write_json
from pipeline.artefacts.survey import Marks
from pipeline.errors import ArtefactError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.geostatistics.coregionalisation import Coregionalisation
    from pipeline.geostatistics.covariance import CovarianceModel
    from pipeline.geostatistics.layers import LayerStatistics

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """What a stage that runs once per variable is about: an element's symbol, or ``density``; taken from the name of the output."""

    name: str


@dataclass(frozen=True)
class Variogram:
    """Experimental variogram, fitted model, and the layer statistics it refers to.

    Parameters
    ----------
    subject : str
        Element, or ``density``.
    model : CovarianceModel or None
        Model of the standardised layer residuals; ``None`` where a constant prior takes the place of data.
    layer_mean, layer_sd : (layers,) arrays
        Declustered mean and smoothed spread per layer, g/m³ for elements, t/m³ for density; NaN where a layer has no data.
    layer_pool : (layers,) int array
        Layers with the same number share one unknown mean; -1 where a layer cannot be estimated.
    experimental : list of dict
        ``direction`` (``vertical`` or ``horizontal``), ``lag_m``, ``semivariance``, ``pairs``.
    fit : dict
        How it was fitted, bounds touched, warnings.
    marks : Marks
    domains : dict of str to Variogram
        By the name of each domain in which cores stand: its own layer statistics, and the model that its blocks are kriged with (its own, or that of
        all domains together, which ``fit`` says). The rest of this object then tells of all domains together, its model of what the means and spreads
        of each leave. Empty without domains.
    """

    subject: str
    model: CovarianceModel | None
    layer_mean: Array
    layer_sd: Array
    layer_pool: NDArray[np.int64]
    experimental: list[dict[str, Any]]
    fit: dict[str, Any]
    marks: Marks
    domains: dict[str, Variogram] = field(default_factory=dict)

    def of(self, domain: str) -> Variogram:
        """The variogram of a domain; of the whole where it is not named."""
        return self.domains[domain] if domain else self

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return re.fullmatch(r"variogram_\w+\.json", path.name) is not None

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON."""
        from pipeline.geostatistics.covariance import CovarianceModel

        content = json.loads(path.read_text(encoding="utf-8"))
        marks = Marks.from_tags(content)

        def read_one(part: dict[str, Any], domains: dict[str, Any]) -> Any:
            model = CovarianceModel.from_dict(part["model"]) if part["model"] is not None else None
            mean, sd = (array_of(part[key]) for key in ("layer_mean", "layer_sd"))
            pool = np.array(part["layer_pool"], dtype=np.int64)
            return cls(content["subject"], model, mean, sd, pool, part["experimental"], part["fit"], marks, domains)

        found: Self = read_one(content, {part["domain"]: read_one(part, {}) for part in content.get("domains", ())})
        return found

    def write(self, out: Path) -> None:
        """Write ``variogram_<subject>.json``."""
        said = {**self.marks.tags(), "subject": self.subject, "unit": unit_of_subject(self.subject), **self._content()}
        # A list: the order is that of the domains.
        parts = [{"domain": name, **part._content()} for name, part in self.domains.items()]
        write_json({**said, "domains": parts} if parts else said, out)

    def _content(self) -> dict[str, Any]:
        return {
            "model": self.model.to_dict() if self.model is not None else None,
            "layer_mean": numbers(self.layer_mean),
            "layer_sd": numbers(self.layer_sd),
            "layer_pool": self.layer_pool.tolist(),
            "experimental": self.experimental,
            "fit": self.fit,
        }


@dataclass(frozen=True)
class JointModel:
    """How the elements and density vary together: a linear model of coregionalisation of their standardised layer residuals.

    Parameters
    ----------
    statistics : dict of str to LayerStatistics
        By subject, in the order of the model: the means and spreads that the residuals refer to; those of the variograms.
    model : Coregionalisation or None
        ``None`` where no variable varies.
    experimental : list of dict
        ``one``, ``other``, ``direction``, ``lag_m``, ``semivariance``, ``pairs`` of every direct and cross variogram.
    fit : dict
        How it was fitted, bounds touched, and which variables were left out and why.
    marks : Marks
    domains : dict of str to JointModel
        By the name of each domain, as in :class:`Variogram`.
    """

    statistics: dict[str, LayerStatistics]
    model: Coregionalisation | None
    experimental: list[dict[str, Any]]
    fit: dict[str, Any]
    marks: Marks
    domains: dict[str, JointModel] = field(default_factory=dict)

    def of(self, domain: str) -> JointModel:
        """The joint model of a domain; of the whole where it is not named."""
        return self.domains[domain] if domain else self

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "coregionalisation.json"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON."""
        from pipeline.geostatistics.coregionalisation import Coregionalisation
        from pipeline.geostatistics.layers import LayerStatistics

        content = json.loads(path.read_text(encoding="utf-8"))
        marks = Marks.from_tags(content)

        def read_one(part: dict[str, Any], domains: dict[str, Any]) -> Any:
            statistics = {
                one["subject"]: LayerStatistics(array_of(one["layer_mean"]), array_of(one["layer_sd"]), np.array(one["layer_pool"], dtype=np.int64))
                for one in part["variables"]
            }
            model = Coregionalisation.from_dict(part["model"]) if part["model"] is not None else None
            return cls(statistics, model, part["experimental"], part["fit"], marks, domains)

        found: Self = read_one(content, {part["domain"]: read_one(part, {}) for part in content.get("domains", ())})
        return found

    def write(self, out: Path) -> None:
        """Write ``coregionalisation.json``."""
        said = {**self.marks.tags(), **self._content()}
        parts = [{"domain": name, **part._content()} for name, part in self.domains.items()]
        write_json({**said, "domains": parts} if parts else said, out)

    def _content(self) -> dict[str, Any]:
        variables = [
            {
                "subject": subject,
                "unit": unit_of_subject(subject),
                "layer_mean": numbers(part.mean),
                "layer_sd": numbers(part.sd),
                "layer_pool": part.pool.tolist(),
            }
            for subject, part in self.statistics.items()
        ]
        return {
            "variables": variables,
            "model": self.model.to_dict() if self.model is not None else None,
            "experimental": self.experimental,
            "fit": self.fit,
        }


@dataclass(frozen=True)
class Estimator:
    """What an element is kriged with.

    Parameters
    ----------
    name : str
        ``ordinary``, ``drift`` (ordinary kriging with an external drift) or ``cokriging``.
    drift : tuple of str
        Bands of ``seafloor.tif`` that the drift follows; empty for the other two.
    model : CovarianceModel, optional
        Of what the drift leaves of the standardised residuals; the variogram's or the joint model where there is none.
    """

    name: str
    drift: tuple[str, ...] = ()
    model: CovarianceModel | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"name": self.name, "drift": list(self.drift), "model": self.model.to_dict() if self.model is not None else None}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` made."""
        from pipeline.geostatistics.covariance import CovarianceModel

        model = CovarianceModel.from_dict(content["model"]) if content["model"] is not None else None
        return cls(content["name"], tuple(content["drift"]), model)


ORDINARY = Estimator("ordinary")


@dataclass(frozen=True)
class Comparison:
    """Estimators of one element, scored on the cores that they did not see.

    Parameters
    ----------
    estimator : Estimator
        What drives the grades.
    verdict : str
        ``named`` by the settings, ``unscored``, ``kept`` (no other one was shown to be better than ordinary kriging) or ``replaced``.
    reason : str
        A sentence with the figures.
    cores, composites, scored : int
        Cores and composites that carry the element, and composites that every scored estimator could estimate: those that count.
    scores : dict of str to dict
        By estimator: ``rmse_g_m3, mae_g_m3, bias_g_m3, crps_g_m3``, ``msdr`` and ``skill`` (share of the declustered mean's CRPS that is saved);
        ``None`` where there is none.
    notes : dict of str to str
        Why an estimator has no scores.
    gains : dict of str to dict
        By challenger of ordinary kriging: ``mean_g_m3`` and ``standard_error_g_m3`` of its gain in CRPS over cores.
    applicability : dict
        ``predictors``, and ``inside_share`` of the region's cells that resemble the cores as much as folds resemble each other; empty if not taken.
    """

    estimator: Estimator
    verdict: str
    reason: str
    cores: int
    composites: int
    scored: int
    scores: dict[str, dict[str, float | None]]
    notes: dict[str, str]
    gains: dict[str, dict[str, float]]
    applicability: dict[str, Any]


@dataclass(frozen=True)
class CrossValidation:
    """Scores of every estimator tried, and the one chosen for each element.

    Parameters
    ----------
    comparisons : dict of str to Comparison
        By element.
    folds : list of list of str
        Cores of each fold; the same for every element and estimator. Empty where nothing was scored.
    settings : dict
        The settings used.
    marks : Marks
    warnings : tuple of str
    """

    comparisons: dict[str, Comparison]
    folds: list[list[str]]
    settings: dict[str, Any]
    marks: Marks
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact, not the section of the settings with the same name."""
        return path.name == "cross_validation.json" and path.parent.name != ".settings"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON."""
        content = json.loads(path.read_text(encoding="utf-8"))
        comparisons = {
            element: Comparison(**{**part, "estimator": Estimator.from_dict(part["estimator"])}) for element, part in content["elements"].items()
        }
        return cls(comparisons, content["folds"], content["settings"], Marks.from_tags(content))

    def write(self, out: Path) -> None:
        """Write ``cross_validation.json``."""
        elements = {element: {**asdict(part), "estimator": part.estimator.to_dict()} for element, part in self.comparisons.items()}
        write_json({**self.marks.tags(), "elements": elements, "folds": self.folds, "settings": self.settings}, out)

    def estimator(self, element: str) -> Estimator:
        """What the element is kriged with."""
        if element not in self.comparisons:
            msg = f"cross_validation.json says nothing of {element}. Delete it and run make all."
            raise ArtefactError(msg)
        return self.comparisons[element].estimator
