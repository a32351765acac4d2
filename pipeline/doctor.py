"""What may keep a build from working on this machine, and what to do: ``make doctor``.

Any Python 3 runs this file, with the standard library alone, so that it also tells what is wrong where ``.venv`` is missing or broken; what needs
libraries is asked of the Python in ``.venv``, in a process of its own.
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from pipeline import bootstrap

Finding = collections.namedtuple("Finding", "state name found cure")  # noqa: PYI024 - readable by any Python 3

OK, NOTE, FAULT = "ok", "note", "fault"
STATES = (OK, NOTE, FAULT)

OLDEST_MAKE = (4, 3)
LEAST_FREE_MB = 100  # a build of the survey that ships writes 30 MB; its kernels take 20 MB
LITTLE_FREE_MB = 1000
LEAST_MEMORY_MB = 1000  # the largest process of that build
LITTLE_MEMORY_MB = 2500
LEAST_OPEN_FILES = 64

PLACE = 153.98667, 24.28306
"""Longitude and latitude of Minamitorishima, in degrees."""
PLACE_UTM_56N_M = 600137.8384, 2685920.4062
"""Easting and northing of that place, by the series of Krüger (1912) to the sixth order (``tests/test_doctor.py``)."""

JAPANESE_FONTS = "CJK JP|Noto Sans JP|Noto Serif JP|IPA|Takao|VL Gothic|Hiragino|Yu Gothic|Yu Mincho|Meiryo|MS Gothic|MS Mincho|Source Han"

PROBE = r"""
import json, re, sys
from importlib.metadata import PackageNotFoundError, version
lock, place, fonts = sys.argv[1], tuple(map(float, sys.argv[2:4])), sys.argv[4]
found, pinned = {"differing": []}, {}
for name, number in re.findall(r"(?m)^([a-z0-9-]+)==([^\s;]+)", open(lock, encoding="utf-8").read()):
    pinned.setdefault(name, []).append(number)  # another one for older Pythons
for name, numbers in pinned.items():
    try:
        if version(name) not in numbers:
            found["differing"].append("%s %s" % (name, version(name)))
    except PackageNotFoundError:
        pass  # some are for other systems
def tried(name, work):
    try:
        found[name] = work()
    except Exception as error:
        found[name] = {"error": "%s: %s" % (type(error).__name__, str(error)[:200])}
def rasterio_():
    import rasterio
    from rasterio.warp import transform
    east, north = transform("EPSG:4326", "EPSG:32656", [place[0]], [place[1]])
    return {"version": rasterio.__version__, "gdal": rasterio.__gdal_version__, "place": [east[0], north[0]]}
def pyproj_():
    import pyproj
    return {"version": pyproj.__version__, "proj": pyproj.proj_version_str, "data": pyproj.datadir.get_data_dir(),
            "place": pyproj.Transformer.from_crs(4326, 32656, always_xy=True).transform(*place)}
def pyogrio_():
    import pyogrio
    return {"version": pyogrio.__version__, "gdal": pyogrio.__gdal_version_string__, "geojson": "GeoJSON" in pyogrio.list_drivers()}
def fonts_():
    from matplotlib import font_manager
    return sorted({font.name for font in font_manager.fontManager.ttflist if re.search(fonts, font.name)})
def kernels_():
    from pipeline.geostatistics import compiled
    return compiled.CACHE
for name, work in {"rasterio": rasterio_, "pyproj": pyproj_, "pyogrio": pyogrio_, "fonts": fonts_, "kernels": kernels_}.items():
    tried(name, work)
print(json.dumps(found))
"""

SETTINGS_PROBE = """
import sys
from pathlib import Path
from pipeline.config import section_texts
from pipeline.errors import PipelineError
try:
    section_texts(Path(sys.argv[1]))
except PipelineError as error:
    sys.exit(str(error))
