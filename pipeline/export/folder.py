"""The folder of exports: every format of one assessment, each file whole, and a list of them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pipeline.errors import ArtefactError
from pipeline.export.blocks import blocks_of
from pipeline.export.catalogue import write_catalogue
from pipeline.export.drill_holes import drill_holes
from pipeline.export.features import layers_of
from pipeline.export.geopackage import write_geopackage
from pipeline.export.geoparquet import write_geoparquet
from pipeline.export.netcdf import write_netcdf
from pipeline.export.omf import write_omf
from pipeline.export.rasters import write_rasters
from pipeline.export.results import Results
from pipeline.export.review import write_review
from pipeline.export.tables import write_tables
from pipeline.export.vtk import write_vtk
from pipeline.files import TEMPORARY_PREFIX, build_lock, clean_stale_temporaries, json_text, sha256_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.export.rasters import WrittenRaster
    from pipeline.export.review import Inputs

MANIFEST: Final = "manifest.json"
"""Lists what an export wrote, so that the next one knows what is its own to remove."""


def export(raw: Path, processed: Path, maps: Path, out: Path, inputs: str = "licensed", say: Callable[[str], None] = print) -> list[Path]:
    """Write every format into a folder.

    All is written beside its place first and moved when the whole is finished; files of an earlier export that are no longer made are removed.

    Parameters
    ----------
    raw, processed, maps : Path
        Folders of the assessment.
    out : Path
        Folder of exports: new, empty, or one that an export made.
    inputs : str
        Which inputs the archive for a reviewer carries (:mod:`pipeline.export.review`).
    say : callable
        Told a line for each format.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ArtefactError
        There is nothing to export, or the folder holds what no export wrote.
    """
    raw, processed, maps, out = (folder.expanduser().resolve() for folder in (raw, processed, maps, out))
    chosen = _chosen_inputs(inputs)
    results = Results.of(raw, processed, maps)
    _refuse_impossible_folder(out, results)
    with build_lock(processed), build_lock(out):
        clean_stale_temporaries(out)
        before = _listed(out)
        work = Path(tempfile.mkdtemp(dir=out, prefix=TEMPORARY_PREFIX))
        try:
            files = _write_all(results, work, out, chosen, say)
            return _put_in_place(work, out, files, before)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _write_all(results: Results, work: Path, out: Path, inputs: Inputs, say: Callable[[str], None]) -> list[Path]:
    """Every format; the catalogue lists what was written before it, the manifest all."""

    def told(name: str, make: Callable[[], Iterable[Path | None] | Path | None]) -> None:
        started = perf_counter()
        found = make()
        made = [found] if isinstance(found, Path) else [path for path in found or () if path is not None]
        size = sum(path.stat().st_size for path in made)
        plural = "" if len(made) == 1 else "s"
        say(
            f"export {name:<12} {len(made):3d} file{plural:<1} {size / 1e6:8.2f} MB {perf_counter() - started:6.1f} s"
            if made
            else f"export {name:<12} nothing"
        )

    blocks, holes, layers = blocks_of(results), drill_holes(results), layers_of(results)
    rasters: list[WrittenRaster] = []

    def write_and_keep_rasters() -> list[Path]:
        rasters.extend(write_rasters(results, work / "rasters"))
        return [raster.path for raster in rasters]

    told("GeoTIFF", write_and_keep_rasters)
    told("NetCDF", lambda: write_netcdf(results, work / "block_model.nc"))
    told("GeoPackage", lambda: write_geopackage(results, layers, work / "assessment.gpkg"))
    told("GeoParquet", lambda: write_geoparquet(results, layers, blocks, work / "vectors"))
    told("OMF", lambda: write_omf(results, blocks, holes, work / "omf"))
    told("VTK", lambda: write_vtk(results, blocks, holes, work / "vtk"))
    told("tables", lambda: write_tables(results, work / "tables"))
    told("review", lambda: write_review(results, work / "review.zip", inputs, besides=out))
    told("STAC", lambda: write_catalogue(results, work, _files_in(work), rasters))
    files = _files_in(work)
    listed = {path.relative_to(work).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in files}
    content = {
        "title": results.title,
        **results.marks.tags(),
        "program_sha256": str(results.provenance.get("code_sha256", "unknown")),
        "files": listed,
    }
    write_whole(work / MANIFEST, json_text(content).encode())
    return [*files, work / MANIFEST]


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _put_in_place(work: Path, out: Path, files: list[Path], before: set[str]) -> list[Path]:
    """Move finished files to their place, the list of them last, and remove those that an earlier export made and this one did not."""
    placed = []
    for path in files:
        target = out / path.relative_to(work)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)  # noqa: PTH105 - the same words as everywhere
        placed.append(target)
    for name in sorted(before - {path.relative_to(out).as_posix() for path in placed}):
        (out / name).unlink(missing_ok=True)
    return placed


def _chosen_inputs(inputs: str) -> Inputs:
    known: dict[str, Inputs] = {"none": "none", "licensed": "licensed", "all": "all"}
    if inputs not in known:
        msg = f"INPUTS={inputs} is not known: say {', '.join(known)} (licensed: inputs whose note names an open licence)."
        raise ArtefactError(msg)
    return known[inputs]


def _listed(out: Path) -> set[str]:
    """Files that the last export put here, by its list; names that lead out of the folder are passed over."""
    try:
        files = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, TypeError, KeyError):
        return set()
    return {name for name in files if isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts}


def _refuse_impossible_folder(out: Path, results: Results) -> None:
    inside = [folder for folder in (results.raw, results.processed, results.maps) if out == folder or out in folder.parents]
    if inside or results.raw in out.parents:
        msg = f"{out} cannot take exports: it is, or holds, a folder of the assessment, or lies in RAW. Name another one with EXPORT=dir."
        raise ArtefactError(msg)
    if out.exists() and not out.is_dir():
        msg = f"{out} is a file. Name a folder with EXPORT=dir."
        raise ArtefactError(msg)
    others = [path.name for path in sorted(out.iterdir()) if not path.name.startswith(TEMPORARY_PREFIX)] if out.is_dir() else []
    if others and not _listed(out):
        msg = f"{out} holds {others[0]}, which no export wrote. Name an empty or a new folder with EXPORT=dir."
        raise ArtefactError(msg)
