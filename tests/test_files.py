import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pipeline.errors import ArtefactError
from pipeline.files import (
    TEMPORARY_PREFIX,
    atomic_path,
    build_lock,
    clean_stale_temporaries,
    json_text,
    lock_holder,
    newest_mtime_ns,
    put_folder_in_place,
    remove_folder,
    sha256_of,
    write_if_changed,
    write_whole,
)

ROOT = Path(__file__).parent.parent


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_file_takes_its_place(tmp_path):
    out = tmp_path / "new folder" / "grade.tif"
    with atomic_path(out) as path:
        assert path.suffix == ".tif"
        assert path.parent == out.parent
        assert not path.exists()
        path.write_bytes(b"whole")
    assert out.read_bytes() == b"whole"
    assert names(out.parent) == ["grade.tif"]


def test_a_failure_leaves_the_last_good_file_and_nothing_else(tmp_path):
    out = tmp_path / "grade.tif"
    out.write_bytes(b"good")
    with pytest.raises(OSError, match="disk full"), atomic_path(out) as path:
        path.write_bytes(b"half")
        path.with_name(path.name + ".aux.xml").write_text("side file")
        raise OSError("disk full")
    assert out.read_bytes() == b"good"
    assert names(tmp_path) == ["grade.tif"]


def test_a_file_that_fails_its_check_is_not_put_in_place(tmp_path):
    out = tmp_path / "samples.parquet"

    def check(path):
        if path.read_bytes() != b"whole":
            raise ValueError("torn")

    with (
        pytest.raises(ArtefactError, match=r"samples\.parquet was written, but cannot be read back: torn\. Check the disk"),
        atomic_path(out, check) as path,
    ):
        path.write_bytes(b"half")
    assert names(tmp_path) == []
    with atomic_path(out, check) as path:
        path.write_bytes(b"whole")
    assert names(tmp_path) == ["samples.parquet"]


def test_bytes_that_do_not_read_back_are_not_put_in_place(tmp_path, monkeypatch):
    out = tmp_path / "classes.tif"
    out.write_bytes(b"good")
    write_bytes = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, content: write_bytes(path, content[:-1]))  # what a disk does that loses the end
    with pytest.raises(ArtefactError, match="does not read back as it was written"):
        write_whole(out, b"whole")
    assert out.read_bytes() == b"good"
    assert names(tmp_path) == ["classes.tif"]


def test_a_library_that_hides_a_full_disk_is_found_out(tmp_path, monkeypatch):
    def full(*_arguments, **_named):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught, atomic_path(tmp_path / "grade.tif"):
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
        raise RuntimeError("TIFFAppendToStrip:Seek error at scanline 0")  # all that GDAL has to say
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "grade.tif"))


def test_an_error_of_the_system_names_the_file_that_people_know(tmp_path):
    with pytest.raises(OSError, match="full") as caught, atomic_path(tmp_path / "grade.tif") as path:
        raise OSError(errno.ENOSPC, "full", str(path))
    assert caught.value.filename == str(tmp_path / "grade.tif")


def folder_of(path, content):
    (path / "array").mkdir(parents=True)
    (path / "array" / "0").write_text(content)
    return path


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    out = folder_of(tmp_path / "realisations.zarr", "old")
    put_folder_in_place(folder_of(tmp_path / f"{TEMPORARY_PREFIX}new", "new"), out)
    assert (out / "array" / "0").read_text() == "new"
    assert names(tmp_path) == ["realisations.zarr"]


@pytest.mark.parametrize("act", ["put_folder_in_place", "remove_folder"])
def test_no_half_of_a_folder_ever_stands_under_its_name(tmp_path, monkeypatch, act):
    """Killed at the first file that is removed: the name is free by then."""
    out = folder_of(tmp_path / "realisations.zarr", "old")

    def killed(_folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    new = folder_of(tmp_path / f"{TEMPORARY_PREFIX}new", "new")
    with pytest.raises(KeyboardInterrupt):
        put_folder_in_place(new, out) if act == "put_folder_in_place" else remove_folder(out)
    assert not out.exists()
    monkeypatch.undo()
    clean_stale_temporaries(tmp_path)
    assert names(tmp_path) == []


def test_writing_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "grade.tif"):
        pass
    assert names(tmp_path) == []


def test_brackets_in_a_name_are_no_pattern(tmp_path):
    with pytest.raises(ValueError, match="stop"), atomic_path(tmp_path / "a[1].csv") as path:
        path.write_text("half")
        raise ValueError("stop")
    assert names(tmp_path) == []


def test_a_product_can_be_read_by_those_whom_the_umask_lets(tmp_path):
    out = tmp_path / "grade.tif"
    before = os.umask(0o022)
    try:
        with atomic_path(out) as path:
            path.write_bytes(b"whole")
    finally:
        os.umask(before)
    assert out.stat().st_mode & 0o777 == 0o644


def test_a_killed_writer_leaves_no_torn_file(tmp_path):
    out = tmp_path / "grade.tif"
    out.write_bytes(b"good")
    program = f"""
import time
from pathlib import Path
from pipeline.files import atomic_path
with atomic_path(Path({str(out)!r})) as path:
    path.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    assert out.read_bytes() == b"good"
    assert len(clean_stale_temporaries(tmp_path)) == 1
    assert names(tmp_path) == ["grade.tif"]


def test_the_hash_is_that_of_the_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, example B.1


def test_an_unchanged_file_keeps_its_date(tmp_path):
    path = tmp_path / "list.json"
    assert write_if_changed(path, "a")
    os.utime(path, ns=(1, 1))
    assert not write_if_changed(path, b"a")
    assert path.stat().st_mtime_ns == 1
    assert write_if_changed(path, "b")
    assert path.stat().st_mtime_ns > 1


def test_a_changed_file_is_newer_than_what_is_made_from_it(tmp_path):
    product = tmp_path / "grade.tif"
    product.write_bytes(b"")
    ahead_ns = time.time_ns() + 3_600_000_000_000
    os.utime(product, ns=(ahead_ns, ahead_ns))
    path = tmp_path / "list.json"
    write_if_changed(path, "a", newer_than=[product, tmp_path / "missing"])
    assert path.stat().st_mtime_ns > ahead_ns


def test_the_newest_of_nothing_is_the_beginning_of_time(tmp_path):
    assert newest_mtime_ns([tmp_path / "missing"]) == 0


def test_a_second_build_waits_and_says_for_whom(tmp_path):
    program = f"from pathlib import Path\nfrom pipeline.files import build_lock\nwith build_lock(Path({str(tmp_path)!r})): print('mine')"
    with build_lock(tmp_path):
        second = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert second.stderr is not None
        said = second.stderr.readline()
    out, _ = second.communicate(timeout=30)
    assert "waiting" in said
    assert str(tmp_path) in said
    assert out == "mine\n"
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")
def test_the_holder_of_a_lock_is_known_or_none(tmp_path):
    assert lock_holder(tmp_path) is None
    with build_lock(tmp_path):
        assert lock_holder(tmp_path) in (os.getpid(), None)  # a container may hide it


def test_the_same_value_is_the_same_text():
    assert json_text({"b": 1, "a": "海"}) == json_text({"a": "海", "b": 1}) == '{\n "a": "海",\n "b": 1\n}\n'
