"""Make ``.venv`` from ``requirements.lock``: with uv if it is there, else with pip. Standard library only.

Any Python 3 runs this file, so that one too old for the rest can say so in one line. Nothing is done when the
environment already holds what the lock asks for.
"""

import collections.abc
import contextlib
import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIND = "-peers" if "--peers" in sys.argv[1:] else ""  # the environment of programs that ours is compared with
LOCK = os.path.join(ROOT, "requirements{}.lock".format(KIND))
VENV = os.path.join(ROOT, ".venv" + KIND)
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, ".lock-sha256")
CACHE = os.path.join(ROOT, ".cache")
LOG = os.path.join(CACHE, "set-up.log")

NO_NETWORK = "connection|connect error|name resolution|dns error|error sending request|unreachable|timed out|proxyerror|from versions: none"

# What each failure of an installer means for the person at the keyboard; the first pattern found wins.
DIAGNOSES = (
    ("no space left|disk quota", "the disk is full: free about 2 GB and type the command again"),
    ("do not match the hashes|hash mismatch", "a package differs from its hash in requirements.lock: use another package index"),
    ("certificate", "the package index is not trusted: install ca-certificates, or name yours in PIP_CERT and SSL_CERT_FILE"),
    (
        NO_NETWORK,
        "no package index can be reached: connect to the network, or name a mirror in PIP_INDEX_URL and UV_DEFAULT_INDEX",
    ),
    (
        "no matching distribution|no solution found|no usable wheels|has no wheels|wheels are required",
        "a package is not made for this Python on this system: install Python 3.11 to 3.14",
    ),
    ("permission denied|read-only file system", "the folder cannot be written: copy the repository to a folder of your own"),
)


class SetUpError(Exception):
    """What is missing and how to get it, in one line."""


def up_to_date() -> bool:
    """Whether ``.venv`` was completed from the present lock and its Python is there.

    Raises
    ------
    OSError
        If that cannot be found out now (too many open files, no right to read): no reason to remove a good environment.
    """
    try:
        with open(STAMP) as file:
            return file.read() == stamp_text() and os.access(PYTHON, os.X_OK)
    except (FileNotFoundError, NotADirectoryError):
        return False


def stamp_text() -> str:
    """Hash of the lock, and where the environment was made: an environment cannot be moved."""
    with open(LOCK, "rb") as file:
        return "{}  {}\n".format(hashlib.sha256(file.read()).hexdigest(), VENV)


def make_environment() -> None:
    """Make ``.venv`` anew. A half-made one has no stamp and is made again.

    Raises
    ------
    SetUpError
        If Python, pip or the network is missing.
    """
    os.makedirs(CACHE, exist_ok=True)
    failures = []
    for name, commands in installers():
        remove_environment()
        say("set-up: .venv{0} from requirements{0}.lock with {1} (once, a minute or two)".format(KIND, name))
        output = run_all(commands)
        if output is None:
            with open(STAMP, "w") as file:
                file.write(stamp_text())
            return
        failures.append(output)
    remove_environment()
    raise SetUpError(diagnosis(failures))


def installers() -> "list[tuple[str, list[list[str]]]]":
    """Name and commands of each way to make the environment, best first.

    Raises
    ------
    SetUpError
        If there is none.
    """
    ways = []
    new_enough = sys.version_info >= OLDEST
    this_python = getattr(sys, "_base_executable", None) or sys.executable
    uv = shutil.which("uv")
    if uv:
        # Told to, uv finds a newer Python than the one that runs this file.
        python = this_python if new_enough else ">=3.11,<3.15"
        ways.append(
            (
                "uv",
                [
                    [uv, "venv", "--quiet", "--no-project", "--python", python, VENV],
                    [
                        uv,
                        "pip",
                        "install",
                        "--python",
                        PYTHON,
                        "--require-hashes",
                        "--only-binary",
                        ":all:",
                        "--compile-bytecode",
                        "-r",
                        LOCK,
                    ],
                ],
            )
        )
    if new_enough:
        install = [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--retries",
            "2",
            "-r",
            LOCK,
        ]
        if importable("venv") and importable("ensurepip"):
            ways.append(("pip", [[this_python, "-m", "venv", VENV], [PYTHON, "-m", "pip", *install]]))
        elif importable("venv") and importable("pip"):
            # Debian parts ensurepip from venv; a pip outside can fill an environment that has none.
            ways.append(("pip", [[this_python, "-m", "venv", "--without-pip", VENV], [this_python, "-m", "pip", "--python", PYTHON, *install]]))
    if ways:
        return ways
    found = "{}.{}.{}".format(*sys.version_info[:3])
    package = "python{}.{}-venv".format(*sys.version_info[:2])
    message = "Python {} has no venv module with pip: install {} (Debian, Ubuntu: apt install {}), or uv".format(found, package, package)
    if not new_enough:
        message = "Python 3.11 or newer is needed and this is {}: install python3.11 (or newer), or uv".format(found)
    raise SetUpError(message)


