"""A small survey as the frame that the checks of samples take."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.intake.row_groups import ORDER

SOUND = {
    "core_id": "A",
    "longitude_deg": 153.6,
    "latitude_deg": 21.9,
    "water_depth_m": 5700.0,
    "penetration_m": 3.0,
    "from_m": 0.0,
    "to_m": 0.5,
    "dy_ppm": 40.5,
    "gd_ppm": 44.0,
    "dry_bulk_density_t_m3": 0.55,
    "laboratory": "",
    "qc_type": "",
    "source_file": "cores/a.csv",
    "source_row": 2,
}


def core(core_id="A", tops_m=(0.0, 0.5, 1.0), file="cores/a.csv", first_row=2, **cells):
    """Rows of one core, each half a metre long."""
    return [
        {**SOUND, "core_id": core_id, "from_m": top, "to_m": top + 0.5, "source_file": file, "source_row": first_row + i, **cells}
        for i, top in enumerate(tops_m)
    ]


def table(*rows):
    """The rows in the order that every check expects."""
    frame = pd.DataFrame(list(rows)).sort_values(list(ORDER), ignore_index=True)
    return frame.astype({name: object for name in frame if isinstance(frame[name].iloc[0], str)})


def shuffled(frame, seed=0):
    """The same rows as if they had stood otherwise in the files, sorted again."""
    order = np.random.default_rng(seed).permutation(len(frame))
    return frame.iloc[order].sort_values(list(ORDER), ignore_index=True)
