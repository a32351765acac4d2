"""Read an export with programs that did not write it, and tell as JSON what was found. Runs with the Python of ``.venv-readers``."""

import json
import sys
from pathlib import Path

import frictionless
import numpy as np
import omf
from frictionless import Package


def project(path):
    """An OMF file: every element with its kind, corners and numbers; texts as they are."""
    read = omf.OMFReader(str(path)).get_project()
    read.validate()
    elements = {}
    for element in read.elements:
        told = {"kind": type(element).__name__, "subtype": element.subtype, "geometry": type(element.geometry).__name__}
        shape = element.geometry
        if told["geometry"] == "VolumeGridGeometry":
            told["origin"] = list(shape.origin)
            told["sides"] = [np.asarray(side).tolist() for side in (shape.tensor_u, shape.tensor_v, shape.tensor_w)]
        else:
            told["vertices"] = np.asarray(shape.vertices.array).tolist()
        for name in ("segments", "triangles"):
            if hasattr(shape, name):
                told[name] = np.asarray(getattr(shape, name).array).tolist()
        told["data"] = {data.name: values(data) for data in element.data}
        told["legends"] = {data.name: list(data.legends[0].values.array) for data in element.data if isinstance(data, omf.MappedData)}
        elements[element.name] = told
    return {"title": read.name, "description": read.description, "units": read.units, "elements": elements}


def values(data):
    """Numbers, not a number as ``None``; texts."""
    array = data.array.array
    return [None if isinstance(value, float) and np.isnan(value) else value for value in np.asarray(array).tolist()]


def tables(path):
    """What an independent validator says of a data package: every error, and rows by table."""
    frictionless.system.trusted = True
    report = Package(str(path)).validate()
    errors = [error for task in report.tasks for error in task.errors] + list(report.errors)
    return {
        "valid": report.valid,
        "errors": [error.message for error in errors][:5],
        "rows": {task.name: task.stats.get("rows") for task in report.tasks},
    }


def main():
    """``read.py FOLDER``: every OMF file and the data package of an export."""
    folder = Path(sys.argv[1])
    found = {path.name: project(path) for path in sorted(folder.glob("omf/*.omf"))}
    package = folder / "tables" / "datapackage.json"
    json.dump({"omf": found, "tables": tables(package) if package.is_file() else None}, sys.stdout)


if __name__ == "__main__":
    main()
