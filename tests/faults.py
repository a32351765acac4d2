"""Kill, starve and crowd the build of a tiny assessment, and count what breaks: ``make faults``.

Every file under its final name must hold the bytes of the old or the new product at any moment, every failure of the machine must be one line, and
the next plain ``make all`` must give the bytes of a build that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from pipeline.files import TEMPORARY_PREFIX, sha256_of  # noqa: E402 - found only from here on

Sums = dict[str, str]

REALISATIONS = "processed/realisations.zarr/"
FROM_HISTORY = ("processed/.history/history.json", "processed/delta.json", "maps/changes.html")
PAGE = 4096
"""Bytes that a small disk gives out at a time."""
NOT_OURS = ("make", "/bin/sh", "sh:", "  note: ", "note: ", "waiting: ", "OpenBLAS ")
"""How lines on stderr begin that are not the message: Make's own, what is said in a sound build too, and what OpenBLAS cannot be kept from saying."""


@dataclass(frozen=True)
class Ended:
    """What a build came to."""

    code: int
    out: str
    err: str

    def messages(self) -> list[str]:
        """Lines for the user, without Make's own."""
        return [line for line in self.err.splitlines() if line.strip() and not line.startswith(NOT_OURS)]


@dataclass
class Bench:
    """A tiny assessment in two states, what an undisturbed build makes of each, and the tally.

    Parameters
    ----------
    program : Path
        The repository whose Makefile is run.
    folder : Path
        Scratch; RAW, PROCESSED and MAPS lie in it.
    """

    program: Path
    folder: Path
    expected: dict[str, Sums] = field(default_factory=dict)
    seconds: float = 0.0
    updates: bool = False
    violations: list[str] = field(default_factory=list)
    rows: list[tuple[str, int, int, str]] = field(default_factory=list)

    @property
    def raw(self) -> Path:
        """The inputs."""
        return self.folder / "raw"

    @property
    def work(self) -> Path:
        """Folder of PROCESSED and MAPS."""
        return self.folder / "work"

    def prepare(self) -> None:
        """Build both states undisturbed; the second, with its kernels compiled, is timed."""
        write_tinier(self.raw)
        for state in ("old", "new"):
            self.put(state)
            shutil.rmtree(self.work, ignore_errors=True)
            begin = time.monotonic()
            self.require_sound(self.build("KEEP=1"))
            self.seconds = time.monotonic() - begin
            self.expected[state] = sums(self.work)
            if state == "old":
                shutil.copytree(self.work, self.folder / "old", symlinks=True)

    def put(self, state: str) -> None:
        """Give RAW the cores of a state."""
        shutil.copy2(self.folder / f"raw/{state}.text", self.raw / "cores" / "reference_survey.csv")

    def restore(self, start: str) -> None:
        """Begin from nothing (``first``) or from the products of the old cores (``update``); RAW holds the new ones."""
        self.put("new")
        self.updates = start == "update"
        empty(self.work)
        if start == "update":
            shutil.copytree(self.folder / "old", self.work, symlinks=True, dirs_exist_ok=True)

    def command(self, *arguments: str, work: Path | None = None) -> list[str]:
        """The line that a person types."""
        place = work or self.work
        return ["make", "all", f"RAW={self.raw}", f"PROCESSED={place / 'processed'}", f"MAPS={place / 'maps'}", *arguments]

    def build(self, *arguments: str, work: Path | None = None, limit: str = "", **changed: str | None) -> Ended:
        """Run a build to its end, in surroundings that are changed (``None``: without that variable)."""
        done = subprocess.run(
            [*below(limit), *self.command(*arguments, work=work)], cwd=self.program, env=surroundings(**changed), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a build in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments), cwd=self.program, env=surroundings(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip

    # ---------------------------------------------------------------- what must hold

    def torn(self, what: str) -> int:
        """Count files under their final names that are neither the old nor the new product."""
        found, old, new = sums(self.work), self.expected["old"], self.expected["new"]
        bad = [name for name, digest in found.items() if digest not in (old.get(name), new.get(name))]
        bad += [name for name in FROM_HISTORY if not is_whole(self.work / name)]
        stored = {name for name in found if name.startswith(REALISATIONS)}
        if stored and stored != {name for name in new if name.startswith(REALISATIONS)}:
            bad.append(REALISATIONS)
        self.violations += [f"{what}: {name} is torn" for name in bad]
        return len(bad)

    def heals(self, what: str, *arguments: str) -> None:
        """The next plain build ends well, leaves no temporary file, and gives the bytes of an undisturbed one."""
        ended = self.build(*arguments)
        if ended.code:
            self.violations.append(f"{what}: the next build fails: {ended.err.strip()[-800:]}")
            return
        self.same(what, sums(self.work), keep="KEEP=1" in arguments)
        self.remembers(what)
        left = [path.name for path in self.work.rglob(f"{TEMPORARY_PREFIX}*")]
        self.violations += [f"{what}: {name} is left behind" for name in left]

    def remembers(self, what: str) -> None:
        """However often it was killed, a build compares with the one whose products it found."""
        told = json.loads((self.work / "processed/delta.json").read_bytes())
        added = [core["core_id"] for core in told["changed"]["cores"]["added"]] if told["state"] == "compared" else []
        if (told["state"], len(added)) != (("compared", 1) if self.updates else ("first build", 0)):
            self.violations.append(f"{what}: delta.json says {told['state']!r} and {added} added")

    def same(self, what: str, found: Sums, *, keep: bool = False) -> None:
        """Hold files against those of an undisturbed build of the new cores."""
        expected = {name: digest for name, digest in self.expected["new"].items() if keep or not name.startswith(REALISATIONS)}
        differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        if differing:
            self.violations.append(f"{what}: differs from an undisturbed build in {', '.join(differing[:5])} ({len(differing)} files)")

    def refused(self, what: str, ended: Ended, *words: str) -> None:
        """A failure is one line of each stage that met it (two run at a time), names the cause, and shows no traceback."""
        said = ended.messages()
        if ended.code == 0:
            self.violations.append(f"{what}: the build ends as if nothing had happened")
        elif not 1 <= len(said) <= 2 or "Traceback" in ended.err or not all(line.startswith(("error: ", "stopped: ")) for line in said):
            self.violations.append(f"{what}: exit {ended.code}, not one clear line but: {ended.err.strip()[-800:]}")
        elif words and not all(any(word in line for word in words) for line in said):
            self.violations.append(f"{what}: the cause is not named: {said}")

    def require_sound(self, ended: Ended) -> None:
        """Stop everything if even an undisturbed build fails."""
        if ended.code:
            raise SystemExit(f"faults: the undisturbed build fails: {ended.out}{ended.err}")

    def say(self, kind: str, tries: int, torn: int, note: str = "") -> None:
        """One line of the table."""
        self.rows.append((kind, tries, torn, note))
        print(f"{kind:<48}{tries:>6}{torn:>6}  {note}", flush=True)


def write_tinier(folder: Path) -> None:
    """The tiny assessment with one element, 2 layers and 10 realisations, and two versions of its cores."""
    from assess import with_settings
    from conftest import write_tiny

    folder.mkdir(parents=True)
    write_tiny(folder)
    settings = (folder / "assessment.toml").read_text(encoding="utf-8")
    changes = {"realisations": "10", "checks": "false", "layer_m": "5.0", "assessed": '["dy"]', "folds": "4"}
    (folder / "assessment.toml").write_text(with_settings(settings, **changes), encoding="utf-8")
    text = (folder / "cores" / "reference_survey.csv").read_text(encoding="utf-8")
    last = text.splitlines()[-1].split(",")[0]
    (folder / "new.text").write_text(text, encoding="utf-8")
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith(last + ",")]
    (folder / "old.text").write_text("".join(kept), encoding="utf-8")


