"""Styles that QGIS reads (.qml): a colour scale with its unit for a band, symbols for points and polygons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pipeline.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.export.colours import Ramp

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_WRITTEN_FOR = "3.22"  # the oldest version it was opened with; newer ones read it

_POINT_MM, _LINE_MM = "2.4", "0.3"


@dataclass(frozen=True)
class VectorStyle:
    """How a layer of points, lines or polygons is drawn.

    Parameters
    ----------
    shape : str
        ``marker``, ``line`` or ``fill``.
    colour : str
        ``#rrggbb`` of all, or of outlines where a fill is empty.
    column : str
        Column whose values have colours; empty for one symbol.
    colours : mapping of str to (str, str), optional
        By value of the column: colour and label.
    ramp : Ramp, optional
        Instead: colours of a column of numbers.
    unit : str
        Of that column.
    label : str
        Column that is written beside each; empty for none.
    outline_only : bool
        Polygons are not filled.
    marker : str
        Form of a point, as QGIS names it.
    """

    shape: str
    colour: str
    column: str = ""
    colours: Mapping[str, tuple[str, str]] | None = None
    ramp: Ramp | None = None
    unit: str = ""
    label: str = ""
    outline_only: bool = False
    marker: str = "circle"


def raster_style(band: int, ramp: Ramp, unit: str) -> str:
    """Style of a band of numbers, the unit in its legend.

    Parameters
    ----------
    band : int
        Number of the band, from 1.
    ramp : Ramp
    unit : str
        ``1`` says nothing in a legend.
    """
    suffix = "" if unit == "1" else f" {unit}"
    qgis = _root("raster")
    pipe = ET.SubElement(qgis, "pipe")
    ends = {"classificationMin": _text(ramp.low), "classificationMax": _text(ramp.high)}
    renderer = ET.SubElement(
        pipe, "rasterrenderer", {"type": "singlebandpseudocolor", "band": str(band), "opacity": "1", "alphaBand": "-1", "nodataColor": "", **ends}
    )
    ET.SubElement(renderer, "rasterTransparency")
    origin = ET.SubElement(renderer, "minMaxOrigin")
    for name, said in {"limits": "None", "extent": "WholeRaster", "statAccuracy": "Exact"}.items():
        ET.SubElement(origin, name).text = said
    shown = {"colorRampType": "INTERPOLATED", "classificationMode": "1", "clip": "0", "labelPrecision": "4"}
    limits = {"minimumValue": _text(ramp.low), "maximumValue": _text(ramp.high)}
    shader = ET.SubElement(ET.SubElement(renderer, "rastershader"), "colorrampshader", {**shown, **limits})
    _gradient(shader, ramp)
    for value, colour in ramp.colours:
        ET.SubElement(shader, "item", {"value": _text(value), "color": colour, "alpha": "255", "label": f"{_text(value)}{suffix}"})
    # The legend is a continuous bar: QGIS writes this behind the numbers at its ends.
    legend = {
        "minimumLabel": "",
        "maximumLabel": "",
        "prefix": "",
        "suffix": suffix,
        "direction": "0",
        "orientation": "2",
        "useContinuousLegend": "1",
    }
    ET.SubElement(shader, "rampLegendSettings", legend)
    return _written(qgis)


def code_style(band: int, legend: Mapping[int, tuple[str, str]]) -> str:
    """Style of a band of codes: colour and label of each."""
    qgis = _root("raster")
    pipe = ET.SubElement(qgis, "pipe")
    renderer = ET.SubElement(pipe, "rasterrenderer", {"type": "paletted", "band": str(band), "opacity": "1", "alphaBand": "-1", "nodataColor": ""})
    palette = ET.SubElement(renderer, "colorPalette")
    for code, (colour, label) in legend.items():
        ET.SubElement(palette, "paletteEntry", {"value": str(code), "color": colour, "alpha": "255", "label": printable(label)})
    return _written(qgis)


def vector_style(style: VectorStyle) -> str:
    """Style of a layer of points, lines or polygons."""
    qgis = _root("vector")
    if style.colours is not None:
        renderer = ET.SubElement(qgis, "renderer-v2", {"type": "categorizedSymbol", "attr": style.column, "enableorderby": "0", "symbollevels": "0"})
        categories, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
        for number, (value, (colour, label)) in enumerate(style.colours.items()):
            ET.SubElement(categories, "category", {"value": printable(value), "symbol": str(number), "label": printable(label), "render": "true"})
            _symbol(symbols, str(number), style, colour)
    elif style.ramp is not None:
        _graduated(qgis, style, style.ramp)
    else:
        renderer = ET.SubElement(qgis, "renderer-v2", {"type": "singleSymbol", "enableorderby": "0", "symbollevels": "0"})
        _symbol(ET.SubElement(renderer, "symbols"), "0", style, style.colour)
    if style.label:
        labelling = ET.SubElement(ET.SubElement(qgis, "labeling", {"type": "simple"}), "settings", {"calloutType": "simple"})
        text = {"fieldName": style.label, "fontSize": "8", "fontSizeUnit": "Point", "textColor": "30,30,30,255", "isExpression": "0"}
        written = ET.SubElement(labelling, "text-style", text)
        ET.SubElement(written, "text-buffer", {"bufferDraw": "1", "bufferSize": "0.8", "bufferSizeUnits": "MM", "bufferColor": "255,255,255,255"})
        ET.SubElement(labelling, "placement", {"placement": "0" if style.shape == "marker" else "1", "dist": "1.5", "distUnits": "MM"})
        ET.SubElement(labelling, "rendering", {"drawLabels": "1", "obstacle": "1"})
    return _written(qgis)


def _graduated(qgis: ET.Element, style: VectorStyle, ramp: Ramp) -> None:
    """Classes of equal width, coloured as the middle of each on the scale."""
    renderer = ET.SubElement(
        qgis,
        "renderer-v2",
        {"type": "graduatedSymbol", "attr": style.column, "graduatedMethod": "GraduatedColor", "enableorderby": "0", "symbollevels": "0"},
    )
    ranges, symbols = ET.SubElement(renderer, "ranges"), ET.SubElement(renderer, "symbols")
    unit = f" {style.unit}" if style.unit else ""
    stops = ramp.colours[::2]
    middles = ramp.colours[1::2]
    for number, ((low, _), (high, _), (_, colour)) in enumerate(zip(stops, stops[1:], middles, strict=False)):
        label = f"{_text(low)} – {_text(high)}{unit}"
        # What lies over the ends has the colour of the end.
        lower = "-1e+30" if number == 0 else _text(low)
        upper = "1e+30" if number == len(middles) - 1 else _text(high)
        ET.SubElement(ranges, "range", {"lower": lower, "upper": upper, "symbol": str(number), "label": label, "render": "true"})
        _symbol(symbols, str(number), style, colour)


def _symbol(symbols: ET.Element, name: str, style: VectorStyle, colour: str) -> None:
    symbol = ET.SubElement(symbols, "symbol", {"type": style.shape, "name": name, "alpha": "1", "clip_to_extent": "1", "force_rhr": "0"})
    line = {"outline_color": "60,60,60,255", "outline_style": "solid", "outline_width": _LINE_MM, "outline_width_unit": "MM"}
    if style.shape == "marker":
        kind, options = "SimpleMarker", {"color": _rgba(colour), "name": style.marker, "size": _POINT_MM, "size_unit": "MM", **line}
    elif style.shape == "line":
        kind, options = "SimpleLine", {"line_color": _rgba(colour), "line_width": "0.5", "line_width_unit": "MM", "line_style": "solid"}
    elif style.outline_only:
        outline = {**line, "outline_color": _rgba(colour), "outline_width": "0.6"}
        kind, options = "SimpleFill", {"color": "0,0,0,0", "style": "no", **outline}
    else:
        kind, options = "SimpleFill", {"color": _rgba(colour, 170), "style": "solid", **line}
    layer = ET.SubElement(symbol, "layer", {"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    held = ET.SubElement(layer, "Option", {"type": "Map"})
    for key, value in options.items():
        ET.SubElement(held, "Option", {"type": "QString", "name": key, "value": value})
        # Versions before 3.26 read these instead.
        ET.SubElement(layer, "prop", {"k": key, "v": value})


def _gradient(shader: ET.Element, ramp: Ramp) -> None:
    gradient = ET.SubElement(shader, "colorramp", {"type": "gradient", "name": "[source]"})
    span = ramp.high - ramp.low
    stops = ":".join(f"{(value - ramp.low) / span:.6g};{_rgba(colour)}" for value, colour in ramp.colours[1:-1])
    options = {"color1": _rgba(ramp.colours[0][1]), "color2": _rgba(ramp.colours[-1][1]), "discrete": "0", "rampType": "gradient", "stops": stops}
    held = ET.SubElement(gradient, "Option", {"type": "Map"})
    for key, value in options.items():
        ET.SubElement(held, "Option", {"type": "QString", "name": key, "value": value})
        ET.SubElement(gradient, "prop", {"k": key, "v": value})


def _root(kind: str) -> ET.Element:
    scales = {"hasScaleBasedVisibilityFlag": "0", "maxScale": "0", "minScale": "1e+08"}
    categories = "Symbology|Labeling" if kind == "vector" else "Symbology"
    return ET.Element("qgis", {"version": _WRITTEN_FOR, "styleCategories": categories, **scales})


def _written(qgis: ET.Element) -> str:
    ET.indent(qgis, " ")
    return _DOCTYPE + ET.tostring(qgis, encoding="unicode") + "\n"


def _text(value: float) -> str:
    return f"{value:.10g}"


def _rgba(colour: str, alpha: int = 255) -> str:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"{red},{green},{blue},{alpha}"