"""


def main(arguments: "list[str]") -> int:
    """Print one line for each check.

    Parameters
    ----------
    arguments : list of str
        ``--raw DIR --processed DIR --maps DIR --make VERSION``, all of which have defaults.

    Returns
    -------
    int
        0 if nothing would keep a build from working, else 2.
    """
    parser = argparse.ArgumentParser(prog="make doctor", description="Check this machine, its disks and RAW.")
    parser.add_argument("--raw", default="data/raw")
    parser.add_argument("--processed", default="data/processed")
    parser.add_argument("--maps", default="maps")
    parser.add_argument("--make", default="")
    given = parser.parse_args(arguments)
    if not os.path.isfile(os.path.join(bootstrap.ROOT, "Makefile")):
        print("fault  program      was installed without its repository: pip check looks at its libraries, python -m pipeline make builds")
        return 2
    folders = {name: os.path.join(bootstrap.ROOT, os.path.expanduser(getattr(given, name))) for name in ("raw", "processed", "maps")}
    worst = 0
    for finding in findings(folders, given.make):
        line = "{:<6} {:<12} {}{}".format(finding.state, finding.name, finding.found, ". " + finding.cure if finding.cure else "")
        print(line.encode(sys.stdout.encoding or "utf-8", "backslashreplace").decode(sys.stdout.encoding or "utf-8"), flush=True)
        worst = max(worst, STATES.index(finding.state))
    print("a build would not work: do what is said above" if worst == 2 else "nothing here keeps a build from working")
    return 2 if worst == 2 else 0


def findings(folders: "dict[str, str]", make: str) -> "collections.abc.Iterator[Finding]":
    """Every check, one after the other; a check that fails itself is a fault too."""
    checks = (
        python,
        lambda: make_version(make),
        environment,
        libraries,
        surroundings,
        memory,
        lambda: disks(folders),
        lambda: raw_files(folders["raw"]),
        browser,
    )
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # whatever it is, the other checks must still be made
            yield Finding(FAULT, "doctor", "a check failed: {}: {}".format(type(error).__name__, error), "Please report it")


def python() -> "collections.abc.Iterator[Finding]":
    """The Python that runs this file."""
    found = "{}.{}.{} ({})".format(*sys.version_info[:3], sys.executable)
    if sys.version_info < bootstrap.OLDEST:
        yield Finding(FAULT, "python", found, "Install Python 3.11 to 3.14 with venv (Debian, Ubuntu: apt install python3 python3-venv), or uv")
    else:
        yield Finding(OK, "python", found, "")


def make_version(text: str) -> "collections.abc.Iterator[Finding]":
    """GNU Make: older ones know no rule that makes several files."""
    if not text and shutil.which("make"):
        said = subprocess.run(["make", "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode("utf-8", "replace")
        text = (re.findall(r"GNU Make (\S+)", said) or [""])[0]
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    if numbers < OLDEST_MAKE:
        yield Finding(FAULT, "make", text or "no GNU Make", "Install GNU Make 4.3 or newer (apt install make; macOS: brew install make, then gmake)")
    else:
        yield Finding(OK, "make", "GNU Make " + text, "")


def environment() -> "collections.abc.Iterator[Finding]":
    """Whether ``.venv`` is there, starts, and was made from the present lock."""
    if not os.path.isdir(bootstrap.VENV):
        yield Finding(NOTE, ".venv", "is not made yet", "make all makes it; that needs a network with a Python package index, once")
    elif not starts():
        yield Finding(NOTE, ".venv", "its Python does not start", "make all makes it anew; that needs a network with a Python package index")
    elif not bootstrap.up_to_date():
        yield Finding(NOTE, ".venv", "was not made from the present requirements.lock, or not here", "make all makes it anew")
    else:
        yield Finding(OK, ".venv", "as requirements.lock says", "")


def starts() -> bool:
    """Whether the Python of ``.venv`` runs."""
    try:
        return subprocess.run([bootstrap.PYTHON, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def libraries() -> "collections.abc.Iterator[Finding]":
    """Versions, both GDALs, projection data, fonts, as the Python in ``.venv`` sees them."""
    if not starts():
        yield Finding(NOTE, "libraries", "cannot be asked without .venv", "Run make all, then make doctor again")
        return
    arguments = [bootstrap.LOCK, *(str(number) for number in PLACE), JAPANESE_FONTS]
    done = asked(PROBE, *arguments)
    remake = "Remove .venv and run make all"
    if done.returncode:
        yield Finding(FAULT, "libraries", last_line(done.stderr), remake)
        return
    found = json.loads(done.stdout.decode("utf-8").splitlines()[-1])
    if found["differing"]:
        yield Finding(FAULT, "libraries", "not as the lock says: " + ", ".join(found["differing"][:5]), remake)
    for name in ("rasterio", "pyogrio", "pyproj"):
        yield library(name, found[name], remake)
    if "error" not in found["pyogrio"] and not found["pyogrio"]["geojson"]:
        yield Finding(FAULT, "pyogrio", "its GDAL does not read GeoJSON", remake)
    yield font(found["fonts"])
    if found["kernels"] is not True:
        cure = "Builds work and take longer; make .cache or HOME writable" if found["kernels"] is False else remake
        yield Finding(NOTE if found["kernels"] is False else FAULT, "kernels", "compiled kernels cannot be kept: {}".format(found["kernels"]), cure)


def asked(program: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a program by the Python of ``.venv`` in the surroundings of a build."""
    env = {name: value for name, value in os.environ.items() if name not in foreign() and not name.startswith("PYTHON")}
    line = [bootstrap.PYTHON, "-c", program, *arguments]
    return subprocess.run(line, cwd=bootstrap.ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def last_line(said: bytes) -> str:
    """The last line of what a program said: of a traceback, the error."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def library(name: str, found: "dict[str, object]", remake: str) -> Finding:
    """One library: its version, its GDAL or PROJ, and whether it transforms a known place to the millimetre."""
    if "error" in found:
        return Finding(FAULT, name, str(found["error"]), remake)
    own = "GDAL {}".format(found["gdal"]) if "gdal" in found else "PROJ {}".format(found["proj"])
    text = "{}, {}".format(found["version"], own)
    place = found.get("place")
    if not isinstance(place, list):
        return Finding(OK, name, text, "")
    off_mm = max(abs(one - other) for one, other in zip(place, PLACE_UTM_56N_M)) * 1000  # noqa: B905 - older Pythons know no strict
    if not off_mm <= 1:
        return Finding(FAULT, name, "{}: its projection is {:.0f} mm off at a known place".format(text, off_mm), remake)
    return Finding(OK, name, "{}, projects a known place to the millimetre".format(text), "")


def font(found: object) -> Finding:
    """Whether figures can show Japanese."""
    if isinstance(found, list) and found:
        return Finding(OK, "fonts", "Japanese: {}".format(found[0]), "")
    said = "no Japanese font: maps are lettered by the reader's browser and do not need it; Japanese in figures becomes boxes"
    return Finding(NOTE, "fonts", said, "Install one for figures and for the browser tests (Debian, Ubuntu: apt install fonts-noto-cjk)")


def foreign() -> "tuple[str, ...]":
    """Variables of another installation, as the Makefile names them: any Python can read that."""
    with open(os.path.join(bootstrap.ROOT, "Makefile"), encoding="utf-8") as file:
        return tuple((re.findall(r"(?m)^FOREIGN := (.*)$", file.read()) or [""])[0].split())


def surroundings() -> "collections.abc.Iterator[Finding]":
    """Variables that are ignored, processors, and the limit of open files."""
    for name in foreign():
        if name in os.environ:
            yield Finding(NOTE, "variables", "{}={} is ignored".format(name, os.environ[name]), "")
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding(OK, "processors", str(count), "")
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if 0 <= files < LEAST_OPEN_FILES:
        yield Finding(FAULT, "open files", "at most {}".format(files), "Lift the limit: ulimit -n 1024")
    else:
        yield Finding(OK, "open files", "at most {}".format(files), "")


def memory() -> "collections.abc.Iterator[Finding]":
    """Memory that is free, within the limit of this process."""
    free_mb = free_memory_mb()
    if free_mb is None:
        yield Finding(NOTE, "memory", "this system does not tell", "A build needs about {} MB".format(LITTLE_MEMORY_MB))
    elif free_mb < LEAST_MEMORY_MB:
        yield Finding(FAULT, "memory", "{} MB free".format(free_mb), "Close other programs, or lift the limit (ulimit -v unlimited)")
    elif free_mb < LITTLE_MEMORY_MB:
        yield Finding(NOTE, "memory", "{} MB free".format(free_mb), "Build one thing at a time: make -j1 all")
    else:
        yield Finding(OK, "memory", "{} MB free".format(free_mb), "")


def free_memory_mb() -> "int | None":
    """Memory for new processes, in MB; None where the system does not tell."""
    import resource

    limits = [limit >> 20 for limit in resource.getrlimit(resource.RLIMIT_AS)[:1] if limit != resource.RLIM_INFINITY]
    try:
        with open("/proc/meminfo") as file:
            limits += [int(number) >> 10 for number in re.findall(r"MemAvailable:\s+(\d+) kB", file.read())]
    except OSError:
        pass
    return min(limits) if limits else None


def disks(folders: "dict[str, str]") -> "collections.abc.Iterator[Finding]":
    """Room, the right to write, and locks, where a build writes."""
    yield from disk("PROCESSED", folders["processed"], FAULT, "Make it writable, or name another: make all PROCESSED=…")
    yield from disk("MAPS", folders["maps"], FAULT, "Make it writable, or name another: make all MAPS=…")
    yield from disk(".cache", bootstrap.CACHE, NOTE, "Builds take longer; make it writable")
    yield from disk("TMPDIR", os.environ.get("TMPDIR") or tempfile.gettempdir(), NOTE, "Name a folder that can be written in TMPDIR")


def disk(name: str, folder: str, unwritable: str, cure: str) -> "collections.abc.Iterator[Finding]":
    """One folder, or the nearest that exists above it."""
    place = os.path.abspath(folder)
    while not os.path.isdir(place) and place != os.path.dirname(place):
        if os.path.lexists(place):
            yield Finding(unwritable, name, "{} is no folder".format(place), cure)
            return
        place = os.path.dirname(place)
    hindrance = what_hinders_writing(place)
    free_mb = shutil.disk_usage(place).free >> 20
    found = "{} MB free in {}".format(free_mb, place)
    if hindrance is not None:
        yield Finding(unwritable, name, "{} cannot be written: {}".format(place, hindrance), cure)
    elif free_mb < LEAST_FREE_MB:
        yield Finding(unwritable, name, found, "Free some room")
    elif free_mb < LITTLE_FREE_MB:
        yield Finding(NOTE, name, found, "Enough for the survey that ships, not for realisations that are kept (KEEP=1)")
    elif not locks_work(place):
        yield Finding(NOTE, name, found + ", but it knows no locks", "Run one build at a time")
    else:
        yield Finding(OK, name, found, "")


def what_hinders_writing(folder: str) -> "str | None":
    """Write, sync and rename a file as a build does; None if all went well."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-doctor-") as own:
            with open(os.path.join(own, "a"), "wb") as file:
                file.write(bytes(1 << 16))
                file.flush()
                os.fsync(file.fileno())
            os.replace(os.path.join(own, "a"), os.path.join(own, "b"))
    except OSError as error:
        return error.strerror or str(error)
    return None


