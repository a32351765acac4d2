"""An export of an assessment that other tests have made already: its artefacts written as a build writes them, then every format."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from assess import listed

from pipeline.artefacts import PublishedFiles
from pipeline.export.folder import export
from pipeline.export.results import Results
from pipeline.scan import scan
from pipeline.stages import block_model


@dataclass(frozen=True)
class Exported:
    """Folders of an assessment and of its export."""

    results: Results
    out: Path
    said: tuple[str, ...]


def write_products(made, folder: Path) -> Results:
    """Products of an assessment, its settings and lists, in folders whose names need quoting."""
    raw, processed, maps = folder / "生 raw", folder / "生 processed", folder / "生 maps"
    shutil.copytree(made.raw, raw)
    processed.mkdir()
    maps.mkdir()
    scan(raw, processed, maps)
    (maps / "index.html").write_text("<!doctype html>", encoding="utf-8")
    published = listed(PublishedFiles, made.raw, ".csv")
    products = {
        "samples.parquet": made.samples, "seafloor.tif": made.seafloor, "composites.parquet": made.composites, "density.tif": made.density,
        "totals.parquet": made.simulation, "tonnage.csv": made.tonnage, "recoverable.csv": made.recoverable, "production.csv": made.production,
        "supply.csv": made.supply, "next_cores.json": made.next_cores, "validation.json": made.validation, "provenance.json": made.provenance,
        "cross_validation.json": made.cross_validation, "published_method.json": made.published_method_of(published),
        "block_model.nc": block_model.run(made.seafloor, made.density, made.grades, made.simulation),
        **{f"grade_{grade.element}.tif": grade for grade in made.grades},
    }  # fmt: skip
    for name, product in products.items():
        product.write(processed / name)
    return Results.of(raw, processed, maps)


def exported(results: Results, out: Path, inputs: str = "licensed") -> Exported:
    """Every format."""
    said: list[str] = []
    export(results.raw, results.processed, results.maps, out, inputs, said.append)
    return Exported(results, out, tuple(said))


def copied(results: Results, folder: Path, *without: str) -> Results:
    """The same results, but some products, in a folder of their own."""
    for part in (results.raw, results.processed, results.maps):
        shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns(*without))
    return Results.of(*(folder / part.name for part in (results.raw, results.processed, results.maps)))


def decoded(element) -> np.ndarray:
    """Numbers of a binary array of VTK XML, by the words of its specification alone: a header of counts, then pieces of zlib."""
    import base64
    import zlib

    text = element.text.strip()
    head = 4 * -(-24 // 3)  # characters of three numbers of eight bytes
    count, _, _ = np.frombuffer(base64.b64decode(text[:head])[:24], "<u8")
    header_bytes = 8 * (3 + int(count))
    header_text = 4 * -(-header_bytes // 3)
    sizes = np.frombuffer(base64.b64decode(text[:header_text])[:header_bytes], "<u8")[3:]
    packed, start, pieces = base64.b64decode(text[header_text:]), 0, []
    for size in sizes.astype(int):
        pieces.append(zlib.decompress(packed[start : start + size]))
        start += size
    kinds = {"Float32": "<f4", "Float64": "<f8", "Int64": "<i8", "UInt8": "u1", "Int8": "i1"}
    return np.frombuffer(b"".join(pieces), kinds[element.attrib["type"]])
