"""The artefacts of an assessment: the only place that knows file names, columns, bands and tags.

Each type says which file names are its own (``matches``) and how to read and write them. The stages say what the artefacts mean.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from pipeline.errors import ArtefactError
from pipeline.files import atomic_path, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    import pandera.pandas as pandera
    import xarray as xr
    from numpy.typing import NDArray

    from pipeline.geostatistics.coregionalisation import Coregionalisation
    from pipeline.geostatistics.covariance import CovarianceModel
    from pipeline.geostatistics.layers import LayerStatistics
    from pipeline.grid import Grid, Layers

    Array = NDArray[np.float64]

DENSITY = "density"
"""Name of the density among the variograms, where elements have their symbols."""

DEEPEST_WATER_M = 12_000.0
"""No water on Earth is deeper."""

REJECTED_COLUMNS = ("file", "row", "column", "value", "reason")
TONNAGE_COLUMNS = ("element", "region", "cutoff_ppm", "statistic", "area_km2", "dry_mud_t", "grade_ppm", "metal_t", "oxide_t", "data_kind")


@dataclass(frozen=True)
class Marks:
    """What must stay visible in every product: where the data come from, and whether rows were left out.

    Parameters
    ----------
    data_kind : str
        ``measured``, ``synthetic`` or ``partly synthetic``.
    rows_left_out : int
        Refused rows that the settings allowed to be left out.
    """

    data_kind: str
    rows_left_out: int = 0

    @property
    def is_synthetic(self) -> bool:
        """Whether any sample is synthetic."""
        return self.data_kind != "measured"

    def text(self) -> str:
        """One phrase for tables."""
        return self.data_kind + (f"; {self.rows_left_out} refused rows left out" if self.rows_left_out else "")

    def tags(self) -> dict[str, str]:
        """Tags for rasters and other files."""
        return {"data_kind": self.data_kind, "rows_left_out": str(self.rows_left_out)}

    @classmethod
    def from_tags(cls, tags: Mapping[str, Any]) -> Self:
        """Read back what :meth:`tags` made."""
        return cls(str(tags["data_kind"]), int(tags["rows_left_out"]))


@dataclass(frozen=True)
class RawFiles:
    """Raw files with their content hashes: the only way by which raw data enter.

    Parameters
    ----------
    raw : Path
        The folder RAW.
    hashes : dict of str to str
        sha256 by path relative to RAW.
    """

    name: ClassVar[str]
    raw: Path
    hashes: dict[str, str]

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this list."""
        return path.parent.name == ".lists" and path.name == f"{cls.name}.json"

    @classmethod
    def read(cls, path: Path, raw: Path | None) -> Self:
        """Read the list; files are looked up below ``raw``."""
        if raw is None:
            msg = f"{path.name} lists raw files; say where they are with --raw"
            raise ArtefactError(msg)
        return cls(raw, json.loads(path.read_text(encoding="utf-8"))["files"])

    def paths(self, *suffixes: str) -> list[tuple[str, Path]]:
        """Relative name and full path of the listed files that end in one of the suffixes, sorted by name."""
        return [(name, self.raw / name) for name in sorted(self.hashes) if name.lower().endswith(suffixes)]

    def verified(self, name: str) -> Path:
        """Full path of a listed file whose content is still what was listed."""
        path = self.raw / name
        if not path.is_file() or sha256_of(path) != self.hashes[name]:
            msg = f"{name} changed while the build was running. Run make all again."
            raise ArtefactError(msg)
        return path


class CoreFiles(RawFiles):
    """Core tables and the notes beside them."""

    name = "cores"


class BathymetryFiles(RawFiles):
    """Bathymetry grids and the notes beside them."""

    name = "bathymetry"


class PublishedFiles(RawFiles):
    """Published figures."""

    name = "published"

    def figures(self) -> dict[str, dict[str, str]]:
        """Rows that hold a value, by id; a figure marked unknown holds none."""
        import csv

        rows: dict[str, dict[str, str]] = {}
        for name, _ in self.paths(".csv"):
            with self.verified(name).open(encoding="utf-8-sig", newline="") as file:
                rows |= {row["id"]: row for row in csv.DictReader(file) if row.get("id") and row.get("value")}
        return rows


class TruthFiles(RawFiles):
    """Truth of a reference survey; no estimating stage takes this type."""

    name = "truth"


