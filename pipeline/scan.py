"""What changed since the last build: content lists for Make, then Make itself.

Dates of raw files mean nothing here (copied with an old date, deleted, renamed, a clock that went back). Make depends on small
files that hold content hashes and resolved settings, are rewritten only when they differ, and are then newer than every product.
Standard library only, so that a build with nothing to do is instant.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from pipeline.errors import ArtefactError, MachineError, PipelineError, SettingsError
from pipeline.files import clean_stale_temporaries, newest_mtime_ns, sha256_of, take_build_lock, write_if_changed
from pipeline.installation import INSTALLED_LIBRARIES, LOCK, is_checkout, library_hash
from pipeline.machine import fault_of, stop_politely, tell, warn
from pipeline.progress import on_a_terminal, run_with_bar
from pipeline.text import printable_message

ROOT = Path(__file__).resolve().parent.parent

# What is read, and what may hold samples and is not: the intake refuses that, so that nothing is left out unseen.
_CORE_SUFFIXES = ".csv .toml .xlsx .xlsm .xlsb .xls .ods .numbers .tsv .tab .txt .dat .parquet .gpkg .shp .geojson .zip"
# Read by their first bytes whatever the suffix; what cannot be read is refused by name.
_GRID_SUFFIXES = (
    ".toml .nc .nc4 .cdf .grd .h5 .hdf5 .tif .tiff .gtiff .vrt .asc .xyz .csv .txt .dat .hdf .img .bag .adf .flt .bil .dem .hgt .gpkg .shp "
    ".zip .gz .bz2 .7z"
)
RAW_LISTS = {
    "cores": tuple(_CORE_SUFFIXES.split()),
    "bathymetry": tuple(_GRID_SUFFIXES.split()),
    "domains": (".geojson",),
    "published": (".csv",),
    "truth": (".json",),
}
"""Folders of RAW and what is read there, in any sub-folder."""

STAGES_THAT_SHOW = ("map", "index", "report", "table1", "changes")
"""The stages that depend on pipeline/web."""

PARTS_OF_STAGES = {
    "pipeline/changes/": ("changes", "delta"),
    "pipeline/checklist/": ("table1",),
    "pipeline/contacts.py": ("validation",),
    "pipeline/core_columns.py": ("simulation",),
    "pipeline/coring/": ("next_cores",),
    "pipeline/fine_grid/": (),
    "pipeline/installation.py": ("provenance",),
    "pipeline/export/": (),
    "pipeline/map_page/": ("map",),
    "pipeline/mining/": ("next_cores", "simulation"),
    "pipeline/number_ids.py": ("index", "provenance", "report"),
    "pipeline/provenance/": ("index", "provenance", "report"),
    "pipeline/published_method.py": ("published_method",),
    "pipeline/published_comparison.py": ("report", "table1", "published_method"),
    "pipeline/realisations.py": ("simulation",),
    "pipeline/report_page/": ("report",),
    "pipeline/tiled_kriging.py": ("density", "grade"),
    "pipeline/tiles/": ("density", "grade", "simulation"),
}
"""Program files, or folders of them, that only these stages import: a word changed there rebuilds no estimate."""

CALIBRATION = "pipeline/calibration.json"
"""What ``make calibrate`` found: a record beside the program, not a part of it."""

STAGES_THAT_TELL_THE_CALIBRATION = ("validation",)
"""The stages that depend on that record."""

STAGES_THAT_TELL_THE_PROGRAM = ("provenance",)
"""The stages whose product holds the hash of the whole program: any file of it changes that."""

NO_PART_OF_A_PRODUCT = tuple(
    f"pipeline/{name}.py"
    for name in ("scan", "bootstrap", "doctor", "explain", "machine", "make", "new_assessment", "new_core", "progress", "reference_survey")
)
"""Program files that run before or beside the stages: a change there changes no product."""


def main(arguments: Sequence[str]) -> int:
    """Scan the inputs, then become Make.

    Parameters
    ----------
    arguments : sequence of str
        ``--raw DIR --processed DIR --maps DIR --links DIR -- make …``; without a command it only scans.

    Returns
    -------
    int
        0 when everything is up to date (or nothing follows ``--``), 2 for what the user can cure, 128 and its number after a signal.
        Otherwise it does not return: Make takes the process over, and with it the lock.
    """
    stop_politely("scan")
    options = _parsed(arguments)
    try:
        return _scan_and_build(options)
    except PipelineError as error:
        warn(f"error: {printable_message(error)}")
        return 2
    except (OSError, MemoryError) as error:
        fault = fault_of(error, "scan")
        if fault is None:
            raise
        warn(f"error: {printable_message(fault)}")
        return 2


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    own, command = list(arguments), []
    if "--" in own:
        at = own.index("--")
        own, command = own[:at], own[at + 1 :]
    parser = argparse.ArgumentParser(prog="python -m pipeline scan", description="List what changed, then build it.", allow_abbrev=False)
    parser.add_argument("--raw", required=True, type=_folder, help="inputs, settings included")
    parser.add_argument("--processed", required=True, type=_folder, help="where products go")
    parser.add_argument("--maps", required=True, type=_folder, help="where maps go")
    parser.add_argument("--links", type=Path, help="where a folder of links without spaces is made (default: .cache, or TMPDIR)")
    options = parser.parse_args(own)
    options.command = command
    return options


def _folder(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _scan_and_build(options: argparse.Namespace) -> int:
    raw, processed, maps, command = options.raw, options.processed, options.maps, options.command
    _refuse_impossible_folders(raw, processed, maps)
    # Held until Make, which takes this process over, ends.
    for folder in sorted((processed, maps)):  # in one order, so that two builds never wait for each other
        _hold(folder)
    elements = scan(raw, processed, maps)
    remove_unassessed(elements, processed, maps)
    if not command:
        return 0
    command = [*command, f"LINKS={_links(options.links, raw=raw, processed=processed, maps=maps)}"]
    if not _nothing_to_do(command):
        if on_a_terminal():
            return run_with_bar(command)
        os.execvp(command[0], command)
    tell("up to date", "everything is up to date")
    return 0


def _hold(folder: Path) -> None:
    try:
        take_build_lock(folder, inheritable=True)
    except OSError as error:
        message = f"{folder} cannot be written ({error.strerror}). Name another folder with PROCESSED=… or MAPS=…."
        raise ArtefactError(message) from None


def _refuse_impossible_folders(raw: Path, processed: Path, maps: Path) -> None:
    if not raw.is_dir():
        message = f"RAW is {raw}, which is no folder. Give one laid out like data/raw: make all RAW=…"
        raise SettingsError(message)
    if not (raw / "assessment.toml").is_file():
        message = f"assessment.toml is missing from {raw}. Copy the one in data/raw and change it."
        raise SettingsError(message)
    if len({raw, processed, maps}) < 3:
        message = f"RAW, PROCESSED and MAPS must be three different folders; they are {raw}, {processed} and {maps}."
        raise SettingsError(message)


def _nothing_to_do(command: Sequence[str]) -> bool:
    # close_fds would cut Make off from the job server of the Make above it.
    return (
        subprocess.run([*command, "--question"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, check=False).returncode == 0
    )


def scan(raw: Path, processed: Path, maps: Path) -> list[str]:
    """Write the lists and settings that changed, dated after every product.

    Settings come first: when they are wrong nothing is touched, and the last good products stay up to date.

    Parameters
    ----------
    raw, processed, maps : Path
        The folders of the assessment. The locks of the last two are held.

    Returns
    -------
    list of str
        The elements assessed.

    Raises
    ------
    SettingsError
        The settings are not what they must be.
    ArtefactError
        A raw file cannot be read.
    """
    # Before anything is written: on a full disk they are what is in the way.
    for folder in (processed, processed / ".lists", processed / ".settings", processed / ".history", maps):
        clean_stale_temporaries(folder)
    settings = _settings_texts(raw, processed)
    lists = {f"{name}.json": _list_text(_raw_hashes(raw, name)) for name in RAW_LISTS} | program_lists(ROOT)
    elements: list[str] = json.loads(settings["elements.json"])["assessed"]
    settings["elements.mk"] = f"override ELEMENTS := {' '.join(elements)}\n"
    # Depths below the seafloor need no surface of a marker: the graph has none then.
    marker = "horizon" if json.loads(settings["grid.json"])["reference"] == "marker" else ""
    settings["elements.mk"] += f"override MARKER := {marker}\n"

    made = [path for path in _products(processed, maps) if path.is_file()]
    bring_out_of_the_future(made)
    for folder, texts in ((processed / ".lists", lists), (processed / ".settings", settings)):
        for name, text in texts.items():
            write_if_changed(folder / name, text, newer_than=made)
        for path in folder.glob("[!.]*"):
            if path.name not in texts:
                path.unlink()
    return elements


def _products(processed: Path, maps: Path) -> Iterator[Path]:
    for folder in (processed, processed / ".lists", processed / ".settings", maps):
        if folder.is_dir():
            yield from folder.iterdir()


def bring_out_of_the_future(paths: Sequence[Path]) -> None:
    """Move all dates back by one step, keeping their order, if one of them is later than now.

    A clock that ran ahead once would otherwise make new products look older than old ones, and Make build for ever.
    """
    ahead_ns = newest_mtime_ns(paths) - time.time_ns()
    if ahead_ns <= 0:
        return
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - ahead_ns))


@cache
def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}). Mend or remove it, or the link that leads to it."
        raise ArtefactError(message) from None


def _list_text(hashes: dict[str, str]) -> str:
    # Escaped, because a file name may hold bytes that are no UTF-8.
    return json.dumps({"files": hashes}, sort_keys=True, indent=1) + "\n"


def _raw_hashes(raw: Path, name: str) -> dict[str, str]:
    return {path.relative_to(raw).as_posix(): _sha256(path) for path in files_below(raw / name, RAW_LISTS[name])}


def files_below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Files in a folder and all below it, linked folders too, by suffix in any case; hidden ones and editors' leftovers are passed over."""
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        if here.resolve() in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(here.resolve())
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (here / name for name in sorted(names) if name.lower().endswith(suffixes) and not name.startswith((".", "~$")))


