"""What a build is compared by: its headline, what it was made from, and the model behind it, as JSON knows it."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import (
    CLASSES,
    Composites,
    CrossValidation,
    Estimator,
    Grade,
    JointModel,
    Recoverable,
    Samples,
    Seafloor,
    Tonnage,
    Variogram,
)
from pipeline.artefacts import STEPS as FUNNEL
from pipeline.artefacts.changes import Snapshot
from pipeline.artefacts.formats import array_of, numbers, plain
from pipeline.field import cell_drift, estimated_cells, inside_hull
from pipeline.units import KM2_PER_M2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.artefacts import Classes
    from pipeline.artefacts.changes import ProgramFiles
    from pipeline.artefacts.survey import RawFiles
    from pipeline.config import Section

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

STATISTICS = ("mean", "sd", "p05", "p10", "p50", "p90", "p95", "kriged")
FIGURES = ("area_km2", "dry_mud_t", "grade_ppm", "metal_t")
REGIONS = ("supported", "all")

OUTSIDE = "outside"
"""Stands beside the classes for cells that are not estimated."""

NO_ASSESSMENT = ("assessment", "maps")
"""Sections of the settings that change no number: a title, a colour."""


def snapshot(
    tonnage: Tonnage,
    recoverable: Recoverable,
    classes: Classes,
    samples: Samples,
    composites: Composites,
    variograms: Sequence[Variogram],
    joint: JointModel,
    cross_validation: CrossValidation,
    grades: Sequence[Grade],
    seafloor: Seafloor,
    raw: Iterable[RawFiles],
    settings: Mapping[str, Section],
    program: Iterable[ProgramFiles],
) -> Snapshot:
    """Everything of this build that the next one asks for; equal snapshots are equal builds."""
    known = {name: section.model_dump(mode="json") for name, section in settings.items() if name not in NO_ASSESSMENT}
    content = {
        "inputs": _inputs(samples, raw),
        "settings": known,
        "program": {path: sha256 for part in program for path, sha256 in part.hashes.items()},
        "cores": _cores(samples, composites.elements),
        "elements": list(composites.elements),
        "headline": _headline(tonnage),
        "recoverable_t": _recoverable_t(recoverable),
        "frame": _digest(
            seafloor.grid.crs.to_wkt(),
            *map(repr, (tuple(seafloor.grid.transform), seafloor.grid.shape, seafloor.layers)),
            seafloor.region_share,
            *([seafloor.layers.marker] if seafloor.layers.marker else []),
        ),
        "floor": _digest(seafloor.depth_m, seafloor.slope_deg),
        "regions": _regions(composites, cross_validation, grades, seafloor, settings),
        "classes": _packed(_class_numbers(classes.code)),
        "class_areas_km2": class_areas_km2(_class_names(_class_numbers(classes.code)), seafloor),
        "composites": _composites(composites),
        "variograms": {variogram.subject: _variogram(variogram) for variogram in variograms},
        "joint": _joint(joint),
        "estimators": {element: cross_validation.estimator(element).to_dict() for element in composites.elements},
        "marks": composites.marks.tags(),
    }
    # As it will be read: equal to what an equal build left.
    read: Snapshot = json.loads(json.dumps(plain(content)))
    return read


def _digest(*parts: str | Array) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part, dtype=np.float64).tobytes())
        found.update(b"\0")
    return found.hexdigest()


def _inputs(samples: Samples, raw: Iterable[RawFiles]) -> dict[str, Any]:
    rows = samples.frame.groupby("source_file").size()
    return {name: {"sha256": sha256, "rows": int(rows.get(name, 0))} for files in raw for name, sha256 in files.hashes.items()}


def _cores(samples: Samples, elements: Sequence[str]) -> dict[str, Any]:
    """By core: where it lies, which file it comes from, and by column a hash of what was accepted of it."""
    measured = [f"{element}_ppm" for element in elements]
    columns = [name for name in ("longitude_deg", "latitude_deg", "from_m", "to_m", *measured, "dry_bulk_density_t_m3") if name in samples.frame]
    found = {}
    for core, rows in samples.frame.groupby("core_id", sort=True):
        ordered = rows.sort_values(["from_m", "to_m"])
        found[str(core)] = {
            "file": str(ordered["source_file"].iloc[0]),
            "longitude_deg": float(ordered["longitude_deg"].iloc[0]),
            "latitude_deg": float(ordered["latitude_deg"].iloc[0]),
            "samples": len(ordered),
            "deepest_m": float(ordered["to_m"].max()),
            "sha256": {column: _digest(ordered[column].to_numpy(dtype=float)) for column in columns},
        }
    return found


def _headline(tonnage: Tonnage) -> dict[str, Any]:
    """Rows at cut-off 0, by element, region and statistic."""
    frame = tonnage.frame[(tonnage.frame["cutoff_ppm"] == 0) & tonnage.frame["statistic"].isin(STATISTICS)]
    found: dict[str, Any] = {}
    for row in frame.to_dict("records"):
        figures = {name: float(f"{row[name]:.10g}") for name in FIGURES if np.isfinite(row[name])}
        found.setdefault(str(row["element"]), {}).setdefault(str(row["region"]), {})[str(row["statistic"])] = figures
    return found


def _recoverable_t(recoverable: Recoverable) -> dict[str, dict[str, float]]:
    """Metal behind the last step of the funnel as the settings have it, by element and statistic; nothing without realisations."""
    place = recoverable.sensitivity[recoverable.sensitivity["setting"] == "as_set"]
    rows = recoverable.frame[recoverable.frame["step"] == FUNNEL[-1]]
    for key in ("region", "cutoff_ppm", "slope", "selection"):
        rows = rows[rows[key] == place[key].iloc[0]] if len(place) else rows.iloc[:0]
    rows = rows[rows["statistic"].isin(("mean", "p10", "p50", "p90")) & np.isfinite(rows["metal_t"].astype(float))]
    return {
        str(element): {str(row["statistic"]): float(row["metal_t"]) for row in part.to_dict("records")} for element, part in rows.groupby("element")
    }


def _regions(
    composites: Composites, cross_validation: CrossValidation, grades: Sequence[Grade], seafloor: Seafloor, settings: Mapping[str, Section]
) -> dict[str, dict[str, str]]:
    """Cells of the two regions by element, as the tonnage table has them."""
    from pipeline.config import GradeSettings, TonnageSettings

    grade_settings, tonnage_settings = settings["grade"], settings["tonnage"]
    assert isinstance(grade_settings, GradeSettings)
    assert isinstance(tonnage_settings, TonnageSettings)
    near = estimated_cells(composites, seafloor, grade_settings.max_distance_spacings)
    supported = inside_hull(composites, seafloor, tonnage_settings.hull_buffer_spacings)
    for grade in grades:
        supported &= grade.slope_of_regression >= tonnage_settings.min_slope_of_regression
    found = {}
    for element in composites.elements:
        cells = near.copy()
        cells[near] = np.isfinite(cell_drift(seafloor, cross_validation.estimator(element).drift, near)).all(axis=1)
        found[element] = {"all": _packed(cells), "supported": _packed(cells & supported)}
    return found


def _class_numbers(code: Array) -> NDArray[np.uint8]:
    """0 outside, else one more than the code."""
    return np.where(np.isfinite(code), np.nan_to_num(code) + 1, 0).astype(np.uint8)


def _class_names(numbered: NDArray[np.uint8]) -> NDArray[np.str_]:
    return np.array([OUTSIDE, *(CLASSES[code] for code in sorted(CLASSES))])[numbered]


def class_areas_km2(names: NDArray[np.str_], seafloor: Seafloor) -> dict[str, float]:
    """Area of each class inside the region."""
    area_km2 = np.nan_to_num(seafloor.region_share) * seafloor.grid.cell_area_m2 * KM2_PER_M2
    return {name: float(area_km2[names == name].sum()) for name in (*CLASSES.values(), OUTSIDE)}


def _composites(composites: Composites) -> dict[str, Any]:
    frame = composites.frame.sort_values(["core_id", "layer"])
    values = [f"{element}_{unit}" for element in composites.elements for unit in ("ppm", "g_m3")]
    columns = ["longitude_deg", "latitude_deg", "top_m", "bottom_m", *values, "dry_bulk_density_t_m3", "density_supplied_share"]
    table: dict[str, Any] = {name: numbers(frame[name].to_numpy(dtype=float)) for name in columns}
    return {"core_id": [str(core) for core in frame["core_id"]], "layer": [int(layer) for layer in frame["layer"]], **table}


def _variogram(variogram: Variogram) -> dict[str, Any]:
    return {
        "model": variogram.model.to_dict() if variogram.model is not None else None,
        "mean": numbers(variogram.layer_mean),
        "sd": numbers(variogram.layer_sd),
        "pool": variogram.layer_pool.tolist(),
    }


def _joint(joint: JointModel) -> dict[str, Any]:
    statistics = {
        subject: {"mean": numbers(part.mean), "sd": numbers(part.sd), "pool": part.pool.tolist()} for subject, part in joint.statistics.items()
    }
    # A list: the order is that of the model.
    return {"model": joint.model.to_dict() if joint.model is not None else None, "statistics": list(statistics.items())}


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(values.astype(np.uint8).tobytes(), 9)).decode()


def _unpacked(text: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8).reshape(shape)


# --- and back --------------------------------------------------------------------------------------------------------------------------------------


def region_of(kept: Snapshot, element: str, region: str, shape: tuple[int, int]) -> Mask:
    """Cells of a region; of a build on the same frame."""
    return _unpacked(kept["regions"][element][region], shape).astype(bool)


def classes_of(kept: Snapshot, shape: tuple[int, int]) -> NDArray[np.str_]:
    """Name of the class of every cell; of a build on the same frame."""
    return _class_names(_unpacked(kept["classes"], shape))


def table_of(kept: Snapshot) -> pd.DataFrame:
    """Composites as a table, sorted by core and layer."""
    import pandas as pd

    columns: dict[str, Any] = {name: values if name in ("core_id", "layer") else array_of(values) for name, values in kept["composites"].items()}
    # Kriging takes no declustering weight: those are in the means of the model.
    return pd.DataFrame({**columns, "declustering_weight": 1.0})


def variogram_of_kept(kept: Snapshot, subject: str, composites: Composites) -> Variogram:
    """A variogram without its experimental part."""
    from pipeline.geostatistics.covariance import CovarianceModel

    part = kept["variograms"][subject]
    model = CovarianceModel.from_dict(part["model"]) if part["model"] is not None else None
    return Variogram(subject, model, array_of(part["mean"]), array_of(part["sd"]), np.array(part["pool"], dtype=np.int64), [], {}, composites.marks)


def joint_of(kept: Snapshot, composites: Composites) -> JointModel:
    """The joint model without its experimental part."""
    from pipeline.geostatistics.coregionalisation import Coregionalisation
    from pipeline.geostatistics.layers import LayerStatistics

    part = kept["joint"]
    statistics = {
        subject: LayerStatistics(array_of(one["mean"]), array_of(one["sd"]), np.array(one["pool"], dtype=np.int64))
        for subject, one in part["statistics"]
    }
    model = Coregionalisation.from_dict(part["model"]) if part["model"] is not None else None
    return JointModel(statistics, model, [], {}, composites.marks)


def estimator_of(kept: Snapshot, element: str) -> Estimator:
    """What an element was kriged with."""
    return Estimator.from_dict(kept["estimators"][element])
