import ast
import re
from pathlib import Path

import pytest

from pipeline import bootstrap

ROOT = Path(__file__).parent.parent
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-peers.lock"]


def test_a_python_too_old_can_read_what_tells_it_so():
    ast.parse((ROOT / "pipeline" / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_and_hashes_everything_and_names_no_address(lock):
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    assert "://" not in text
    for line in text.splitlines():
        assert re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


@pytest.fixture
def empty_repository(tmp_path, monkeypatch):
    (tmp_path / "requirements.lock").write_text("numpy==2.0\n")
    for name, path in {
        "ROOT": ".",
        "LOCK": "requirements.lock",
        "VENV": ".venv",
        "PYTHON": ".venv/bin/python",
        "STAMP": ".venv/.lock-sha256",
        "CACHE": ".cache",
        "LOG": ".cache/log",
    }.items():
        monkeypatch.setattr(bootstrap, name, str(tmp_path / path))
    return tmp_path


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Failed to establish a new connection: [Errno 101] Network is unreachable", "connect to the network"),
        ("error: Failed to fetch: dns error", "connect to the network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "use another package index"),
        ("[Errno 28] No space left on device", "the disk is full"),
        ("Wheels are required for `pyproj` because building from source is disabled", "install Python 3.11 to 3.14"),
        ("ERROR: something nobody thought of", "something nobody thought of"),
    ],
)
def test_what_is_missing_is_one_line(empty_repository, monkeypatch, capsys, said, advice):
    monkeypatch.setattr(bootstrap, "installers", lambda: [("pip", [["sh", "-c", f"echo '{said}'; exit 1"]])])
    assert bootstrap.main([]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("set-up: ")
    assert advice in last


def test_without_venv_and_uv_the_package_to_install_is_named(empty_repository, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "importable", lambda _module: False)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _name: None)
    assert bootstrap.main([]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(r"install python3\.\d+-venv", error)


def test_an_environment_that_cannot_be_looked_at_is_not_removed(empty_repository, monkeypatch, capsys):
    """Too few file handles once made set-up throw a good environment away."""
    monkeypatch.setattr(bootstrap, "installers", lambda: pytest.fail("the environment is made anew"))
    (empty_repository / ".venv").mkdir()
    (empty_repository / ".venv" / ".lock-sha256").mkdir()  # opening it fails, and not because it is missing
    assert bootstrap.main([]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Is a directory. Mend that" in said
    assert (empty_repository / ".venv").is_dir()


def test_a_half_made_environment_is_made_again(empty_repository, monkeypatch):
    (empty_repository / ".venv" / "bin").mkdir(parents=True)
    (empty_repository / ".venv" / "half").touch()
    make = f"mkdir -p '{empty_repository}/.venv/bin'; ln -s /bin/sh '{empty_repository}/.venv/bin/python'"
    monkeypatch.setattr(bootstrap, "installers", lambda: [("sh", [["sh", "-c", make]])])
    assert bootstrap.main(["--check"]) == 1
    assert bootstrap.main([]) == 0
    assert not (empty_repository / ".venv" / "half").exists()
    assert bootstrap.main(["--check"]) == 0
    (empty_repository / "requirements.lock").write_text("numpy==2.1\n")
    assert bootstrap.main(["--check"]) == 1