def importable(module: str) -> bool:
    """Whether a module is there, without importing what it needs."""
    import importlib.util

    return importlib.util.find_spec(module) is not None


def run_all(commands: "list[list[str]]") -> "str | None":
    """Run commands one after the other; None if all went well, else what the failed one said."""
    for command in commands:
        try:
            done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        except OSError as error:
            return "{}: {}".format(command[0], error)
        output = done.stdout.decode("utf-8", "replace")
        with open(LOG, "a", encoding="utf-8") as file:
            file.write("$ {}\n{}\n".format(" ".join(command), output))
        if done.returncode:
            return output
    return None


def environment() -> "dict[str, str]":
    """The surroundings of an installer: nothing that sends packages elsewhere, and a home where there is none."""
    env = dict(os.environ)
    for name in (
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSAFEPATH",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_USER",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "__PYVENV_LAUNCHER__",
    ):
        env.pop(name, None)
    home = env.get("HOME", "")
    if not os.path.isdir(home) or not os.access(home, os.W_OK):
        env["HOME"] = os.path.join(CACHE, "home")
        os.makedirs(env["HOME"], exist_ok=True)
    return env


def diagnosis(failures: "list[str]") -> str:
    """One line on what went wrong and what to do."""
    text = failures[-1]
    for pattern, advice in DIAGNOSES:
        if re.search(pattern, text, re.IGNORECASE):
            return advice + where_to_look()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if re.match("error", line, re.IGNORECASE)] or lines or ["no word from the installer"]
    return "the installer failed: {}{}".format(said[-1][:200], where_to_look())


def where_to_look() -> str:
    """The place of the whole log."""
    return " (all it said: .cache/set-up.log)"


def remove_environment() -> None:
    """Remove ``.venv``, whole or half-made."""
    if os.path.islink(VENV):
        os.unlink(VENV)
    elif os.path.isdir(VENV):
        shutil.rmtree(VENV)


@contextlib.contextmanager
def repository_held() -> "collections.abc.Iterator[None]":
    """Lock the repository's folder, so that two calls never make one environment at a time."""
    import fcntl

    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                say("set-up: another process is making .venv{}, waiting".format(KIND))
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # else a network folder without locks: go on without
        yield
    finally:
        os.close(descriptor)


def say(line: str) -> None:
    """Tell the person at the keyboard, apart from any output that is data."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(arguments: "list[str]") -> int:
    """Make the environment if need be; with ``--check`` only tell whether it is up to date.

    Returns
    -------
    int
        0 when the environment is as the lock says, 1 after ``--check`` when it is not, 2 when something is missing.
    """
    try:
        if up_to_date():
            return 0
        if "--check" in arguments:
            return 1
        with repository_held():
            if not up_to_date():  # the process that we waited for may have made it
                make_environment()
                say("set-up: done")
    except SetUpError as error:
        say("set-up: {}".format(error))
        return 2
    except OSError as error:
        place = "{}: ".format(error.filename) if error.filename else ""
        say("error: set-up: {}{}. Mend that, then type the command again".format(place, error.strerror))
        return 2
    except KeyboardInterrupt:
        say("set-up: interrupted; type the command again to start afresh")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
