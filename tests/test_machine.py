"""What the machine does to a build becomes one line that says where, what and how to cure it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.machine import clear_foreign_variables, fault_of

ROOT = Path(__file__).parents[1]


class CPLE_AppDefinedError(Exception):  # noqa: N801 - as rasterio names it
    __module__ = "rasterio._err"


class ArrayMemoryError(MemoryError):
    """As numpy names it."""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.tif"), "a.tif: the disk is full. Free some room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a.tif"), "a.tif: your share of the disk is used up"),
        (OSError(errno.EROFS, "Read-only file system", "a.tif"), "a.tif: it lies on a read-only disk. Make it writable"),
        (PermissionError(errno.EACCES, "Permission denied", b"a.tif"), "a.tif: permission is denied"),
        (OSError(errno.EMFILE, "Too many open files", "x.so"), "x.so: too many files are open. Lift the limit"),
        (OSError(errno.EIO, "Input/output error"), "grade_dy.tif: the disk cannot be read or written"),
        (MemoryError(), "grade_dy.tif: no memory is left. Close other programs"),
        (ArrayMemoryError("Unable to allocate 3.2 GiB"), "no memory is left"),
        (ImportError("libx.so: failed to map segment from shared object"), "no memory is left"),
        (RuntimeError("can't start new thread"), "no further process or thread can be started"),
        # h5py loses the number when it closes a file.
        (RuntimeError("Can't decrement id ref count (file write failed: errno = 28, error message = 'No space left on device')"), "the disk is full"),
        (CPLE_AppDefinedError("_tiffWriteProc: No space left on device."), "the disk is full"),
    ],
)
def test_a_fault_of_the_machine_is_one_line(error, says):
    message = str(fault_of(error, "grade_dy.tif"))
    assert says in message
    assert message.endswith(", then type make all again; every finished file is whole.")
    assert "\n" not in message


def test_a_fault_of_the_machine_is_found_below_what_a_library_made_of_it():
    with pytest.raises(ValueError, match="cannot write") as caught:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "a.nc")
        except OSError:
            raise ValueError("cannot write") from None  # hides it from the traceback, not from us
    assert "a.nc: the disk is full" in str(fault_of(caught.value, "x"))


@pytest.mark.parametrize(
    "error", [KeyError("dy"), ValueError("a note says: No space left on device"), FileNotFoundError(errno.ENOENT, "No such file", "a")]
)
def test_a_bug_of_ours_is_no_fault_of_the_machine(error):
    assert fault_of(error, "grade_dy.tif") is None


def test_only_variables_of_other_installations_are_cleared():
    surroundings = {"PROJ_LIB": "/a", "GDAL_DATA": "/b", "PATH": "/usr/bin"}
    assert [note.split("=")[0] for note in clear_foreign_variables(surroundings)] == ["note: PROJ_LIB", "note: GDAL_DATA"]
    assert surroundings == {"PATH": "/usr/bin"}


def run(program, **options):
    line = [sys.executable, "-c", program]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, **options)


@pytest.mark.parametrize("ended", ["SIGKILL", "SIGABRT", "SIGSEGV"])
def test_the_death_of_a_stage_is_one_line(ended):
    program = f"""
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from pipeline.machine import run_apart
sys.exit(run_apart(lambda: os.kill(os.getpid(), signal.{ended}), "totals.parquet"))
"""
    done = run(program)
    assert done.returncode == 128 + getattr(signal, ended)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(
        f"error: totals.parquet: the program was ended by {ended}, most often because no memory is left. Close other programs"
    )


def test_a_library_that_ends_the_program_is_one_line():
    """OpenBLAS calls exit(1) when it gets no memory; Python never learns of it."""
    done = run('import os, sys\nfrom pipeline.machine import run_apart\nsys.exit(run_apart(lambda: os._exit(1), "totals.parquet"))')
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: totals.parquet: a library gave up, most often because no memory is left.")


@pytest.mark.parametrize(("work", "code"), [("lambda: 0", 0), ("lambda: 2", 2), ("lambda: sys.exit(3)", 3)])
def test_a_stage_that_ends_by_itself_is_left_to_say_why(work, code):
    done = run(f'import sys\nfrom pipeline.machine import run_apart\nsys.exit(run_apart({work}, "totals.parquet"))')
    assert (done.returncode, done.stderr) == (code, "")


def test_memory_that_ran_out_is_one_line():
    program = """
from pipeline.machine import MemoryRanOut
memory = MemoryRanOut("totals.parquet")
try:
    raise MemoryError
except MemoryError:
    memory.leave()
"""
    done = run(program)
    assert done.returncode == 2
    assert done.stderr.startswith("error: totals.parquet: no memory is left. Close other programs")
    assert done.stderr.count("\n") == 1


def test_a_stage_that_asks_for_it_runs_once_more_and_no_oftener(tmp_path):
    program = """
import sys
from pathlib import Path
from pipeline.machine import ONCE_MORE, run_apart
def work():
    with open(sys.argv[1], "a") as file:
        file.write("x")
    return ONCE_MORE