def sums(work: Path) -> Sums:
    """Hash of every file under its final name but those that depend on earlier builds; a file may go while others are read."""
    found = {}
    for place, folders, names in os.walk(work):
        folders[:] = [name for name in folders if not name.startswith(TEMPORARY_PREFIX)]
        for name in names:
            path = Path(place, name)
            if not name.startswith((TEMPORARY_PREFIX, "ballast")) and path.relative_to(work).as_posix() not in FROM_HISTORY:
                with suppress(FileNotFoundError):
                    found[path.relative_to(work).as_posix()] = sha256_of(path)
    return found


def is_whole(path: Path) -> bool:
    """Whether a file that depends on earlier builds is not there, or ends as it should."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return True
    if path.suffix == ".html":
        return content.rstrip().endswith(b"</html>")
    with suppress(ValueError):
        return isinstance(json.loads(content), dict)
    return False


def empty(folder: Path) -> None:
    """Remove what a folder holds; the folder itself may be a mount."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def surroundings(**changed: str | None) -> dict[str, str]:
    """Environment of a build: ours without what a Make above left, and with changes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LINKS"))}
    return {name: value for name, value in {**kept, **changed}.items() if value is not None}


def below(limit: str) -> list[str]:
    """What goes before a command so that it runs below a limit of the shell (``-n 12``)."""
    return ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh"] if limit else []


# -------------------------------------------------------------------- kills


@dataclass(frozen=True)
class Manner:
    """How builds are killed: from which start, with which flags, and which processes are hit."""

    name: str
    start: str
    victim: str
    flags: tuple[str, ...] = ()


MANNERS = (
    Manner("first build, all processes", "first", "group"),
    Manner("update, all processes", "update", "group"),
    Manner("first build, make alone", "first", "make"),
    Manner("update, one stage", "update", "stage"),
    Manner("single worker (-j1), all processes", "update", "group", ("-j1",)),
    Manner("realisations kept, all processes", "update", "group", ("KEEP=1",)),
    Manner("single worker (-j1), one stage", "first", "stage", ("-j1", "KEEP=1")),
)


def kill_rounds(bench: Bench, kills: int, seed: int) -> None:
    """Kill builds at random times, several in a row, each beginning where the last was killed; then let one end."""
    chance = random.Random(seed)
    tally = {manner: [0, 0, 0] for manner in MANNERS}
    done = 0
    while done < kills:
        manner = min(MANNERS, key=lambda each: tally[each][0])
        bench.restore(manner.start)
        for _ in range(min(chance.randint(4, 12), kills - done)):
            what = f"kill {done + 1} ({manner.name}, seed {seed})"
            # What is finished stays: kills so near to each other walk through the whole build.
            if killed_after(bench, manner, chance.uniform(0.05, bench.seconds / 8), chance):
                done += 1
                tally[manner][0] += 1
                tally[manner][1] += bench.torn(what)
        bench.heals(what, *manner.flags)
        tally[manner][2] += 1
        print(f"  … {done} kills, {sum(torn for _, torn, _ in tally.values())} torn files", file=sys.stderr, flush=True)
    for manner, (count, torn, healed) in tally.items():
        if count:
            bench.say(f"SIGKILL: {manner.name}", count, torn, f"{healed} times healed by the next build")


def killed_after(bench: Bench, manner: Manner, seconds: float, chance: random.Random) -> bool:
    """Start a build and kill it after some seconds; False if it ended before that."""
    build = bench.start(*manner.flags)
    try:
        with suppress(subprocess.TimeoutExpired):
            build.wait(seconds)
            return False
        group = processes_of(build.pid)
        stages = [pid for pid, line in group if b"pipeline\0" in line and b"\0scan\0" not in line]
        if manner.victim == "stage" and stages:
            os.kill(chance.choice(stages), signal.SIGKILL)
            build.wait(300)  # Make says what died, and ends
        elif manner.victim == "make":
            for pid in [pid for pid, line in group if line.startswith(b"make\0")]:
                os.kill(pid, signal.SIGKILL)
            build.wait(300)  # its stages run on, and hold the lock
        else:
            os.killpg(build.pid, signal.SIGKILL)
        return True
    finally:
        build.wait(300)


def processes_of(group: int) -> list[tuple[int, bytes]]:
    """Number and command line of the processes of a group; on systems without /proc none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ProcessLookupError):
            if os.getpgid(int(entry.name)) == group:
                found.append((int(entry.name), (entry / "cmdline").read_bytes()))
    return found