@dataclass(frozen=True)
class Samples:
    """Accepted intervals and refused rows.

    Parameters
    ----------
    frame : GeoDataFrame
        One row per accepted interval: the flat sample columns, ``source_file``, ``source_row``, ``conversions``, ``data_kind``; WGS 84 points.
    rejected : DataFrame
        ``file, row, column, value, reason`` of every refused row.
    marks : Marks
    warnings : tuple of str
        What a reader should know although nothing was refused.
    """

    frame: gpd.GeoDataFrame
    rejected: pd.DataFrame
    marks: Marks
    warnings: tuple[str, ...] = ()

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "samples.parquet"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the accepted intervals and, from beside them, the refused rows."""
        import pandas as pd

        frame, notes = _read_geoparquet(path)
        rejected = pd.read_csv(path.with_name("rejected.csv"), dtype=str, keep_default_na=False)
        return cls(frame, rejected, Marks.from_tags(notes), tuple(notes.get("warnings", ())))

    def write(self, out: Path) -> None:
        """Write ``samples.parquet``, and ``rejected.csv`` beside it."""
        _samples_schema(self.frame).validate(self.frame)
        _write_csv(self.rejected, out.with_name("rejected.csv"))
        _write_geoparquet(self.frame, out, {**self.marks.tags(), "warnings": list(self.warnings)})


def _samples_schema(frame: gpd.GeoDataFrame) -> pandera.DataFrameSchema:
    """What every accepted interval keeps to; nothing is coerced, for numbers were parsed by the strict reader."""
    import pandera.pandas as pandera

    def number(low: float, high: float, *, missing: bool) -> pandera.Column:
        return pandera.Column(float, pandera.Check.in_range(low, high), nullable=missing)

    grades = [str(column) for column in frame if str(column).endswith("_ppm") and column != "detection_limit_ppm"]
    return pandera.DataFrameSchema(
        {
            "core_id": pandera.Column(str, pandera.Check.str_length(min_value=1)),
            "longitude_deg": number(-180, 360, missing=False),
            "latitude_deg": number(-90, 90, missing=False),
            "water_depth_m": number(0, DEEPEST_WATER_M, missing=True),
            "penetration_m": number(0, np.inf, missing=True),
            "from_m": number(0, np.inf, missing=False),
            "to_m": number(0, np.inf, missing=False),
            "dry_bulk_density_t_m3": number(0, np.inf, missing=True),
            "source_file": pandera.Column(str),
            "source_row": pandera.Column(int, pandera.Check.ge(2)),
            "conversions": pandera.Column(str),
            "data_kind": pandera.Column(str, pandera.Check.isin(["measured", "synthetic"])),
            **{grade: number(0, 1e6, missing=True) for grade in grades},
        },
        checks=pandera.Check(lambda table: table["from_m"] < table["to_m"], error="from_m above to_m"),
        unique=["core_id", "from_m", "to_m"],
    )


def write_rejected(rejected: pd.DataFrame, processed: Path) -> None:
    """Write ``rejected.csv`` alone: the one file that a refused survey replaces."""
    _write_csv(rejected, processed / "rejected.csv")


@dataclass(frozen=True)
class Seafloor:
    """The grid with depth, slope and the share of each cell inside the region.

    Parameters
    ----------
    grid, layers
        Frame of everything estimated.
    depth_m, slope_deg, region_share : (rows, columns) arrays
        Water depth (positive down), slope from the native bathymetry, share of area inside the region; NaN where no bathymetry is.
    source : str
        Files and resolutions behind the depths.
    source_resolution_m : float
        Coarsest node spacing used inside the region.
    """

    grid: Grid
    layers: Layers
    depth_m: Array
    slope_deg: Array
    region_share: Array
    source: str
    source_resolution_m: float

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "seafloor.tif"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the raster."""
        grid, bands, tags = _read_raster(path)
        depth_m, slope_deg, region_share = (bands[name] for name in ("depth_m", "slope_deg", "region_share"))
        return cls(grid, _layers_from(tags), depth_m, slope_deg, region_share, tags["source"], float(tags["source_resolution_m"]))

    def write(self, out: Path) -> None:
        """Write ``seafloor.tif``."""
        bands = {"depth_m": self.depth_m, "slope_deg": self.slope_deg, "region_share": self.region_share}
        tags = {**_layer_tags(self.layers), "source": self.source, "source_resolution_m": f"{self.source_resolution_m:.6g}"}
        _write_raster(out, self.grid, bands, tags)


