"""Command line: arguments, exit codes and progress, nothing else.

``python -m pipeline STAGE INPUT... --out OUTPUT`` reads each input into the parameter of the stage whose type claims the file's name.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C while modules load: an end without words, not a traceback. Later, stop_politely says a line.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin

from pipeline.errors import ArtefactError, PipelineError, RowsRefused
from pipeline.machine import ONCE_MORE, MemoryRanOut, clear_foreign_variables, fault_of, open_closed_streams, run_apart, stop_politely, tell, warn
from pipeline.text import printable, printable_message

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

    def stage_command(name: str) -> None:
        @app.command(name, help=f"Make an artefact of the stage {name}.")
        def command(files: inputs, out: output, raw: raw_folder = None, *, keep: keep_all = False) -> None:
            run_stage(name, files, out, raw, keep=keep)

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


def run_stage(name: str, files: list[Path], out: Path, raw: Path | None, *, keep: bool = False) -> None:
    """Read the inputs of a stage, run it, write its artefact, and print what it says and how long it took."""
    import importlib
    from time import perf_counter

    from threadpoolctl import threadpool_limits

    started = perf_counter()
    module = importlib.import_module(f"pipeline.stages.{name}")
    # A Cholesky solve differs in its last bits with the number of BLAS threads: one thread, the same bytes everywhere.
    with threadpool_limits(limits=1, user_api="blas"):
        try:
            artefact = module.run(**_arguments(module, files, out, raw, keep=keep))
        except RowsRefused as error:
            _write_refused(error, out.parent)
            raise
        artefact.write(out)
    said = [f"  note: {printable(warning)}" for warning in getattr(artefact, "warnings", ())]
    tell("\n".join([*said, f"{name:<17} {out.name:<22} {perf_counter() - started:5.1f} s"]), f"{out.name} is made")


def _arguments(module: ModuleType, files: list[Path], out: Path, raw: Path | None, *, keep: bool) -> dict[str, Any]:
    """Each file goes to the parameter whose type claims its name; several of one type are a list, sorted by name."""
    from typing import get_type_hints

    from pipeline.artefacts import REALISATIONS, Calibration, History, Keep, Subject
    from pipeline.config import Section, read_section

    arguments: dict[str, Any] = {}
    claimed: set[Path] = set()
    for parameter, hint in get_type_hints(module.run).items():
        if parameter == "return":
            continue
        several = get_origin(hint) is list
        kind = get_args(hint)[0] if several else hint
        if kind is Subject:
            arguments[parameter] = Subject(out.stem.partition("_")[2])
            continue
        if kind is Keep:
            arguments[parameter] = Keep(out.with_name(REALISATIONS) if keep else None)
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
        if not values or (len(values) > 1 and not several):
            msg = f"stage {module.__name__.rpartition('.')[2]} needs {'one' if values else 'a'} {kind.__name__} for {parameter}, got {len(values)}"
            raise ArtefactError(msg)
        arguments[parameter] = values if several else values[0]
    unclaimed = sorted(set(files) - claimed)
    if keep and not any(isinstance(value, Keep) for value in arguments.values()):
        msg = f"stage {module.__name__.rpartition('.')[2]} makes no realisations: leave out --keep"
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