# -------------------------------------------------------------------- a full disk, a read-only disk


@contextmanager
def small_disk(bench: Bench, size: int) -> Iterator[bool]:
    """Let PROCESSED and MAPS lie on a disk of their own; gives False where nobody may mount one."""
    empty(bench.work)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", bench.work], capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", bench.work], check=True)


def full_disk(bench: Bench, *, short: bool) -> None:
    """Leave room for a share of the output only: one line, no torn file, old products as they were; with room again it heals."""
    plain = [path for path in (bench.folder / "old").rglob("*") if path.is_file() and "realisations.zarr" not in path.parts]
    size = sum(math.ceil(path.stat().st_size / PAGE) * PAGE for path in plain)
    with small_disk(bench, 4 * size) as mounted:
        if not mounted:
            without_mounts(bench, "a full disk and a read-only disk")
            return
        tries = {"first": (0.6,)} if short else {"first": (0.0, 0.3, 0.6, 0.9), "update": (0.0, 0.3)}
        for start, shares in tries.items():
            torn = 0
            for share in shares:
                what = f"disk full at {share:.0%} ({start})"
                bench.restore(start)
                with ballast(bench.work, leaving=int(share * size)):
                    ended = bench.build()
                    # An update gives back the room of each product that it replaces, and may fit.
                    if share == 0 or start == "first" or ended.code:
                        bench.refused(what, ended, "disk is full")
                    torn += bench.torn(what)
                if not short:
                    bench.heals(what)
            bench.say(f"disk full at {', '.join(f'{share:.0%}' for share in shares)}: {start}", len(shares), torn)
        if not short:
            bench.restore("update")
        before = sums(bench.work)
        subprocess.run(["mount", "-o", "remount,ro", bench.work], check=True)
        bench.refused("read-only disk", bench.build(), "read-only")
        torn = int(sums(bench.work) != before)
        subprocess.run(["mount", "-o", "remount,rw", bench.work], check=True)
        bench.heals("read-only disk")
        bench.say("read-only disk", 1, torn)


