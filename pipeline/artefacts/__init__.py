"""The artefacts of an assessment: the only place that knows file names, columns, bands and tags.

Each type says which file names are its own (``matches``) and how to read and write them. The stages say what the artefacts mean.
"""

from pipeline.artefacts.estimates import TONNAGE_COLUMNS, BlockModel, Density, Grade, Tonnage
from pipeline.artefacts.formats import DENSITY
from pipeline.artefacts.models import ORDINARY, Comparison, CrossValidation, Estimator, JointModel, Subject, Variogram
from pipeline.artefacts.reports import CALIBRATION, Calibration, Page, Provenance, Validation
from pipeline.artefacts.simulation import (
    CLASSES,
    NOT_KEPT,
    PERCENTILES_SAID,
    QUANTILES,
    REALISATIONS,
    REASONS,
    TOTALS_COLUMNS,
    Classes,
    Keep,
    SimulatedGrade,
    Simulation,
)
from pipeline.artefacts.survey import (
    DEEPEST_WATER_M,
    REJECTED_COLUMNS,
    BathymetryFiles,
    Composites,
    CoreFiles,
    Marks,
    PublishedFiles,
    RawFiles,
    Samples,
    Seafloor,
    TruthFiles,
    write_rejected,
)

__all__ = [
    "CALIBRATION",
    "CLASSES",
    "DEEPEST_WATER_M",
    "DENSITY",
    "NOT_KEPT",
    "ORDINARY",
    "PERCENTILES_SAID",
    "QUANTILES",
    "REALISATIONS",
    "REASONS",
    "REJECTED_COLUMNS",
    "TONNAGE_COLUMNS",
    "TOTALS_COLUMNS",
    "BathymetryFiles",
    "BlockModel",
    "Calibration",
    "Classes",
    "Comparison",
    "Composites",
    "CoreFiles",
    "CrossValidation",
    "Density",
    "Estimator",
    "Grade",
    "JointModel",
    "Keep",
    "Marks",
    "Page",
    "Provenance",
    "PublishedFiles",
    "RawFiles",
    "Samples",
    "Seafloor",
    "SimulatedGrade",
    "Simulation",
    "Subject",
    "Tonnage",
    "TruthFiles",
    "Validation",
    "Variogram",
    "write_rejected",
]
