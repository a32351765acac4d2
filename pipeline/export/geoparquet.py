"""Every layer, and the blocks, as GeoParquet 1.1: one file each, with the bounds of every row."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np

from pipeline.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from pipeline.export.blocks import Blocks
    from pipeline.export.features import Layer
    from pipeline.export.results import Results


def write_geoparquet(results: Results, layers: list[Layer], blocks: Blocks | None, folder: Path) -> list[Path]:
    """Write a file for each layer, and ``blocks.parquet``: known blocks as points at their middle, elevation where it is known."""
    written = []
    for layer in layers:
        out = folder / f"{layer.name}.parquet"
        _write(layer.frame, {"title": layer.title, "title_ja": layer.title_ja}, results, out)
        written.append(out)
    if blocks is not None and blocks.known.any():
        out = folder / "blocks.parquet"
        _write(_points(results, blocks), {"title": "Blocks", "title_ja": "ブロック"}, results, out)
        written.append(out)
    return written


def _points(results: Results, blocks: Blocks) -> gpd.GeoDataFrame:
    import geopandas as gpd

    layer, _, _ = np.nonzero(blocks.known)
    easting_m, northing_m, elevation_m = blocks.middles_m().T
    top_m, bottom_m = blocks.layers.tops_m[layer], blocks.layers.bottoms_m[layer]
    place = {"easting_m": easting_m, "northing_m": northing_m, "elevation_m": elevation_m, "top_m": top_m, "bottom_m": bottom_m}
    values = {name: array[blocks.known] for name, array in blocks.values.items()}
    points = gpd.points_from_xy(easting_m, northing_m)
    return gpd.GeoDataFrame({**place, **values, "data_kind": results.marks.text()}, geometry=points, crs=blocks.grid.crs)


def _write(frame: gpd.GeoDataFrame, said: dict[str, str], results: Results, out: Path) -> None:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, schema_version="1.1.0", geometry_encoding="WKB", write_covering_bbox=True)
    table = pq.read_table(buffer)
    notes = {**said, **results.marks.tags(), "assessment": results.title}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"assessment": json.dumps(notes, sort_keys=True).encode()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")

    def check(path: Path) -> None:
        if pq.read_metadata(path).num_rows != len(frame):
            message = f"it does not hold {len(frame)} rows"
            raise ValueError(message)

    write_whole(out, buffer.getvalue(), check)