def without_mounts(bench: Bench, what: str) -> None:
    """Say loudly that something is not shown here; where everything must be shown and root may mount, that is a failure."""
    print(f"NOT SHOWN HERE: {what}: it needs the right to mount (run as root)", flush=True)
    bench.rows.append((f"NOT SHOWN: {what}", 0, 0, ""))


@contextmanager
def ballast(folder: Path, leaving: int) -> Iterator[None]:
    """Fill a disk but for so many bytes."""
    path = folder / "ballast"
    free = os.statvfs(folder)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_frsize - leaving, 4096))
    try:
        yield
    finally:
        path.unlink()


# -------------------------------------------------------------------- limits


def limits(bench: Bench, *, short: bool) -> None:
    """Too few files, too little memory, too small files: a build either ends well or says in one line what stopped it."""
    tries: list[tuple[str, tuple[int, ...], tuple[str, ...]]] = [
        ("file handles: ulimit -n", (12,) if short else (8, 12, 24), ("too many files", "Too many open files")),
        ("file size, in blocks of 512: ulimit -f", (40,) if short else (0, 40), ("larger than",)),
    ]
    if sys.platform == "linux":
        tries.append(("memory, in KiB: ulimit -v", (400_000,) if short else (150_000, 400_000, 800_000), ("no memory", "can be started")))
    bench.restore("update")
    for name, values, words in tries:
        torn, failed = 0, 0
        for value in values:
            what = f"{name} {value}"
            if not short:
                bench.restore("update")
            ended = bench.build(limit=f"{name[-2:]} {value}")
            if ended.code:
                failed += 1
                bench.refused(what, ended, *words)
            torn += bench.torn(what)
            if not short:
                bench.heals(what)
        if not failed:
            bench.violations.append(f"{name}: no limit was low enough to show anything")
        bench.say(name, len(values), torn, f"{failed} of them too low for a build")
    bench.heals("limits lifted")


# -------------------------------------------------------------------- stopped politely, and nobody listening