def program_lists(root: Path) -> dict[str, str]:
    """For each stage, the hashes of the program files that can change its product.

    Parameters
    ----------
    root : Path
        The repository.

    Returns
    -------
    dict of str to str
        Content of ``program_<stage>.json`` by name.
    """
    program = root / "pipeline"
    shared = {path.relative_to(root).as_posix(): path for path in files_below(program, (".py",))}
    stages = {path.stem: shared.pop(f"pipeline/stages/{path.name}") for path in sorted((program / "stages").glob("[!_]*.py"))}
    web = {path.relative_to(root).as_posix(): path for path in files_below(program / "web", ("",)) if "__pycache__" not in path.parts}
    common = {name: _sha256(path) for name, path in shared.items() if name not in web and name not in NO_PART_OF_A_PRODUCT}
    common |= _libraries(root)
    lists = {}
    for stage, path in stages.items():
        shown = {name: _sha256(file) for name, file in web.items()} if stage in STAGES_THAT_SHOW else {}
        foreign = tuple(part for part, stages_of_part in PARTS_OF_STAGES.items() if stage not in stages_of_part)
        own = {name: sha256 for name, sha256 in common.items() if not name.startswith(foreign)}
        beside = root / CALIBRATION
        if stage in STAGES_THAT_TELL_THE_CALIBRATION and beside.is_file():
            shown[CALIBRATION] = _sha256(beside)
        if stage in STAGES_THAT_TELL_THE_PROGRAM:
            whole = (file for file in files_below(program, ("",)) if "__pycache__" not in file.parts and file != beside)
            shown |= {file.relative_to(root).as_posix(): _sha256(file) for file in whole}
            # It tells of the graph too.
            shown |= {file.name: _sha256(file) for file in [root / "Makefile"] if file.is_file()}
        lists[f"program_{stage}.json"] = _list_text({**own, **shown, path.relative_to(root).as_posix(): _sha256(path)})
    return lists


