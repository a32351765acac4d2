"""Every layer of points and polygons in one GeoPackage, with the styles that QGIS takes for its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from pipeline.export.qgis_style import vector_style
from pipeline.files import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.export.features import Layer
    from pipeline.export.results import Results

_NO_DATE: Final = "1970-01-01T00:00:00.000Z"
"""In place of the date of writing, so that the same results are the same bytes."""

_VERSION: Final = "1.3"  # a program of 2022 reads it without a warning

_STYLES: Final = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
  f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)"""


def write_geopackage(results: Results, layers: list[Layer], out: Path) -> Path | None:
    """Write the layers, their titles, and a style for each; ``None`` where there is no layer."""
    if not layers:
        return None
    import pyogrio

    def check(path: Path) -> None:
        found = {str(name) for name, _ in pyogrio.list_layers(path)}
        if not found >= {layer.name for layer in layers}:
            message = f"it lacks a layer of {', '.join(layer.name for layer in layers)}"
            raise ValueError(message)

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _NO_DATE})
    try:
        with atomic_path(out, check) as temporary:
            for number, layer in enumerate(layers):
                pyogrio.write_dataframe(
                    layer.frame,
                    temporary,
                    layer=layer.name,
                    driver="GPKG",
                    append=number > 0,
                    geometry_type="MultiPolygon" if layer.style.shape == "fill" else "Point",
                    dataset_options={"VERSION": _VERSION} if number == 0 else {},
                    layer_options={"IDENTIFIER": layer.title, "DESCRIPTION": f"{layer.title_ja}. {results.title}"},
                )
            _put_styles(layers, temporary)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
    return out


def _put_styles(layers: list[Layer], path: Path) -> None:
    """The table that QGIS looks for, registered as one without geometry."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLES)
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change) VALUES ('layer_styles', 'attributes', 'layer_styles', ?)",
            (_NO_DATE,),
        )
        for layer in layers:
            database.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML, styleSLD, "
                "useAsDefault, description, owner, update_time) VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '', ?)",
                (layer.name, layer.name, vector_style(layer.style), f"{layer.title} / {layer.title_ja}", _NO_DATE),
            )
