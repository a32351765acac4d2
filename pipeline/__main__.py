"""Command line: arguments, exit codes and progress, nothing else.

``python -m pipeline STAGE INPUT... --out OUTPUT`` reads each input into the parameter of the stage whose type claims the file's name.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C while modules load: an end without words, not a traceback. Later, stop_politely says a line.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from pathlib import Path
from types import ModuleType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pipeline.errors import ArtefactError, PipelineError, RowsRefused
from pipeline.machine import ONCE_MORE, MemoryRanOut, clear_foreign_variables, fault_of, open_closed_streams, run_apart, stop_politely, tell, warn
from pipeline.text import printable, printable_message

if TYPE_CHECKING:
    from pipeline.tiles import Workers

STAGES = sorted(path.stem for path in (Path(__file__).parent / "stages").glob("*.py") if path.stem != "__init__")


def main(argv: list[str], *, apart: bool = False) -> int:
    """Run one command and return its exit code: 2 for what a user can cure, a traceback for our own bugs.

    Parameters
    ----------
    argv : list of str
        The arguments.
    apart : bool
        Let a child process do the work of a stage, so that its death is a message.
    """
    open_closed_streams()
    for note in clear_foreign_variables():
        warn(printable(note))
    # Standard library only: a build with nothing to do must not wait for imports.
    if argv[:1] == ["scan"]:
        from pipeline.scan import main as scan

        return scan(argv[1:])
    if argv[:1] == ["doctor"]:
        from pipeline.doctor import main as doctor

        return doctor(argv[1:])
    if argv[:1] == ["make"]:
        from pipeline.make import main as make

        return make(argv[1:])
    made = _made_by(argv)
    try:
        return run_apart(lambda: _guarded(argv, made), made) if apart else _guarded(argv, made)
    except OSError as error:  # no process can be started
        warn(f"error: {fault_of(error, made) or error}")
        return 2


def _made_by(argv: list[str]) -> str:
    """What a command makes, as far as its arguments tell."""
    at = argv.index("--out") + 1 if "--out" in argv else len(argv)
    return Path(argv[at]).name if at < len(argv) else " ".join(argv[:1])


def _guarded(argv: list[str], made: str) -> int:
    stop_politely(made)
    memory = MemoryRanOut(made)
    try:
        return _typer(argv)
    except MemoryError:
        memory.leave()
    except PipelineError as error:
        warn(f"error: {printable_message(error)}")
        return 2
    except Exception as error:
        fault = fault_of(error, made)
        if fault is not None:
            warn(f"error: {printable_message(fault)}")
            return 2
        if _kernels_are_torn(error):
            return ONCE_MORE
        raise


def _kernels_are_torn(error: Exception) -> bool:
    """Whether numba could not load a kernel that it kept, as after a power failure; then all that are kept have been removed."""
    import traceback

    loads = {"_load_index", "_load_data", "_load_overload"}
    frames = traceback.extract_tb(error.__traceback__)
    if not any(frame.name in loads and Path(frame.filename).parts[-3:] == ("numba", "core", "caching.py") for frame in frames):
        return False
    import numba

    config: Any = numba.config
    folder = Path(config.CACHE_DIR)
    for kept in [*folder.rglob("*.nbi"), *folder.rglob("*.nbc")]:
        kept.unlink(missing_ok=True)
    warn(f"note: compiled kernels in {folder} are torn; they are made again")
    return True


def _typer(argv: list[str]) -> int:
    """The commands that people and Make call."""
    from typing import Annotated

    import typer

    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Seabed rare-earth assessment.")
    inputs = Annotated[list[Path], typer.Argument(help="Artefacts, lists of raw files and settings, in any order")]
    output = Annotated[Path, typer.Option("--out", help="File to make; its name says which artefact and which element")]
    raw_folder = Annotated[Path | None, typer.Option("--raw", help="Folder RAW that lists of raw files refer to")]
    keep_all = Annotated[bool, typer.Option("--keep", help="Store every realisation beside the output (stage simulation)")]
    who_works = Annotated[str, typer.Option("--scheduler", help="Who works: in-process, pool, local, tcp://host:8786")]

    def stage_command(name: str) -> None:
        @app.command(name, help=f"Make an artefact of the stage {name}.")
        def command(files: inputs, out: output, raw: raw_folder = None, *, keep: keep_all = False, scheduler: who_works = "") -> None:
            run_stage(name, files, out, raw, keep=keep, scheduler=scheduler)

    for name in STAGES:
        stage_command(name)

    @app.command("reference-survey", help="Write the synthetic reference survey and its truth into RAW.")
    def reference_survey(raw: Annotated[Path, typer.Option("--raw", help="Folder RAW")] = Path("data/raw")) -> None:
        from pipeline.reference_survey import write

        for path in write(raw):
            print(f"wrote {path}")

    @app.command("new-core", help="Write an empty core table with notes, data dictionary and Table Schema into RAW.")
    def new_core(
        name: Annotated[str, typer.Argument(help="Name of the table: letters (also Japanese), digits, _ and -")],
        raw: Annotated[Path, typer.Option("--raw", help="Folder RAW")] = Path("data/raw"),
        elements: Annotated[str, typer.Option("--elements", help="Further elements, as in 'nd tb'")] = "",
    ) -> None:
        from pipeline.new_core import write

        table, notes, dictionary, schema = write(raw, name, elements.split())
        print(printable(f"wrote {table.parent}: {table.name}, {notes.name}, {dictionary.name}, {schema.name}"))
        print(printable(f"next: fill in {table.name} ({dictionary.name} says what each column holds) and source in {notes.name}, then make all"))

    @app.command("new-assessment", help="Write a commented start of another assessment, from nothing or from a table of points.")
    def new_assessment(
        folder: Annotated[Path, typer.Argument(help="Folder to write; it must not be there yet")],
        points: Annotated[str, typer.Option("--from", help="CSV of points: positions and grades, with or without intervals")] = "",
        elements: Annotated[str, typer.Option("--elements", help="Elements to assess, as in 'co ni cu'")] = "",
        kind: Annotated[str, typer.Option("--kind", help="mud, nodules, crust or soil")] = "",
        crs: Annotated[str, typer.Option("--crs", help="Projection of the table's eastings and northings, as in EPSG:28992")] = "",
        unit: Annotated[str, typer.Option("--unit", help="Unit of the grades whose column says none")] = "",
        length_m: Annotated[str, typer.Option("--length-m", help="Length of a surface sample, metres, where the table says none")] = "",
    ) -> None:
        from pipeline.new_assessment import write

        for line in write(folder, Path(points) if points else None, elements.split(), kind, crs, unit, length_m):
            print(printable(line))

    @app.command("fine-grid", help="Estimate the region of a finished build on cells of another size, out of core.")
    def fine_grid(
        cell_m: Annotated[str, typer.Option("--cell-m", help="Side of a cell, metres")],
        processed: Annotated[Path, typer.Option("--processed", help="Folder of products")] = Path("data/processed"),
        raw: Annotated[Path, typer.Option("--raw", help="Folder RAW")] = Path("data/raw"),
        realisations: Annotated[str, typer.Option("--realisations", help="How many are drawn; none: grades alone")] = "",
        scheduler: who_works = "pool",
    ) -> None:
        from pipeline.fine_grid.command import run

        print(printable(run(processed, raw, cell_m, realisations, scheduler)))

    @app.command("make", help="Build an assessment without a checkout: make RAW=… PROCESSED=… MAPS=… (make --help).")
    def make(words: Annotated[list[str], typer.Argument(help="all, NAME=VALUE")]) -> None:
        """Stand here for the list of commands; main() runs it before anything else is loaded."""

    @app.command("export", help="Write the results for other programs: GeoTIFF, NetCDF, GeoPackage, GeoParquet, OMF, VTK, STAC, tables, one archive.")
    def export(
        raw: Annotated[Path, typer.Option("--raw", help="Folder RAW")] = Path("data/raw"),
        processed: Annotated[Path, typer.Option("--processed", help="Folder of products")] = Path("data/processed"),
        maps: Annotated[Path, typer.Option("--maps", help="Folder of pages")] = Path("maps"),
        out: Annotated[Path | None, typer.Option("--out", help="Folder of exports (PROCESSED/export where it is not given)")] = None,
        inputs: Annotated[
            str, typer.Option("--inputs", help="Inputs in the archive for a reviewer: none, licensed (those whose note names an open licence), all")
        ] = "licensed",
    ) -> None:
        from pipeline.export.folder import export as write

        write(raw, processed, maps, out or processed / "export", inputs, say=lambda line: tell(printable(line), "export"))

    @app.command("explain", help="Say where a number comes from: value, formula, inputs with rows, settings, code, and the chain between.")
    def explain(
        name: Annotated[
            str, typer.Argument(help="Name of the number, as in tonnage/dy/supported/0/mean/metal_t; its beginning lists what is below")
        ] = "",
        processed: Annotated[Path, typer.Option("--processed", help="Folder of products")] = Path("data/processed"),
        maps: Annotated[Path, typer.Option("--maps", help="Folder of pages")] = Path("maps"),
        *,
        as_json: Annotated[bool, typer.Option("--json", help="For machines")] = False,
    ) -> None:
        from pipeline.explain import told

        print(told(name, processed, maps, as_json=as_json))

    # It ends by itself: with 2 and one message where the line was mistyped.
    app(argv, prog_name="python -m pipeline")
    return 0


def run_stage(name: str, files: list[Path], out: Path, raw: Path | None, *, keep: bool = False, scheduler: str = "") -> None:
    """Read the inputs of a stage, run it, write its artefact, and print what it says and how long it took."""
    import importlib
    from time import perf_counter

    from threadpoolctl import threadpool_limits

    from pipeline.tiles import TILES, workers_of

    started = perf_counter()
    module = importlib.import_module(f"pipeline.stages.{name}")
    # A Cholesky solve differs in its last bits with the number of BLAS threads: one thread, the same bytes everywhere.
    with threadpool_limits(limits=1, user_api="blas"), workers_of(scheduler, out.parent.resolve() / TILES / out.name) as workers:
        try:
            artefact = module.run(**_arguments(module, files, out, raw, workers, keep=keep))
        except RowsRefused as error:
            _write_refused(error, out.parent)
            raise
        artefact.write(out)
        workers.forget()
    said = [f"  note: {printable(warning)}" for warning in getattr(artefact, "warnings", ())]
    tell("\n".join([*said, f"{name:<17} {out.name:<22} {perf_counter() - started:5.1f} s"]), f"{out.name} is made")


def _arguments(module: ModuleType, files: list[Path], out: Path, raw: Path | None, workers: "Workers", *, keep: bool) -> dict[str, Any]:
    """Each file goes to the parameter whose type claims its name; several of one type are a list, sorted by name."""
    from typing import get_type_hints

    from pipeline.artefacts import REALISATIONS, Calibration, History, Keep, Subject
    from pipeline.config import Section, read_section
    from pipeline.tiles import Workers

    arguments: dict[str, Any] = {}
    claimed: set[Path] = set()
    for parameter, hint in get_type_hints(module.run).items():
        if parameter == "return":
            continue
        optional = get_origin(hint) is UnionType
        several = get_origin(hint) is list
        kind = get_args(hint)[0] if several or optional else hint
        if kind is Subject:
            arguments[parameter] = Subject(out.stem.partition("_")[2])
            continue
        if kind is Keep:
            arguments[parameter] = Keep(out.with_name(REALISATIONS) if keep else None)
            continue
        if kind is Workers:
            arguments[parameter] = workers
            continue
        if kind is Calibration:
            arguments[parameter] = Calibration.shipped()
            continue
        if kind is History:
            arguments[parameter] = History.beside(out)
            continue
        if issubclass(kind, Section):
            mine = [path for path in files if path.parent.name == ".settings" and (kind is Section or path.stem == kind.section)]
            values = [read_section(path) for path in sorted(mine)]
        else:
            mine = [path for path in files if kind.matches(path)]
            values = [kind.read(path, raw) for path in sorted(mine)]
        claimed.update(mine)
        if not values and optional:
            arguments[parameter] = None
            continue
        if not values or (len(values) > 1 and not several):
            msg = f"stage {module.__name__.rpartition('.')[2]} needs {'one' if values else 'a'} {kind.__name__} for {parameter}, got {len(values)}"
            raise ArtefactError(msg)
        arguments[parameter] = values if several else values[0]
    unclaimed = sorted(set(files) - claimed)
    if keep and not any(isinstance(value, Keep) for value in arguments.values()):
        msg = f"stage {module.__name__.rpartition('.')[2]} makes no realisations: leave out --keep"
        raise ArtefactError(msg)
    if not workers.are_here and workers not in arguments.values():
        msg = f"stage {module.__name__.rpartition('.')[2]} works alone: leave out --scheduler"
        raise ArtefactError(msg)
    if unclaimed:
        msg = f"stage {module.__name__.rpartition('.')[2]} has no use for {', '.join(path.name for path in unclaimed)}"
        raise ArtefactError(msg)
    return arguments


def _write_refused(error: RowsRefused, processed: Path) -> None:
    import pandas as pd

    from pipeline.artefacts import REJECTED_COLUMNS, write_rejected

    write_rejected(pd.DataFrame(error.refused, columns=list(REJECTED_COLUMNS)), processed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], apart=True))