def _libraries(root: Path) -> dict[str, str]:
    """Hash of the lock; where a wheel was installed without one, of the versions that are installed."""
    if not is_checkout(root) and not (root / LOCK).is_file():
        return {INSTALLED_LIBRARIES: library_hash()}
    return {LOCK: _sha256(root / LOCK)}


def _settings_texts(raw: Path, processed: Path) -> dict[str, str]:
    """Text of each section's file; resolved anew only if something it is made from changed, because pydantic takes long to load."""
    folder = processed / ".settings"
    source = _settings_source(raw)
    with suppress(OSError, ValueError, KeyError, AttributeError):
        known = json.loads((folder / ".source.json").read_text(encoding="utf-8"))
        texts = {f"{name}.json": (folder / f"{name}.json").read_text(encoding="utf-8") for name in known["sections"]}
        if known["source"] == source and known["sections"] == _hashes_of(texts):
            return texts
    from pipeline.config import section_texts

    texts = {f"{name}.json": text for name, text in section_texts(raw / "assessment.toml").items()}
    write_if_changed(folder / ".source.json", json.dumps({"source": source, "sections": _hashes_of(texts)}, sort_keys=True, indent=1) + "\n")
    return texts


def _hashes_of(texts: dict[str, str]) -> dict[str, str]:
    return {name.removesuffix(".json"): hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def _settings_source(raw: Path) -> dict[str, str]:
    readers = (ROOT / "pipeline" / f"{name}.py" for name in ("config", "region_rings", "domain_polygons"))
    paths = [raw / "assessment.toml", *readers, ROOT / "requirements.lock"]
    with suppress(tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError):  # config.py explains what is wrong
        paths.append(raw / tomllib.loads((raw / "assessment.toml").read_text(encoding="utf-8-sig"))["region"]["polygon"])
    found = {path.name: _sha256(path) for path in paths if path.is_file()}
    # Polygons name domains; what they say of other things changes no text of a section.
    return found | {path.relative_to(raw).as_posix(): _sha256(path) for path in files_below(raw / "domains", RAW_LISTS["domains"])}


def remove_unassessed(elements: Iterable[str], processed: Path, maps: Path) -> list[Path]:
    """Remove products of elements that are no longer assessed, and a marker that depths are no longer relative to, and return them.

    Nobody shall read a stale map.

    Parameters
    ----------
    elements : iterable of str
        The elements assessed now.
    processed, maps : Path
        Folders of products.
    """
    kept = {*elements, "density"}
    removed = []
    for folder, pattern in (
        (processed, r"(?:grade|percentiles|probability|next_cores)_(\w+)\.tif"),
        (processed, r"variogram_(\w+)\.json"),
        (maps, r"grade_(\w+)\.html"),
    ):
        for path in sorted(folder.iterdir()):
            found = re.fullmatch(pattern, path.name)
            if found and found.group(1) not in kept:
                path.unlink()
                removed.append(path)
    if "MARKER := horizon" not in (processed / ".settings" / "elements.mk").read_text(encoding="utf-8"):
        surface = processed / "horizon.tif"
        if surface.is_file():
            surface.unlink()
            removed.append(surface)
    return removed


def _links(parent: Path | None, **targets: Path) -> Path:
    """Folder of links in the parent named, else in the first place where one can be made: the repository may be read-only."""
    if parent is not None:
        return link_folder(parent, **targets)
    refused: list[OSError] = []
    for place in _link_parents():
        try:
            place.mkdir(mode=0o777 if place.parent == ROOT else 0o700, parents=True, exist_ok=True)
            folder = link_folder(place, **targets)
        except OSError as error:
            refused.append(error)
            continue
        # In a folder that all may write, somebody else could lead the links elsewhere.
        if place.stat().st_uid in (os.getuid(), ROOT.stat().st_uid) and not (folder.is_absolute() and re.search(r"\s", str(folder))):
            return folder
    why = refused[0].strerror if refused else "it belongs to somebody else"
    first = ROOT / ".cache" if is_checkout(ROOT) else "the folder for temporary files"
    message = f"{first} cannot be written ({why}). Make it writable, or name a folder in TMPDIR."
    raise MachineError(message)


def _link_parents() -> Iterator[Path]:
    if is_checkout(ROOT):
        yield ROOT / ".cache"
    with suppress(FileNotFoundError):  # no folder for temporary files can be written
        yield Path(tempfile.gettempdir()) / f"seabed-ree-{os.getuid()}"


def link_folder(links: Path, **targets: Path) -> Path:
    """Make a folder of links without spaces in their names, because Make breaks on spaces.

    Parameters
    ----------
    links : Path
        Parent of the folder.
    **targets : Path
        What each link leads to.

    Returns
    -------
    Path
        The folder, relative to the repository where it lies below it; its name depends on the targets alone.
    """
    key = hashlib.sha256("\0".join(os.fspath(path) for path in targets.values()).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    folder = (ROOT / links / key).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for name, target in targets.items():
        link = folder / name
        if not (link.is_symlink() and link.readlink() == target):
            link.unlink(missing_ok=True)
            link.symlink_to(target, target_is_directory=True)
    return folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