@dataclass(frozen=True)
class Composites:
    """One row per core and layer.

    Parameters
    ----------
    frame : GeoDataFrame
        ``core_id, layer, top_m, bottom_m``; per element ``<e>_ppm`` (weighted by length x density), ``<e>_g_m3`` (accumulation: grade x density
        averaged by length) and ``<e>_sampled_share``; ``dry_bulk_density_t_m3``, ``density_supplied_share`` (share of the length whose density
        comes from the settings' rule), ``sampled_share``, ``declustering_weight`` (sums to 1 in a layer); WGS 84 points.
    layers : Layers
    density_source : str
        ``measured``, ``prior`` or ``measured, gaps supplied``.
    marks : Marks
    """

    frame: gpd.GeoDataFrame
    layers: Layers
    elements: tuple[str, ...]
    density_source: str
    marks: Marks

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "composites.parquet"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the table."""
        frame, notes = _read_geoparquet(path)
        return cls(frame, _layers_from(notes), tuple(notes["elements"]), notes["density_source"], Marks.from_tags(notes))

    def write(self, out: Path) -> None:
        """Write ``composites.parquet``."""
        notes = {**_layer_tags(self.layers), **self.marks.tags(), "elements": list(self.elements), "density_source": self.density_source}
        _write_geoparquet(self.frame, out, notes)


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
    """

    subject: str
    model: CovarianceModel | None
    layer_mean: Array
    layer_sd: Array
    layer_pool: NDArray[np.int64]
    experimental: list[dict[str, Any]]
    fit: dict[str, Any]
    marks: Marks

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return re.fullmatch(r"variogram_\w+\.json", path.name) is not None

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON."""
        from pipeline.geostatistics.covariance import CovarianceModel

        content = json.loads(path.read_text(encoding="utf-8"))
        model = CovarianceModel.from_dict(content["model"]) if content["model"] is not None else None
        mean, sd = (_array(content[key]) for key in ("layer_mean", "layer_sd"))
        pool = np.array(content["layer_pool"], dtype=np.int64)
        return cls(content["subject"], model, mean, sd, pool, content["experimental"], content["fit"], Marks.from_tags(content))

    def write(self, out: Path) -> None:
        """Write ``variogram_<subject>.json``."""
        content = {
            **self.marks.tags(),
            "subject": self.subject,
            "unit": _unit(self.subject),
            "model": self.model.to_dict() if self.model is not None else None,
            "layer_mean": _numbers(self.layer_mean),
            "layer_sd": _numbers(self.layer_sd),
            "layer_pool": self.layer_pool.tolist(),
            "experimental": self.experimental,
            "fit": self.fit,
        }
        _write_json(content, out)


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
    """

    statistics: dict[str, LayerStatistics]
    model: Coregionalisation | None
    experimental: list[dict[str, Any]]
    fit: dict[str, Any]
    marks: Marks

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
        statistics = {
            part["subject"]: LayerStatistics(_array(part["layer_mean"]), _array(part["layer_sd"]), np.array(part["layer_pool"], dtype=np.int64))
            for part in content["variables"]
        }
        model = Coregionalisation.from_dict(content["model"]) if content["model"] is not None else None
        return cls(statistics, model, content["experimental"], content["fit"], Marks.from_tags(content))

    def write(self, out: Path) -> None:
        """Write ``coregionalisation.json``."""
        variables = [
            {
                "subject": subject,
                "unit": _unit(subject),
                "layer_mean": _numbers(part.mean),
                "layer_sd": _numbers(part.sd),
                "layer_pool": part.pool.tolist(),
            }
            for subject, part in self.statistics.items()
        ]
        content = {
            **self.marks.tags(),
            "variables": variables,
            "model": self.model.to_dict() if self.model is not None else None,
            "experimental": self.experimental,
            "fit": self.fit,
        }
        _write_json(content, out)


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
        _write_json({**self.marks.tags(), "elements": elements, "folds": self.folds, "settings": self.settings}, out)

    def estimator(self, element: str) -> Estimator:
        """What the element is kriged with."""
        if element not in self.comparisons:
            msg = f"cross_validation.json says nothing of {element}. Delete it and run make all."
            raise ArtefactError(msg)
        return self.comparisons[element].estimator


