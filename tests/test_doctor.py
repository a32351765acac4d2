"""The doctor finds each fault that is provoked, and says what to do."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from math import asinh, atan2, atanh, cos, cosh, degrees, radians, sin, sinh, sqrt
from pathlib import Path

import pytest

from pipeline import bootstrap, doctor, machine

ROOT = Path(__file__).parents[1]
REGION = "[region]\nwest_deg = 153.0\neast_deg = 153.4\nsouth_deg = 22.0\nnorth_deg = 22.4\n"


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "生 raw"
    (folder / "cores").mkdir(parents=True)
    (folder / "bathymetry").mkdir()
    (folder / "assessment.toml").write_text(REGION)
    (folder / "cores" / "a.csv").write_text("a\n")
    (folder / "bathymetry" / "depth.nc").write_text("b")
    return folder


def only(findings, name):
    found = [finding for finding in findings if finding.name == name]
    assert len(found) == 1, found
    return found[0]


def test_this_machine_has_no_fault(raw, tmp_path, capsys):
    line = ["--raw", str(raw), "--processed", str(tmp_path / "p"), "--maps", str(tmp_path / "m"), "--make", "4.3"]
    code = doctor.main(line)
    said = capsys.readouterr().out.splitlines()
    assert code == 0, said
    assert all(re.match(r"(ok|note) ", text) for text in said[:-1])
    assert [text for text in said if "projects a known place to the millimetre" in text and "GDAL" in text]
    checked = {text[7:19].strip() for text in said}
    assert {"python", "make", ".venv", "rasterio", "pyogrio", "pyproj", "fonts", "memory", "processors"} <= checked
    assert {"PROCESSED", "MAPS", ".cache", "TMPDIR", "cores", "bathymetry", "settings", "browser"} <= checked
    assert not (tmp_path / "p").exists()
    assert not list(tmp_path.glob(".partial-*"))


def test_a_python_too_old_can_read_the_doctor():
    ast.parse((ROOT / "pipeline" / "doctor.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_the_known_place_is_known_by_the_series_of_kruger():
    """Krüger (1912), coefficients to the sixth order in the third flattening as given by Karney (2011, eq. 35)."""
    longitude, latitude = radians(doctor.PLACE[0] - 153.0), radians(doctor.PLACE[1])
    flattening = 1 / 298.257223563
    n, e = flattening / (2 - flattening), sqrt(flattening * (2 - flattening))
    radius_m = 6378137.0 / (1 + n) * (1 + n**2 / 4 + n**4 / 64 + n**6 / 256)
    series = (
        n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16 + 41 * n**4 / 180 - 127 * n**5 / 288 + 7891 * n**6 / 37800,
        13 * n**2 / 48 - 3 * n**3 / 5 + 557 * n**4 / 1440 + 281 * n**5 / 630 - 1983433 * n**6 / 1935360,
        61 * n**3 / 240 - 103 * n**4 / 140 + 15061 * n**5 / 26880 + 167603 * n**6 / 181440,
        49561 * n**4 / 161280 - 179 * n**5 / 168 + 6601661 * n**6 / 7257600,
        34729 * n**5 / 80640 - 3418889 * n**6 / 1995840,
        212378941 * n**6 / 319334400,
    )
    conformal = sinh(atanh(sin(latitude)) - e * atanh(e * sin(latitude)))
    xi, eta = atan2(conformal, cos(longitude)), asinh(sin(longitude) / sqrt(conformal**2 + cos(longitude) ** 2))
    northing = xi + sum(c * sin(2 * j * xi) * cosh(2 * j * eta) for j, c in enumerate(series, start=1))
    easting = eta + sum(c * cos(2 * j * xi) * sinh(2 * j * eta) for j, c in enumerate(series, start=1))
    place_m = 500_000 + 0.9996 * radius_m * easting, 0.9996 * radius_m * northing
    assert place_m == pytest.approx(doctor.PLACE_UTM_56N_M, abs=1e-4)
    assert degrees(latitude) == pytest.approx(24.28306)


def test_a_projection_that_is_off_is_a_fault():
    off = {"version": "1", "proj": "9", "place": [doctor.PLACE_UTM_56N_M[0] + 0.002, doctor.PLACE_UTM_56N_M[1]]}
    assert doctor.library("pyproj", off, "cure").state == doctor.FAULT
    assert doctor.library("pyproj", {**off, "place": [float("nan")] * 2}, "cure").state == doctor.FAULT
    assert doctor.library("pyproj", {"error": "ImportError: no proj.db"}, "cure") == (doctor.FAULT, "pyproj", "ImportError: no proj.db", "cure")


@pytest.mark.parametrize(("found", "state"), [("4.3", "ok"), ("4.4.1", "ok"), ("10.0", "ok"), ("3.81", "fault"), ("4.2.1", "fault")])
def test_an_old_make_is_a_fault(found, state):
    assert only(doctor.make_version(found), "make").state == state


def test_no_make_is_a_fault(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert only(doctor.make_version(""), "make").state == doctor.FAULT


def test_an_old_python_is_a_fault(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert only(doctor.python(), "python").state == doctor.FAULT


@pytest.fixture
def environment_at(monkeypatch):
    def put(folder):
        for name, path in {"VENV": folder, "PYTHON": folder / "bin" / "python", "STAMP": folder / ".lock-sha256"}.items():
            monkeypatch.setattr(bootstrap, name, str(path))

    return put


def test_a_missing_or_broken_environment_is_told_and_the_rest_still_checked(environment_at, raw, tmp_path):
    folder = tmp_path / "venv"
    environment_at(folder)
    assert "not made yet" in only(doctor.environment(), ".venv").found
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(tmp_path / "nowhere")
    assert "does not start" in only(doctor.environment(), ".venv").found
    folders = {"raw": str(raw), "processed": str(tmp_path / "p"), "maps": str(tmp_path / "m")}
    found = list(doctor.findings(folders, "4.3"))
    assert not [finding for finding in found if finding.state == doctor.FAULT]
    assert "without .venv" in only(found, "libraries").found
    assert "without .venv" in only(found, "settings").found
    assert only(found, "cores").state == doctor.OK
    (folder / "bin" / "python").unlink()
    (folder / "bin" / "python").symlink_to(sys.executable)
    assert "was not made from the present" in only(doctor.environment(), ".venv").found


def test_libraries_other_than_the_lock_says_are_a_fault(monkeypatch, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==0.1 \\\n    --hash=sha256:00\n")
    monkeypatch.setattr(bootstrap, "LOCK", str(lock))
    found = list(doctor.libraries())
    assert [finding for finding in found if finding.state == doctor.FAULT and re.search(r"not as the lock says: numpy \d", finding.found)]


def test_libraries_that_do_not_load_are_a_fault(environment_at, tmp_path):
    (tmp_path / "bin").mkdir()
    stub = tmp_path / "bin" / "python"
    stub.write_text("#!/bin/sh\n[ -z \"$2\" ] && exit 0\necho 'ImportError: libproj is torn' >&2\nexit 1\n")
    stub.chmod(0o755)
    environment_at(tmp_path)
    finding = only(doctor.libraries(), "libraries")
    assert (finding.state, finding.found) == (doctor.FAULT, "ImportError: libproj is torn")


def test_a_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "p").write_text("a file")
    assert only(doctor.disk("PROCESSED", str(tmp_path / "p"), doctor.FAULT, "cure"), "PROCESSED").state == doctor.FAULT
    if Path("/proc/sys").is_dir():  # nobody can make files there, not even root
        assert only(doctor.disk("MAPS", "/proc/sys", doctor.FAULT, "cure"), "MAPS").state == doctor.FAULT
        assert only(doctor.disk(".cache", "/proc/sys", doctor.NOTE, "cure"), ".cache").state == doctor.NOTE
    assert only(doctor.disk("MAPS", str(tmp_path / "a" / "b"), doctor.FAULT, "cure"), "MAPS").state == doctor.OK


@pytest.mark.parametrize(("free_mb", "state"), [(50, "fault"), (500, "note"), (5000, "ok")])
def test_a_disk_that_is_nearly_full_is_told(monkeypatch, tmp_path, free_mb, state):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage._replace(free=free_mb << 20))
    assert only(doctor.disk("PROCESSED", str(tmp_path), doctor.FAULT, "cure"), "PROCESSED").state == state


def test_a_disk_without_locks_is_told(monkeypatch, tmp_path):
    import fcntl

    def no_locks(_descriptor, _kind):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    finding = only(doctor.disk("PROCESSED", str(tmp_path), doctor.FAULT, "cure"), "PROCESSED")
    assert (finding.state, finding.cure) == (doctor.NOTE, "Run one build at a time")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free_mb", "state"), [(None, "note"), (500, "fault"), (1500, "note"), (8000, "ok")])
def test_little_memory_is_told(monkeypatch, free_mb, state):
    monkeypatch.setattr(doctor, "free_memory_mb", lambda: free_mb)
    assert only(doctor.memory(), "memory").state == state


def run(*arguments, limits="", **environment):
    line = f'{limits} exec "$0" -m pipeline.doctor "$@"'
    return subprocess.run(
        ["bash", "-c", line, sys.executable, *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_limits_of_the_shell_are_told(raw, tmp_path):
    done = run("--raw", raw, "--processed", tmp_path / "p", "--maps", tmp_path / "m", limits="ulimit -n 40; ulimit -v 900000;")
    assert done.returncode == 2
    assert re.search(r"fault +open files +at most 40\. Lift the limit", done.stdout)
    assert re.search(r"fault +memory +878 MB free", done.stdout)
    assert done.stdout.splitlines()[-1].startswith("a build would not work")
    assert "Traceback" not in done.stdout + done.stderr


def test_variables_of_another_installation_are_told(monkeypatch):
    monkeypatch.setenv("PROJ_DATA", "/opt/other")
    assert only(doctor.surroundings(), "variables") == (doctor.NOTE, "variables", "PROJ_DATA=/opt/other is ignored", "")


def test_makefile_and_program_ignore_the_same_variables():
    assert doctor.foreign() == machine.FOREIGN_VARIABLES


def test_raw_without_settings_cores_or_bathymetry_is_a_fault(raw):
    (raw / "bathymetry" / "depth.nc").unlink()
    (raw / "cores" / "a.csv").unlink()
    found = list(doctor.raw_files(str(raw)))
    assert (only(found, "cores").state, only(found, "bathymetry").state) == (doctor.FAULT, doctor.FAULT)
    (raw / "assessment.toml").unlink()
    assert only(doctor.raw_files(str(raw)), "RAW").state == doctor.FAULT


def test_files_that_cannot_be_read_or_are_not_read_are_named(raw, tmp_path):
    (raw / "cores" / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (raw / "core photo.jpg").write_text("x")
    found = list(doctor.raw_files(str(raw)))
    assert only(found, "cores").state == doctor.FAULT
    assert "gone.csv" in only(found, "cores").found
    assert only(found, "RAW") == (doctor.NOTE, "RAW", "not read: core photo.jpg", "")


def test_wrong_settings_are_a_fault_with_the_reason(raw):
    (raw / "assessment.toml").write_text(REGION + "[grid]\ncel_m = 500\n")
    finding = only(doctor.raw_files(str(raw)), "settings")
    assert finding.state == doctor.FAULT
    assert "cell_m" in finding.found


def test_no_japanese_font_and_no_browser_are_notes(monkeypatch):
    assert doctor.font([]).state == doctor.NOTE
    assert doctor.font(["Noto Sans CJK JP"]).state == doctor.OK
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert only(doctor.browser(), "browser").state == doctor.NOTE


def test_a_check_that_fails_is_a_fault_and_stops_no_other(monkeypatch, raw, tmp_path):
    monkeypatch.setattr(doctor, "memory", lambda: 1 / 0)
    folders = {"raw": str(raw), "processed": str(tmp_path / "p"), "maps": str(tmp_path / "m")}
    found = list(doctor.findings(folders, "4.3"))
    assert only(found, "doctor").state == doctor.FAULT
    assert only(found, "settings").state == doctor.OK
