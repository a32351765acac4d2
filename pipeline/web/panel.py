"""The map page in folium: the document, the frame around the map, and the control panel.

Folium renders what it is given as templates on the building machine. So nothing that a user wrote passes through it: titles, names of cores and
of places enter as data blocks after folium is done, and the page shows them as text, never as markup.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import folium
from branca.element import Figure, MacroElement
from folium.elements import JSCSSMixin
from folium.template import Template

from pipeline.web.inline import OWN, VENDORED, json_block, numbered, self_contained

if TYPE_CHECKING:
    from pipeline.web.texts import Text

_TITLE, _DATA = "<!--title-->", "<!--data-->"


def map_page(title: str, words: dict[str, Text], content: OfflineMap, blocks: dict[str, Any]) -> str:
    """Whole page, self-contained.

    Parameters
    ----------
    title : str
        Shown in the browser's tab; any text.
    words : dict
        What the page says, by key, in ``en`` and ``ja``; any text.
    content : OfflineMap
        Map with its layers and an :class:`App`.
    blocks : dict
        Data of the page by name of block.
    """
    document = Document()
    document.add_child(Frame())  # type: ignore[no-untyped-call]
    document.add_child(content)
    html = numbered(document.render())
    data = "\n".join(json_block(name, value) for name, value in sorted({**blocks, "words": words}.items()))
    return self_contained(html.replace(_TITLE, f"<title>{escape(title)}</title>", 1).replace(_DATA, data, 1))


class Document(Figure):
    """Folium's figure as a valid document: language, title, and scripts inside the body."""

    _template = Template(
        """<!DOCTYPE html>
<html lang="en">
<head>
<meta name="viewport" content="width=device-width, initial-scale=1">
"""
        + _TITLE
        + """
{{ this.header.render(**kwargs) }}
</head>
<body>
{{ this.html.render(**kwargs) }}
"""
        + _DATA
        + """
<script>
"use strict";
{{ this.script.render(**kwargs) }}
</script>
</body>
</html>
"""
    )


class OfflineMap(folium.Map):
    """Folium's map without tiles and without the scripts and styles that nothing here uses; people may zoom the page."""

    default_js = [("leaflet", f"{VENDORED}leaflet-1.9.4/leaflet.js")]  # noqa: RUF012 - folium's interface
    default_css = [("leaflet_css", f"{VENDORED}leaflet-1.9.4/leaflet.css")]  # noqa: RUF012
    _template = Template(
        """
        {% macro header(this, kwargs) %}{% endmacro %}
        {% macro html(this, kwargs) %}
<main class="map" id={{ this.get_name()|tojson }}></main>
        {% endmacro %}
        {% macro script(this, kwargs) %}
const {{ this.get_name() }} = L.map({{ this.get_name()|tojson }}, {
    center: {{ this.location|tojson }},
    crs: seabedDisplay({{ this.polar|tojson }}).crs,
    ...{{ this.options|tojavascript }}
});
        {% endmacro %}
        """
    )

    def __init__(self, latitude_deg: float, longitude_deg: float, polar: dict[str, float] | None = None) -> None:
        super().__init__(location=[latitude_deg, longitude_deg], tiles=None, zoom_start=8, zoom_snap=0.25, zoom_delta=0.5, attribution_control=False)
        self.polar = polar


class Frame(MacroElement):
    """Head line, banner and control panel. Its words are filled in by the page's script, so none of them passes through folium."""

    _template = Template(
        """
        {% macro html(this, kwargs) %}
<header class="head">
  <div class="titles"><h1 data-word="heading"></h1><p id="assessment"></p></div>
  <nav class="links" aria-label="">
    <a id="start" href="index.html" data-word="start"></a>
    <a id="report" href="report.html" data-word="report"></a>
    <div class="languages" role="group" id="languages">
      <button type="button" id="lang-en" lang="en" aria-pressed="true">English</button>
      <button type="button" id="lang-ja" lang="ja" aria-pressed="false">日本語</button>
    </div>
  </nav>
</header>
<div class="notices" id="notices"></div>
<aside class="panel" id="panel" tabindex="-1">
  <section class="card">
    <fieldset class="segments" id="elements-row"><legend data-word="element"></legend><div class="buttons" id="elements"></div></fieldset>
    <fieldset class="segments" id="statistics"><legend data-word="show"></legend><div class="buttons three">
      <label><input type="radio" name="statistic" value="grade" checked><span data-word="grade"></span></label>
      <label><input type="radio" name="statistic" value="probability"><span data-word="probability"></span></label>
      <label><input type="radio" name="statistic" value="sd"><span data-word="sd"></span></label>
      <label><input type="radio" name="statistic" value="p10"><span data-word="low"></span></label>
      <label><input type="radio" name="statistic" value="p50"><span data-word="median"></span></label>
      <label><input type="radio" name="statistic" value="p90"><span data-word="high"></span></label></div>
    </fieldset>
    <p class="small" id="statistic-note"></p>
    <div class="slider" id="depth-row"><label for="depth" data-word="depth"></label><output id="depth-out" for="depth"></output>
      <input type="range" id="depth" min="0" max="0" step="1" value="0"></div>
    <div class="slider"><label for="cutoff" data-word="cutoff"></label><output id="cutoff-out" for="cutoff"></output>
      <input type="range" id="cutoff" min="0" max="0" step="1" value="0"></div>
    <div class="slider"><label for="opacity" data-word="opacity"></label><output id="opacity-out" for="opacity"></output>
      <input type="range" id="opacity" min="0" max="100" step="5" value="75"></div>
  </section>
  <section class="card" aria-labelledby="in-place">
    <h2 id="in-place" data-word="in_place"></h2>
    <div class="field"><label for="region" data-word="region"></label><select id="region"></select></div>
    <table class="figures" id="figures"><thead></thead><tbody></tbody></table>
    <div id="figures-notes"></div>
  </section>
  <section class="card" aria-labelledby="curve-head">
    <div class="field"><h2 id="curve-head" data-word="curve"></h2>
      <select id="curve-figure" data-label="curve_figure"><option value="metal_t"></option><option value="oxide_t"></option>
        <option value="dry_mud_t"></option><option value="grade_ppm"></option><option value="area_km2"></option></select></div>
    <div id="curve"></div>
    <p class="small" data-word="curve_note"></p>
  </section>
  <section class="card">
    <fieldset class="checks" id="layers"><legend data-word="layers"></legend></fieldset>
  </section>
  <section class="card about" aria-labelledby="about-head"><h2 id="about-head" data-word="about"></h2><div id="about"></div></section>
</aside>
        {% endmacro %}
        """
    )


class App(JSCSSMixin):
    """Hands folium's objects to the page's script.

    Parameters
    ----------
    **layers
        Folium objects by the name the script knows them by: ``map``, ``grade``, ``relief``, ``region``, perhaps ``zone``.
    """

    default_js = [(f"seabed_{name}", f"{OWN}{name}.js") for name in ("payload", "display", "charts", "sheet", "tools", "map")]  # noqa: RUF012 - folium's interface
    default_css = [(f"seabed_{name}_css", f"{OWN}{name}.css") for name in ("map", "tools")]  # noqa: RUF012
    _template = Template(
        """
        {% macro script(this, kwargs) %}
seabedMap({
{%- for name, layer in this.layers.items() %}
    {{ name }}: {{ layer.get_name() }},
{%- endfor %}
});
        {% endmacro %}
        """
    )

    def __init__(self, **layers: MacroElement) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "App"
        self.layers = layers