run_apart(work, "x")
"""
    subprocess.run([sys.executable, "-c", program, tmp_path / "tries"], cwd=ROOT, check=True, timeout=60)
    assert (tmp_path / "tries").read_text() == "xx"


def test_a_stage_that_is_stopped_before_it_listens_says_so_too():
    program = (
        "import os, signal, sys\nfrom pipeline.machine import run_apart\nsys.exit(run_apart(lambda: os.kill(os.getpid(), signal.SIGTERM), 'x.tif'))"
    )
    done = run(program)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "stopped: x.tif; every finished file is whole; type make all to go on\n")


def test_a_stage_that_is_stopped_when_it_has_ended_needs_no_word():
    """The signal comes while the end of the child is being counted."""
    program = """
import os, signal, sys
from pipeline import machine
def counted(child, _options, waitpid=os.waitpid):
    ended = waitpid(child, 0)
    os.kill(os.getpid(), signal.SIGTERM)
    return ended
os.waitpid = counted
sys.exit(machine.run_apart(lambda: 0, "x.tif"))
"""
    done = run(program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("number", "to_group"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_a_stage_that_is_stopped_cleans_up_and_says_so(tmp_path, number, to_group):
    program = f"""
import sys, time
from pathlib import Path
from pipeline.files import atomic_path
from pipeline.machine import run_apart, stop_politely
def work():
    stop_politely("grade_dy.tif")
    with atomic_path(Path({str(tmp_path / "grade_dy.tif")!r})) as path:
        path.write_text("half")
        print("writing", flush=True)
        time.sleep(60)
sys.exit(run_apart(work, "grade_dy.tif"))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as stage:
        assert stage.stdout is not None
        stage.stdout.readline()
        (os.killpg if to_group else os.kill)(stage.pid, number)
        _, said = stage.communicate(timeout=30)
    assert stage.returncode == 128 + number
    assert said == "stopped: grade_dy.tif; every finished file is whole; type make all to go on\n"
    assert list(tmp_path.iterdir()) == []


def test_what_is_printed_never_lands_in_a_product(tmp_path):
    """With standard output closed, the next file that is opened takes its number."""
    program = f"""
import os, sys
from pipeline.machine import open_closed_streams
open_closed_streams()
with open({str(tmp_path / "grade.tif")!r}, "wb") as product:
    print("a line")
    os.write(1, b"a line of a C library")
    product.write(b"whole")
"""
    subprocess.run(["bash", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, program], cwd=ROOT, check=True, timeout=60)
    assert (tmp_path / "grade.tif").read_bytes() == b"whole"


def test_an_output_that_cannot_be_written_is_one_line():
    program = """
from pipeline.errors import MachineError
from pipeline.machine import tell, warn
try:
    tell("x", "grade_dy.tif is made")
except MachineError as error:
    warn(f"error: {error}")
    raise SystemExit(2)
"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: grade_dy.tif is made, but nothing more can be printed (No space left on device).")


@pytest.mark.parametrize("name", ["PROJ_DATA", "GDAL_DATA"])
def test_a_stage_run_by_hand_notes_a_foreign_variable_once(name):
    line = [sys.executable, "-m", "pipeline", "samples", "--out", "x"]
    done = subprocess.run(line, cwd=ROOT, env={**os.environ, name: "/opt/other"}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == f"note: {name}=/opt/other is ignored: the program uses the data of its own libraries"
    assert done.stderr.count("note: ") == 1


def test_torn_kernels_are_made_again(tmp_path):
    """As after a power failure: the files that numba kept are cut short."""
    program = """
import sys
from pathlib import Path
import pipeline.__main__ as command
def work():
    try:
        from pipeline.geostatistics import compiled
        import numba
        Path(sys.argv[1], "kernel.py").write_text("import numba\\n@numba.njit(cache=True)\\ndef twice(x):\\n    return 2 * x\\n")
        sys.path.insert(0, sys.argv[1])
        import kernel
        print(kernel.twice(21))
        return 0
    except Exception as error:
        return command.ONCE_MORE if command._kernels_are_torn(error) else 1
sys.exit(command.run_apart(work, "x"))
"""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    line = [sys.executable, "-c", program, str(tmp_path)]
    for torn in (False, True):
        for path in (tmp_path / "kernels").rglob("*.nb[ic]"):
            os.truncate(path, path.stat().st_size // 2)
        if not torn:
            (tmp_path / "kernels").mkdir()
        done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
        assert done.stderr.count("are torn; they are made again") == int(torn)


@pytest.mark.parametrize(("leaves", "code"), [("return 0", 0), ("return 2", 2), ("sys.exit(130)", 130), ("sys.exit()", 0)])
def test_a_library_that_aborts_on_the_way_out_undoes_no_work(leaves, code):
    """Once a stage was ended by SIGABRT ("terminate called without an active exception"), and the message blamed the memory."""
    program = f"""
import atexit, os, sys
from pipeline.machine import run_apart
def work():
    atexit.register(os.abort)
    print("made")
    {leaves}
sys.exit(run_apart(work, "composites.parquet"))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "made\n", "")
