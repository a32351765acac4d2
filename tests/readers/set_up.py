"""Make ``.venv-readers``: programs that read exports back and are no part of the build. Run by ``make set-up-readers``.

Wheels first, then what is published as source alone, built by what the first step installed: every file is checked against its hash.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / ".venv-readers"
PYTHON = VENV / "bin" / "python"
LOCKS = (HERE / "requirements.lock", HERE / "source.lock")
STAMP = VENV / ".lock-sha256"


def main() -> int:
    """Make the environment where it is missing or was made from other locks; 1 if that fails."""
    stamp = " ".join(hashlib.sha256(lock.read_bytes()).hexdigest() for lock in LOCKS) + f" {VENV}\n"
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == stamp and PYTHON.exists():
        return 0
    shutil.rmtree(VENV, ignore_errors=True)
    print("set-up: .venv-readers from tests/readers/*.lock (once, half a minute)", flush=True)
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX")}
    for command in commands():
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            print(f"set-up: {' '.join(map(str, command[:4]))} … failed:\n{done.stdout[-2000:]}", file=sys.stderr)
            shutil.rmtree(VENV, ignore_errors=True)
            return 1
    STAMP.write_text(stamp, encoding="utf-8")
    return 0


def commands() -> list[list[str | Path]]:
    """By uv where it is there, else by pip."""
    wheels, source = LOCKS
    base = getattr(sys, "_base_executable", None) or sys.executable
    uv = shutil.which("uv")
    if uv:
        install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", PYTHON, "--require-hashes"]
        made: list[str | Path] = [uv, "venv", "--quiet", "--no-project", "--python", base, VENV]
    else:
        install = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        made = [base, "-m", "venv", VENV]
    return [
        made,
        [*install, "--only-binary", ":all:", "-r", wheels],
        [*install, "--no-deps", "--no-build-isolation", "-r", source],
    ]


if __name__ == "__main__":
    sys.exit(main())