def locks_work(folder: str) -> bool:
    """Whether a folder held once cannot be held a second time."""
    import fcntl

    own = tempfile.mkdtemp(dir=folder, prefix=".partial-doctor-")
    first, second = os.open(own, os.O_RDONLY), os.open(own, os.O_RDONLY)
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
    except OSError:
        return False
    finally:
        os.close(first)
        os.close(second)
        os.rmdir(own)


def raw_files(raw: str) -> "collections.abc.Iterator[Finding]":
    """Whether the inputs can be read, how many there are, which are not read, and whether the settings are valid."""
    settings = os.path.join(raw, "assessment.toml")
    if not os.path.isfile(settings):
        yield Finding(FAULT, "RAW", "{} has no assessment.toml".format(raw), "Name a folder laid out like data/raw: make all RAW=…")
        return
    if sys.version_info < bootstrap.OLDEST:
        yield Finding(NOTE, "RAW", "cannot be looked at by this Python", "Install Python 3.11 or newer")
        return
    from pathlib import Path

    from pipeline.scan import RAW_LISTS, files_below

    read = {settings}
    for name, suffixes in RAW_LISTS.items():
        files = list(files_below(Path(raw) / name, suffixes))
        read |= {str(path) for path in files}
        unreadable = [str(path) for path in files if not readable(str(path))]
        if unreadable:
            yield Finding(FAULT, name, "{} cannot be read".format(unreadable[0]), "Mend or remove it, or the link that leads to it")
        elif not files and name == "bathymetry" and without_depths(settings):
            yield Finding(OK, name, 'none, as the settings say ([region] bathymetry = "none")', "")
        elif not files and name in ("cores", "bathymetry"):
            yield Finding(FAULT, name, "no file in {}".format(os.path.join(raw, name)), "Put one there ({})".format(", ".join(suffixes[:3])))
        else:
            yield Finding(OK, name, "{} file{} can be read".format(len(files), "" if len(files) == 1 else "s"), "")
    others = [os.path.join(place, name) for place, _, names in os.walk(raw) for name in names]
    unread = sorted(os.path.relpath(path, raw) for path in set(others) - read if not os.path.basename(path).startswith("."))
    if unread:
        more = " and {} more".format(len(unread) - 5) if len(unread) > 5 else ""
        yield Finding(NOTE, "RAW", "not read: {}{}".format(", ".join(unread[:5]), more), "")
    yield settings_valid(settings)


def without_depths(settings: str) -> bool:
    """Whether the settings say that the assessment has no bathymetry."""
    import tomllib

    try:
        with open(settings, "rb") as file:
            return bool(tomllib.load(file)["region"]["bathymetry"] == "none")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def readable(path: str) -> bool:
    """Whether the whole file can be read."""
    try:
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass
    except OSError:
        return False
    return True


def settings_valid(path: str) -> Finding:
    """Whether the settings are accepted, as the Python in ``.venv`` sees them."""
    if not starts():
        return Finding(NOTE, "settings", "cannot be checked without .venv", "Run make all, then make doctor again")
    done = asked(SETTINGS_PROBE, path)
    if done.returncode:
        return Finding(FAULT, "settings", last_line(done.stderr), "")
    return Finding(OK, "settings", "assessment.toml is valid", "")


def browser() -> "collections.abc.Iterator[Finding]":
    """A browser for the tests of pages; no build needs one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found:
        yield Finding(OK, "browser", found, "")
    else:
        yield Finding(NOTE, "browser", "no Chromium: the tests of pages are skipped, builds do not need it", "Debian, Ubuntu: apt install chromium")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