@dataclass(frozen=True)
class Density:
    """Dry bulk density of the blocks.

    Parameters
    ----------
    column_t_m3, column_sd_t_m3 : (rows, columns) arrays
        Mean over the assessed interval and its standard deviation.
    layer_t_m3, layer_sd_t_m3 : (layers, rows, columns) arrays
    source : str
        As in :class:`Composites`.
    """

    grid: Grid
    layers: Layers
    column_t_m3: Array
    column_sd_t_m3: Array
    layer_t_m3: Array
    layer_sd_t_m3: Array
    source: str
    marks: Marks

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "density.tif"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the raster."""
        grid, bands, tags = _read_raster(path)
        layers, values = _layers_from(tags), list(bands.values())
        return cls(grid, layers, values[0], values[1], np.array(values[2::2]), np.array(values[3::2]), tags["source"], Marks.from_tags(tags))

    def write(self, out: Path) -> None:
        """Write ``density.tif``."""
        bands = {"dry_bulk_density_t_m3": self.column_t_m3, "dry_bulk_density_sd_t_m3": self.column_sd_t_m3}
        for layer in range(self.layers.count):
            label = self.layers.label(layer)
            bands[f"dry_bulk_density_t_m3 {label}"] = self.layer_t_m3[layer]
            bands[f"dry_bulk_density_sd_t_m3 {label}"] = self.layer_sd_t_m3[layer]
        _write_raster(out, self.grid, bands, {**_layer_tags(self.layers), **self.marks.tags(), "source": self.source})


@dataclass(frozen=True)
class Grade:
    """Grade of one element in the blocks, at block support.

    Parameters
    ----------
    mean_ppm, sd_ppm : (rows, columns) arrays
        Mass-weighted mean over the assessed interval; its standard deviation includes the covariance between layers.
    layer_ppm, layer_sd_ppm : (layers, rows, columns) arrays
    slope_of_regression : (rows, columns) array
        Of the column's accumulation: 1 where the estimate is conditionally unbiased.
    estimator : str
        Name of the :class:`Estimator` of the accumulation.
    """

    element: str
    grid: Grid
    layers: Layers
    mean_ppm: Array
    sd_ppm: Array
    layer_ppm: Array
    layer_sd_ppm: Array
    slope_of_regression: Array
    marks: Marks
    estimator: str

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return re.fullmatch(r"grade_\w+\.tif", path.name) is not None

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the raster."""
        grid, bands, tags = _read_raster(path)
        values, layers = list(bands.values()), _layers_from(tags)
        pairs = values[2 : 2 + 2 * layers.count]
        per_layer = np.array(pairs[::2]), np.array(pairs[1::2])
        slope, marks = bands["slope_of_regression"], Marks.from_tags(tags)
        return cls(tags["element"], grid, layers, values[0], values[1], *per_layer, slope, marks, tags["estimator"])

    def write(self, out: Path) -> None:
        """Write ``grade_<element>.tif``."""
        bands = {f"{self.element}_ppm": self.mean_ppm, f"{self.element}_sd_ppm": self.sd_ppm}
        for layer in range(self.layers.count):
            label = self.layers.label(layer)
            bands[f"{self.element}_ppm {label}"] = self.layer_ppm[layer]
            bands[f"{self.element}_sd_ppm {label}"] = self.layer_sd_ppm[layer]
        bands["slope_of_regression"] = self.slope_of_regression
        tags = {**_layer_tags(self.layers), **self.marks.tags(), "element": self.element, "estimator": self.estimator}
        _write_raster(out, self.grid, bands, tags)


@dataclass(frozen=True)
class Tonnage:
    """Tonnage table: columns as in ``TONNAGE_COLUMNS``, one row per element, region, cut-off and statistic."""

    frame: pd.DataFrame
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "tonnage.csv"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the table."""
        import pandas as pd

        return cls(pd.read_csv(path, keep_default_na=False, na_values=[""]))

    def write(self, out: Path) -> None:
        """Write ``tonnage.csv``."""
        _write_csv(self.frame.loc[:, list(TONNAGE_COLUMNS)], out)


@dataclass(frozen=True)
class BlockModel:
    """All elements and layers in one CF data set."""

    dataset: xr.Dataset

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "block_model.nc"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the data set."""
        import xarray as xr

        with xr.open_dataset(path, engine="h5netcdf", decode_coords="all") as dataset:
            return cls(dataset.load())

    def write(self, out: Path) -> None:
        """Write ``block_model.nc``."""
        encoding: dict[str, dict[str, Any]] = {}
        for name, variable in self.dataset.data_vars.items():
            if variable.ndim:
                # The encoding must name the grid mapping: to_netcdf drops it from attributes.
                encoding[str(name)] = {
                    "zlib": True,
                    "complevel": 4,
                    "dtype": "float32",
                    "_FillValue": np.float32(np.nan),
                    "grid_mapping": "crs",
                }
        with atomic_path(out) as temporary:
            self.dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


@dataclass(frozen=True)
class Provenance:
    """Where the published numbers come from."""

    content: dict[str, Any]

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.name == "provenance.json"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the JSON."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def write(self, out: Path) -> None:
        """Write ``provenance.json``."""
        _write_json(self.content, out)


