"""GDAL's own tools for the tests: find a Python that has them; on Debian, as root, install them.

``python tests/debian_gdal.py`` runs before the tests. They are another build of GDAL than the one that writes, so that they judge it from outside.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from browser import install, may_install

PACKAGES = ["gdal-bin", "python3-gdal"]
VALIDATOR = "osgeo_utils.samples.validate_cloud_optimized_geotiff"


def clean_environment() -> dict[str, str]:
    """The surroundings without what points GDAL or Python at the libraries of the build."""
    ours = ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in ours}


@cache
def gdal_python() -> Path | None:
    """A Python of the system that imports GDAL and its validator, or None."""
    found = [Path(path) for path in ("/usr/bin/python3", shutil.which("python3") or "") if path]
    return next((path for path in found if path.is_file() and _imports(path)), None)


def _imports(python: Path) -> bool:
    command = [python, "-c", f"import osgeo.gdal, {VALIDATOR}"]
    try:
        return subprocess.run(command, env=clean_environment(), capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def main() -> int:
    """Install what is missing and may be installed; 1 if tests must not go on without it (CI=true, Debian, root)."""
    if gdal_python() is None and may_install():
        install(PACKAGES, "GDAL's own validator")
        gdal_python.cache_clear()
    if gdal_python() is None and must_be_there():
        print(f"tests: GDAL's validator is missing, and CI=true demands it: apt-get install {' '.join(PACKAGES)}", file=sys.stderr)
        return 1
    return 0


def must_be_there() -> bool:
    """Whether a test may not be skipped for want of it."""
    return os.environ.get("CI") == "true" and may_install()


if __name__ == "__main__":
    sys.exit(main())
