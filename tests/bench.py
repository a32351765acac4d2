"""Time and memory of a build from nothing, into folders that are thrown away: ``make bench``."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Build twice (kernels compile in the first) and print seconds and the memory of the largest process."""
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    for run in ("first", "second"):
        with tempfile.TemporaryDirectory() as folder:
            command = ["make", "all", f"PROCESSED={Path(folder) / 'processed'}", f"MAPS={Path(folder) / 'maps'}"]
            begin = time.perf_counter()
            code = subprocess.run(command, env=env, check=False).returncode
            seconds = time.perf_counter() - begin
        if code:
            return code
        # Linux counts in KiB, macOS in bytes.
        peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1e6 if sys.platform == "darwin" else 1024)
        print(f"{run} build from nothing: {seconds:.1f} s; largest process {peak_mb:.0f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
