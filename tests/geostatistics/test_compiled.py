import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.geostatistics.compiled import kernel_folder

ROOT = Path(__file__).parents[2]
KRIGE = """
import numpy as np
from pipeline.geostatistics.covariance import CovarianceModel, Structure
from pipeline.geostatistics.kriging import krige
model = CovarianceModel(0.0, (Structure("spherical", 1.0, 100.0),))
print(krige(np.array([[0.0, 0, 0], [50.0, 0, 0]]), np.array([1.0, 3.0]), model, np.array([[10.0, 0, 0]])).variance[0])
"""


@pytest.mark.slow
def test_an_edit_in_an_imported_module_reaches_kernels_that_were_compiled_before(tmp_path):
    """numba itself would run the old covariance inside the cached kriging kernel."""
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__", "web"))
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    env = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}

    def variance():
        done = subprocess.run([sys.executable, "-c", KRIGE], cwd=tmp_path, env=env, capture_output=True, text=True, check=True, timeout=300)
        return float(done.stdout)

    first = variance()
    assert len(list((tmp_path / ".cache").glob("numba-*/**/*.nbi"))) > 0
    assert variance() == first
    source = tmp_path / "pipeline" / "geostatistics" / "covariance.py"
    text = source.read_text(encoding="utf-8")
    steeper, changed = re.subn(r"1\.0 - h \* \(1\.5 - 0\.5 \* h \* h\)", "(1.0 - h) * (1.0 - h)", text)
    assert changed == 1
    source.write_text(steeper, encoding="utf-8")
    # K = [[1, 0.25], [0.25, 1]], c = [0.81, 0.36]: 1 - c'K^-1 c + (1 - 1'K^-1 c)^2 / 1'K^-1 1
    explained = (0.81**2 + 0.36**2 - 2 * 0.25 * 0.81 * 0.36) / (1 - 0.25**2)
    assert variance() == pytest.approx(1 - explained + (1 - 1.17 / 1.25) ** 2 / (2 / 1.25), rel=1e-10)
    assert first != pytest.approx(variance())


def test_where_no_folder_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("")
    assert kernel_folder([tmp_path / "file", tmp_path / "file" / "deeper"]) is None
    assert kernel_folder([tmp_path / "file", tmp_path / "folder"]).parent == tmp_path / "folder"