def stopped(bench: Bench, *, short: bool) -> None:
    """SIGTERM to make alone, Ctrl-C to the whole group."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs us in the background has builds ignore it
    for number in (signal.SIGTERM,) if short else (signal.SIGTERM, signal.SIGINT):
        what = f"stopped by {number.name}"
        bench.restore("update")
        build = subprocess.Popen(
            bench.command(), cwd=bench.program, env=surroundings(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        # In the middle, however fast the machine is now: stages follow upon composites one after the other.
        composites, before = bench.work / "processed" / "composites.parquet", bench.expected["old"]["processed/composites.parquet"]
        while build.poll() is None and sha256_of(composites) == before:
            time.sleep(0.05)
        time.sleep(0.3)
        (os.killpg if number == signal.SIGINT else os.kill)(build.pid, number)
        _, err = build.communicate(timeout=300)
        ended = Ended(build.returncode, "", err)
        # While Python itself starts, no word of ours can be said: Make's stands alone, or after a traceback that shows no file of the program.
        early = re.search(r"Terminated|Interrupt", err) and "error: " not in err and "/pipeline/" not in err
        if ended.code == 0 or not early:
            bench.refused(what, ended, "stopped: ")
        torn = bench.torn(what)
        left = [path.name for path in bench.work.rglob(f"{TEMPORARY_PREFIX}*")]
        bench.violations += [f"{what}: {name} is left behind" for name in left]
        bench.heals(what)
        bench.say(what, 1, torn)


def nobody_listens(bench: Bench, *, short: bool) -> None:
    """``make all | head -1`` stops with a line; ``make all >&-`` builds; a full output device stops with a line."""
    tries = [("output read by head -1", "| head -1", True), ("output closed", ">&-", False), ("output to a full device", ">/dev/full", True)]
    bench.restore("update")
    for what, end, fails in tries[:2] if short else tries:
        if not short:
            bench.restore("update")
        line = " ".join(f"'{word}'" for word in bench.command())
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{line} {end}"], cwd=bench.program, env=surroundings(), capture_output=True, text=True,
            timeout=900, check=False,
        )  # fmt: skip
        ended = Ended(done.returncode, done.stdout, done.stderr)
        if fails:
            bench.refused(what, ended, "nothing more can be printed")
        elif ended.code or ended.messages():
            bench.violations.append(f"{what}: exit {ended.code}: {ended.err}")
        torn = bench.torn(what)
        bench.heals(what)
        bench.say(what, 1, torn)


# -------------------------------------------------------------------- several at once, and other surroundings


def at_once(bench: Bench, counts: tuple[int, ...]) -> None:
    """Several builds of one assessment, started together: each ends well, and the products are those of one."""
    for count in counts:
        what = f"{count} builds at once"
        bench.restore("update")
        builds = [
            subprocess.Popen(
                bench.command(), cwd=bench.program, env=surroundings(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]  # fmt: skip
        ended = [Ended(0, *build.communicate(timeout=900)) for build in builds]
        bench.violations += [
            f"{what}: one exits with {build.returncode}: {end.err}" for build, end in zip(builds, ended, strict=True) if build.returncode
        ]
        if sum("waiting: " in end.err for end in ended) < count - 1:
            bench.violations.append(f"{what}: not every other build said for whom it waits")
        bench.same(what, sums(bench.work))
        bench.say(what, count, bench.torn(what))


def surroundings_that_change_nothing(bench: Bench, *, short: bool) -> None:
    """Byte identity whatever the hash seed, threads, jobs, locale, time zone, path, home and umask."""
    nowhere = "/nonexistent"
    one_by_one: dict[str, tuple[tuple[str, ...], dict[str, str | None]]] = {
        "PYTHONHASHSEED=7": ((), {"PYTHONHASHSEED": "7"}),
        "one thread": ((), {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}),
        "four threads": ((), {"NUMBA_NUM_THREADS": "4", "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}),
        "-j1": (("-j1",), {}),
        "-j4": (("-j4",), {}),
        "LC_ALL=C": ((), {"LC_ALL": "C", "LANG": "C"}),
        "LC_ALL=ja_JP.UTF-8": ((), {"LC_ALL": "ja_JP.UTF-8"}),
        "LC_ALL=tr_TR.UTF-8": ((), {"LC_ALL": "tr_TR.UTF-8"}),
        "TZ=Asia/Tokyo": ((), {"TZ": "Asia/Tokyo"}),
        "no HOME": ((), {"HOME": None, "USER": None, "LOGNAME": None}),
        "HOME that is not there": ((), {"HOME": nowhere}),
        "TMPDIR that is not there": ((), {"TMPDIR": nowhere}),
        "foreign projection data": ((), {"PROJ_DATA": nowhere, "PROJ_LIB": nowhere, "GDAL_DATA": nowhere, "GDAL_DRIVER_PATH": nowhere}),
    }
    everything = {"PYTHONHASHSEED": "7", "NUMBA_NUM_THREADS": "1", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo", "HOME": None, "PROJ_DATA": nowhere}
    together = {"umask 077 and all of them": (("-j4",), everything)}
    bench.put("new")
    for name, (flags, changed) in (together if short else {**one_by_one, **together}).items():
        place = bench.folder / "別の 場所"
        shutil.rmtree(place, ignore_errors=True)
        before = os.umask(0o077 if "umask" in name else 0o022)
        ended = bench.build(*flags, work=place, **changed)
        os.umask(before)
        if ended.code or ended.messages():
            bench.violations.append(f"{name}: exit {ended.code}: {ended.err.strip()[-800:]}")
        if "PROJ_DATA" in changed and ended.err.count(f"note: PROJ_DATA={nowhere} is ignored") != 1:
            bench.violations.append(f"{name}: not one note on PROJ_DATA: {ended.err}")
        bench.same(name, sums(place))
        bench.say(f"same bytes: {name}", 1, 0)


def kernels(bench: Bench, seed: int) -> None:
    """Kill builds while kernels compile, and tear the kernels that are kept: the next build compiles again."""
    chance = random.Random(seed)
    folder = bench.folder / "kernels"
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    try:
        bench.restore("first")
        torn, count = 0, 3
        for number in range(count):
            killed_after(bench, MANNERS[0], bench.seconds * chance.uniform(0.5, 1.5), chance)
            torn += bench.torn(f"kill {number + 1} while kernels compile (seed {seed})")
        bench.heals("killed while kernels compile")
        bench.say("SIGKILL: while kernels compile", count, torn, f"{len(list(folder.rglob('*.nbc')))} kernels kept")
        for path in folder.rglob("*.nb[ic]"):
            os.truncate(path, path.stat().st_size // 2)
        bench.restore("first")
        bench.heals("torn kernels")
        bench.say("kernels torn on disk", 1, bench.torn("torn kernels"))
    finally:
        del os.environ["NUMBA_CACHE_DIR"]


# -------------------------------------------------------------------- the runner


def run(bench: Bench, kills: int, seed: int, *, short: bool) -> None:
    """Everything, kills first."""
    print(f"{'what happens':<48}{'tries':>6}{'torn':>6}  (seed {seed}; an undisturbed build takes {bench.seconds:.0f} s)", flush=True)
    kill_rounds(bench, kills, seed)
    full_disk(bench, short=short)
    limits(bench, short=short)
    stopped(bench, short=short)
    nobody_listens(bench, short=short)
    at_once(bench, (2,) if short else (2, 4))
    surroundings_that_change_nothing(bench, short=short)
    if not short:
        kernels(bench, seed)


def main(arguments: list[str]) -> int:
    """Print a table and what was violated; 1 if anything was."""
    parser = argparse.ArgumentParser(prog="make faults FAULTS_ARGS=…", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="number of SIGKILLs")
    parser.add_argument("--seed", type=int, default=None, help="of the times of the kills; printed")
    parser.add_argument("--short", action="store_true", help="one try of each other kind, as in the tests")
    parser.add_argument("--program", type=Path, default=ROOT, help="repository whose program is tested; nobody may edit it meanwhile")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        bench = Bench(given.program.resolve(), Path(scratch))
        bench.prepare()
        run(bench, given.kills, seed, short=given.short)
    for violation in bench.violations:
        print(f"VIOLATED {violation}")
    tries, torn = sum(row[1] for row in bench.rows), sum(row[2] for row in bench.rows)
    print(f"{tries} tries, {torn} torn files, {len(bench.violations)} violations, {time.monotonic() - begin:.0f} s")
    return int(bool(bench.violations))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
