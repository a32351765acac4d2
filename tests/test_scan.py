import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import core_changes
import pytest

from pipeline import scan as scanning
from pipeline.errors import MachineError
from pipeline.files import sha256_of

ROOT = Path(__file__).parent.parent
REGION = "[region]\nwest_deg = 153.0\neast_deg = 153.4\nsouth_deg = 22.0\nnorth_deg = 22.4\n"


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "生 データ"
    (folder / "cores" / "2013 cruise").mkdir(parents=True)
    (folder / "assessment.toml").write_text(REGION, encoding="utf-8")
    (folder / "cores" / "a.csv").write_text("one\n", encoding="utf-8")
    (folder / "cores" / "2013 cruise" / "b.CSV").write_text("two\n", encoding="utf-8")
    (folder / "cores" / "photo.jpg").write_text("not read\n", encoding="utf-8")
    (folder / "cores" / ".~lock.a.csv").write_text("an editor's\n", encoding="utf-8")
    return folder


@pytest.fixture
def scan(raw, tmp_path):
    """Scan in this process; gives the names of the lists and settings that were rewritten."""

    def run():
        scanning._sha256.cache_clear()
        before = stamps(tmp_path)
        scanning.scan(raw, tmp_path / "processed", tmp_path / "maps")
        return {name for name, stamp in stamps(tmp_path).items() if before.get(name) != stamp and not name.startswith(".")}

    (tmp_path / "maps").mkdir()
    run()
    return run


def stamps(tmp_path):
    found = {}
    for folder in (".lists", ".settings"):
        for path in (tmp_path / "processed" / folder).glob("*"):
            # A list and a section may share a name.
            found[path.name] = (*found.get(path.name, ()), path.stat().st_mtime_ns)
    return found


def command_line(raw, tmp_path, *more, python=()):
    command = [sys.executable, *python, "-m", "pipeline", "scan", "--raw", raw, "--processed", tmp_path / "p", "--maps", tmp_path / "m", *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_a_list_holds_the_hash_of_every_file_in_any_folder(raw, tmp_path, scan):
    files = json.loads((tmp_path / "processed" / ".lists" / "cores.json").read_text())["files"]
    assert files == {
        "cores/2013 cruise/b.CSV": sha256_of(raw / "cores" / "2013 cruise" / "b.CSV"),
        "cores/a.csv": sha256_of(raw / "cores" / "a.csv"),
    }


def test_scanning_again_rewrites_nothing(scan):
    assert scan() == set()


def test_a_touched_file_is_no_change(raw, scan):
    (raw / "cores" / "a.csv").touch()
    (raw / "assessment.toml").touch()
    assert scan() == set()


@pytest.mark.parametrize("change", core_changes.ALL)
def test_a_changed_core_changes_its_list_alone_and_makes_it_newer_than_products(raw, tmp_path, scan, change):
    product = tmp_path / "processed" / "grade_dy.tif"
    product.write_bytes(b"")
    change(raw / "cores")
    assert scan() == {"cores.json"}
    assert (tmp_path / "processed" / ".lists" / "cores.json").stat().st_mtime_ns > product.stat().st_mtime_ns


def test_a_clock_that_ran_ahead_keeps_the_order_but_not_the_date(raw, tmp_path, scan):
    older, newer = tmp_path / "processed" / "samples.parquet", tmp_path / "maps" / "index.html"
    for path, hours in ((older, 5), (newer, 6)):
        path.write_bytes(b"")
        stamp = time.time() + 3600 * hours
        os.utime(path, (stamp, stamp))
    core_changes.replaced(raw / "cores")
    scan()
    listed = tmp_path / "processed" / ".lists" / "cores.json"
    assert older.stat().st_mtime_ns < newer.stat().st_mtime_ns < listed.stat().st_mtime_ns
    assert listed.stat().st_mtime < time.time() + 1


def test_one_setting_changes_one_section(raw, scan):
    (raw / "assessment.toml").write_text(REGION + "[grid]\ncell_m = 1000.0\n")
    assert scan() == {"grid.json"}


def test_a_changed_region_outline_changes_the_region(raw, scan):
    ring = [[153.0, 22.0], [153.4, 22.0], [153.4, 22.4], [153.0, 22.0]]
    outline = raw / "domains" / "region.geojson"
    outline.parent.mkdir()
    outline.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    (raw / "assessment.toml").write_text('[region]\npolygon = "domains/region.geojson"\n')
    assert scan() == {"region.json", "domains.json"}
    ring[2][1] = 22.5
    outline.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    assert scan() == {"region.json", "domains.json"}


def test_products_of_an_element_no_longer_assessed_are_removed(raw, tmp_path, scan):
    processed, maps = tmp_path / "processed", tmp_path / "maps"
    names = [processed / "grade_gd.tif", processed / "variogram_gd.json", maps / "grade_gd.html"]
    kept = [processed / "grade_dy.tif", processed / "variogram_density.json", maps / "index.html"]
    for path in [*names, *kept]:
        path.write_bytes(b"")
    (raw / "assessment.toml").write_text(REGION + '[elements]\nassessed = ["dy"]\n')
    assert scan() == {"elements.json", "elements.mk"}
    assert (processed / ".settings" / "elements.mk").read_text() == "override ELEMENTS := dy\noverride MARKER := \n"
    assert sorted(scanning.remove_unassessed(["dy"], processed, maps)) == sorted(names)
    assert all(path.exists() for path in kept)


def test_a_link_that_leads_back_up_ends(raw):
    (raw / "cores" / "loop").symlink_to(raw / "cores", target_is_directory=True)
    assert len(list(scanning.files_below(raw / "cores", (".csv",)))) == 2


def test_links_have_no_spaces_and_lead_to_the_folders(raw, tmp_path):
    folder = scanning.link_folder(tmp_path / "links", raw=raw, processed=tmp_path / "生 p", maps=tmp_path / "m")
    assert " " not in str(folder)
    assert (folder / "raw" / "cores" / "a.csv").is_file()
    assert scanning.link_folder(tmp_path / "links", raw=raw, processed=tmp_path / "生 p", maps=tmp_path / "m") == folder


def test_a_stage_depends_on_its_own_module_and_maps_on_the_web(tmp_path):
    for name in (
        "stages/grade.py",
        "stages/map.py",
        "stages/provenance.py",
        "stages/__init__.py",
        "geostatistics/kriging.py",
        "web/page.html",
        "web/inline.py",
        "scan.py",
        "bootstrap.py",
        "errors.py",
    ):
        path = tmp_path / "pipeline" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "requirements.lock").write_text("numpy==2.0\n")
    files = {name: set(json.loads(text)["files"]) for name, text in scanning.program_lists(tmp_path).items()}
    shared = {"requirements.lock", "pipeline/errors.py", "pipeline/geostatistics/kriging.py", "pipeline/stages/__init__.py"}
    everything = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "pipeline").rglob("*") if path.is_file()} | {"requirements.lock"}
    assert "pipeline/scan.py" in everything
    assert files == {
        "program_grade.json": shared | {"pipeline/stages/grade.py"},
        # It holds the hash of the whole program, which must not be that of another day.
        "program_provenance.json": everything,
        "program_map.json": shared | {"pipeline/stages/map.py", "pipeline/web/page.html", "pipeline/web/inline.py"},
    }