@dataclass(frozen=True)
class Page:
    """A finished HTML page that needs nothing outside itself."""

    html: str
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether the file is this artefact."""
        return path.suffix == ".html"

    @classmethod
    def read(cls, path: Path, _raw: Path | None = None) -> Self:
        """Read the page."""
        return cls(path.read_text(encoding="utf-8"))

    def write(self, out: Path) -> None:
        """Write the page."""
        with atomic_path(out) as temporary:
            temporary.write_text(self.html, encoding="utf-8", newline="\n")


def _layer_tags(layers: Layers) -> dict[str, str]:
    return {"layers_top_m": repr(layers.top_m), "layers_bottom_m": repr(layers.bottom_m), "layers_layer_m": repr(layers.layer_m)}


def _layers_from(tags: Mapping[str, Any]) -> Layers:
    from pipeline.grid import Layers

    return Layers(float(tags["layers_top_m"]), float(tags["layers_bottom_m"]), float(tags["layers_layer_m"]))


def _numbers(values: Sequence[float] | Array) -> list[float | None]:
    """JSON has no NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _array(values: Sequence[float | None]) -> Array:
    """Read back what :func:`_numbers` made."""
    return np.array([np.nan if value is None else value for value in values])


def _unit(subject: str) -> str:
    return "t/m3" if subject == DENSITY else "g/m3"


def _write_json(content: Any, out: Path) -> None:
    with atomic_path(out) as temporary:
        temporary.write_text(
            json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8", newline="\n"
        )


def _write_csv(frame: pd.DataFrame, out: Path) -> None:
    with atomic_path(out) as temporary:
        frame.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n", float_format="%.10g")


_NOTES = b"assessment"


def _write_geoparquet(frame: gpd.GeoDataFrame, out: Path, notes: dict[str, Any]) -> None:
    """GeoParquet with our own notes in the file's metadata, next to the standard ``geo`` entry."""
    import io

    import pyarrow.parquet as pq

    # Through geopandas' public writer first, so that the standard metadata are its own.
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    table = pq.read_table(buffer)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _NOTES: json.dumps(notes, sort_keys=True).encode()})
    with atomic_path(out) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _read_geoparquet(path: Path) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    import geopandas as gpd
    import pyarrow.parquet as pq

    try:
        notes = json.loads(pq.read_schema(path).metadata[_NOTES])
        return gpd.read_parquet(path), notes
    except (KeyError, OSError, ValueError) as error:
        msg = f"{path.name} is not readable ({error}). Delete it and run make all."
        raise ArtefactError(msg) from None


def _write_raster(out: Path, grid: Grid, bands: dict[str, Array], tags: dict[str, str]) -> None:
    """Cloud-optimised GeoTIFF, float32, NaN where unknown; the unit is the last word of a band's name and stands in its unit tag."""
    import rasterio
    from rasterio.crs import CRS as RasterioCRS

    profile = {
        "driver": "COG",
        "dtype": "float32",
        "count": len(bands),
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": RasterioCRS.from_wkt(grid.crs.to_wkt()),
        "transform": grid.transform,
        "nodata": np.nan,
        "compress": "DEFLATE",
        "predictor": "YES",
        "overviews": "NONE",
        "interleave": "PIXEL",
        "num_threads": 1,
    }
    with atomic_path(out) as temporary, rasterio.open(temporary, "w", **profile) as raster:
        for number, (name, values) in enumerate(bands.items(), start=1):
            raster.write(values.astype(np.float32), number)
            raster.set_band_description(number, name)
            raster.set_band_unit(number, _unit_of(name))
        raster.update_tags(**tags)


def _read_raster(path: Path) -> tuple[Grid, dict[str, Array], dict[str, str]]:
    import rasterio
    from pyproj import CRS

    from pipeline.grid import Grid

    try:
        with rasterio.open(path) as raster:
            values = raster.read().astype(np.float64)
            names = [str(name) for name in raster.descriptions]
            grid = Grid(CRS.from_wkt(raster.crs.to_wkt()), raster.transform, (raster.height, raster.width))
            return grid, dict(zip(names, values, strict=True)), {key.lower(): value for key, value in raster.tags().items()}
    except rasterio.RasterioIOError as error:
        msg = f"{path.name} is not readable ({error}). Delete it and run make all."
        raise ArtefactError(msg) from None


_UNITS = {"ppm": "ppm", "t_m3": "t/m3", "m": "m", "deg": "degree", "share": "1", "regression": "1"}


def _unit_of(band: str) -> str:
    """Unit of a band from the last word of its name."""
    word = band.split(" ")[0]
    return next(unit for suffix, unit in _UNITS.items() if word.endswith("_" + suffix))
