"""A browser for the tests: find Chromium, Chrome or Edge; on Debian, as root, install one.

``python tests/browser.py`` runs before the tests and installs what it may; ``--remind`` runs after them and says what to type.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge-stable",
    "microsoft-edge",
)
PLACES = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"),
)
PACKAGES = {"chromium": "a browser", "fonts-noto-cjk": "Japanese letters"}


@cache
def find_browser() -> Path | None:
    """Chromium, Chrome or Edge that starts, or None."""
    found = [Path(path) for path in map(shutil.which, NAMES) if path]
    return next((path for path in [*found, *PLACES] if path.is_file() and _starts(path)), None)


def _starts(browser: Path) -> bool:
    # Ubuntu's chromium-browser is a stub that only asks for a snap.
    try:
        return subprocess.run([browser, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def main(arguments: list[str]) -> int:
    """Install what is missing and may be installed; 1 if tests must not go on without a browser (CI=true)."""
    if arguments == ["--remind"]:
        if find_browser() is None:
            print(f"The browser tests were skipped: {how_to_get_one()}")
        return 0
    missing = missing_packages()
    if missing and os.environ.get("BROWSER") != "skip" and may_install():
        install(missing)
        find_browser.cache_clear()
    if find_browser() is None and os.environ.get("CI") == "true":
        print(f"tests: no browser, and CI=true demands one: {how_to_get_one()}", file=sys.stderr)
        return 1
    return 0


def missing_packages() -> list[str]:
    """Debian packages that the tests lack."""
    has = {"chromium": find_browser() is not None, "fonts-noto-cjk": has_japanese_font()}
    return [package for package in PACKAGES if not has[package]]


def has_japanese_font() -> bool:
    """Whether a font with Japanese letters is installed."""
    lister = shutil.which("fc-list")
    if lister:
        return bool(subprocess.run([lister, ":lang=ja"], capture_output=True, check=False).stdout.strip())
    return Path("/usr/share/fonts/opentype/noto").is_dir()


def may_install() -> bool:
    """Whether this is Debian and we are root: elsewhere the person decides."""
    release = Path("/etc/os-release")
    on_debian = release.is_file() and "ID=debian" in release.read_text(encoding="utf-8").splitlines()
    return on_debian and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str], what_for: str = "") -> None:
    """Install Debian packages and say so; a failure is told and left to the tests."""
    names = " and ".join(f"{package} ({PACKAGES.get(package, what_for)})" for package in packages)
    refused = "" if what_for else "; BROWSER=skip refuses"
    print(f"tests: installing {names} with apt-get{refused}", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            last = (done.stdout.strip().splitlines() or ["no word"])[-1]
            print(f"tests: {' '.join(command)} failed: {last}", file=sys.stderr, flush=True)
            return


def how_to_get_one() -> str:
    """The one line to type."""
    if sys.platform == "darwin":
        return "type  brew install --cask google-chrome  and make test again"
    if shutil.which("apt-get"):
        return "type  sudo apt-get install chromium fonts-noto-cjk  and make test again"
    return "install Chromium, Chrome or Edge (Fedora: sudo dnf install chromium) and type make test again"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