def test_a_scan_with_nothing_to_do_loads_the_standard_library_only(raw, tmp_path):
    assert command_line(raw, tmp_path).returncode == 0
    again = command_line(raw, tmp_path, python=["-X", "importtime"])
    assert again.returncode == 0
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in again.stderr.splitlines() if line.startswith("import time:")}
    assert "argparse" in loaded
    assert loaded.isdisjoint({"numpy", "pandas", "pydantic", "typer", "rich", "rasterio", "numba"})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (None, "assessment.toml is missing"),
        (REGION + "[grid]\ncel_m = 500\n", "cell_m"),
        (REGION + "[grid\n", "TOML"),
        ("title = 'no region'\n", "west_deg"),
    ],
)
def test_wrong_settings_are_one_line_and_touch_nothing(raw, tmp_path, settings, says):
    assert command_line(raw, tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()}
    if settings is None:
        (raw / "assessment.toml").unlink()
    else:
        (raw / "assessment.toml").write_text(settings)
    (raw / "cores" / "a.csv").write_text("changed\n")
    done = command_line(raw, tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()} == before


def test_a_missing_raw_folder_is_one_line_and_makes_no_folder(raw, tmp_path):
    shutil.rmtree(raw)
    done = command_line(raw, tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "which is no folder" in done.stderr
    assert not (tmp_path / "p").exists()


def test_a_raw_file_that_cannot_be_read_is_named(raw, tmp_path):
    (raw / "cores" / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    done = command_line(raw, tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "gone.csv" in done.stderr


def test_what_a_killed_build_left_goes_before_anything_else_is_done(raw, tmp_path):
    """On a full disk it is what is in the way, and wrong settings must not keep it."""
    assert command_line(raw, tmp_path).returncode == 0
    left = [tmp_path / "p" / ".partial-grade_dy-x.tif", tmp_path / "p" / ".lists" / ".partial-cores-x.json", tmp_path / "m" / ".partial-index-x.html"]
    for path in left:
        path.write_text("half")
    (tmp_path / "p" / ".partial-realisations.zarr-x" / "dy_ppm").mkdir(parents=True)
    (raw / "assessment.toml").write_text("[grid\n")
    assert command_line(raw, tmp_path).returncode == 2
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_repository_that_cannot_be_written_has_its_links_elsewhere(tmp_path, monkeypatch):
    repository, elsewhere = tmp_path / "repository", tmp_path / "tmp"
    for folder in (repository, elsewhere):
        folder.mkdir()
    (repository / "pyproject.toml").touch()
    (repository / ".cache").write_text("nothing can be made below a file, not even by root")
    monkeypatch.setattr(scanning, "ROOT", repository)
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    folder = scanning._links(None, raw=tmp_path)
    assert folder.is_relative_to(elsewhere)
    assert (folder / "raw").resolve() == tmp_path
    monkeypatch.setattr(tempfile, "tempdir", str(repository / ".cache"))
    with pytest.raises(MachineError, match=r"\.cache cannot be written \(.*\)\. Make it writable, or name a folder in TMPDIR"):
        scanning._links(None, raw=tmp_path)


def test_one_folder_cannot_be_two(raw, tmp_path):
    done = command_line(raw, tmp_path, "--maps", tmp_path / "p")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "three different folders" in done.stderr


def test_a_build_is_stopped_politely_while_it_waits(raw, tmp_path):
    assert command_line(raw, tmp_path).returncode == 0
    from pipeline.files import build_lock

    command = [sys.executable, "-m", "pipeline", "scan", "--raw", raw, "--processed", tmp_path / "p", "--maps", tmp_path / "m"]
    with build_lock(tmp_path / "p"):
        waiting = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert waiting.stderr is not None
        assert "waiting" in waiting.stderr.readline()
        waiting.terminate()
        _, rest = waiting.communicate(timeout=30)
    assert waiting.returncode == 143
    assert "Traceback" not in rest
