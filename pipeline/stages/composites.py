"""Combine samples into one value per core and layer, without making or losing a gram."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artefacts import Composites, Samples, Seafloor
from pipeline.config import (
    NO_DOMAINS,
    NO_MARKER,
    CompositeSettings,
    DensitySettings,
    DomainSettings,
    ElementSettings,
    HorizonSettings,
    RegionSettings,
)
from pipeline.domains import assigned, names_of, own_outlines, without_cores
from pipeline.errors import TooFewSamples
from pipeline.geostatistics.declustering import polygonal_weights
from pipeline.grid import Grid, Layers, region_outline
from pipeline.horizon import core_picks
from pipeline.units import GROUPS, oxide_per_group

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def run(
    samples: Samples,
    seafloor: Seafloor,
    region: RegionSettings,
    settings: CompositeSettings,
    density: DensitySettings,
    elements: ElementSettings,
    domains: DomainSettings = NO_DOMAINS,
    horizon: HorizonSettings = NO_MARKER,
) -> Composites:
    r"""Composite grades by length times dry density, and density by length, within each layer.

    .. math:: \bar\rho = \frac{\sum l_i \rho_i}{\sum l_i}, \qquad \bar g = \frac{\sum l_i \rho_i g_i}{\sum l_i \rho_i}

    The accumulation :math:`\sum l_i \rho_i g_i / \sum l_i` (ppm x t/m³ = g/m³) is what is kriged. Gaps are missing, never zero; a layer sampled to a
    smaller share than the settings ask is left out. With domains each core belongs to the one that it stands in. Where layers are relative to a
    marker, each sample lies as far below it as the core's pick says, and composites carry both depths.

    Raises
    ------
    TooFewSamples
        No sample lies in the assessed interval.
    """
    import geopandas as gpd

    below, without = _below_marker(samples.frame, seafloor.layers, horizon)
    pieces, said = _in_domains(_pieces(below, seafloor.layers), domains)
    said = (*without, *said)
    pieces, source = _density_supplied(pieces, density)
    if pieces.empty:
        layers = seafloor.layers
        plane = f"the marker {layers.marker!r}" if layers.marker else "the seafloor"
        msg = f"no sample lies between {layers.top_m:g} and {layers.bottom_m:g} m below {plane}. Check [grid] top_m and bottom_m."
        raise TooFewSamples(msg)
    frame = _layer_values(pieces, seafloor.layers, elements.assessed)
    names = () if domains.boundary == "none" else names_of(domains)
    if names:
        frame["domain"] = frame["core_id"].map(pieces.groupby("core_id")["domain"].first())
    # A hair of tolerance: 0.3 - 0.05 is a quarter, whatever its last bit.
    least = settings.min_sampled_share - 1e-9
    frame = frame.loc[frame["sampled_share"] >= least].reset_index(drop=True)
    if frame.empty:
        msg = f"no layer of any core is sampled to {settings.min_sampled_share:g} of its thickness ([composites] min_sampled_share)."
        raise TooFewSamples(msg)
    for element in elements.assessed:
        # The same holds for each element: one that few samples of a layer carry is missing there.
        frame.loc[frame[f"{element}_sampled_share"] < least, [f"{element}_ppm", f"{element}_g_m3"]] = np.nan
    frame["declustering_weight"] = _weights(frame, seafloor.grid, region) if not names else _weights_in_domains(frame, seafloor.grid, region, domains)
    points = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["longitude_deg"], frame["latitude_deg"]), crs="EPSG:4326")
    made = Composites(points, seafloor.layers, tuple(elements.assessed), source, samples.marks, _group_oxides(pieces, elements), names, said)
    return replace(made, warnings=(*said, *without_cores(made, seafloor)))


def _group_oxides(pieces: pd.DataFrame, elements: ElementSettings) -> dict[str, dict[str, Any]]:
    """What the oxides of each assessed group weigh over its metals: at the pattern of the samples that carry all of it, else by the settings."""
    found: dict[str, dict[str, Any]] = {}
    for group in (element for element in elements.assessed if element in GROUPS):
        columns = {member: f"{member}_ppm" for member in sorted(GROUPS[group])}
        if all(column in pieces for column in columns.values()):
            complete = pieces.dropna(subset=list(columns.values()))
            mass = complete["length_m"] * complete["dry_bulk_density_t_m3"]
            factor = oxide_per_group({member: float((mass * complete[column]).sum()) for member, column in columns.items()})
            if factor is not None:
                count = len(complete.drop_duplicates(["source_file", "source_row"]))
                found[group] = {"factor": factor, "source": "samples", "samples": count}
                continue
        # ASSUME: without a pattern of its own the mud's rare earths with yttrium weigh as oxides what [elements] reo_per_rey says.
        if group == "rey" and elements.reo_per_rey != "unknown":
            found[group] = {"factor": elements.reo_per_rey, "source": "settings", "samples": 0}
    return found


def _below_marker(samples: pd.DataFrame, layers: Layers, settings: HorizonSettings) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Samples with depths below the marker in place of those below the seafloor, and ``marker_m``; cores that do not show it are left out."""
    if not layers.marker:
        return samples, ()
    found = core_picks(samples, settings, layers.marker)
    # ASSUME: a core without a pick informs nothing: where its samples lie beside the marker is not known.
    marker_m = samples["core_id"].map(found.of_cores())
    moved = samples.assign(marker_m=marker_m, from_m=samples["from_m"] - marker_m, to_m=samples["to_m"] - marker_m)
    return moved.loc[marker_m.notna()], found.said


def _pieces(samples: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """Cut every sample at the layer boundaries: one row per sample and layer, with the length inside."""
    import pandas as pd

    # Depths are rounded to a micrometre first: 0.3 and 0.1 + 0.2 are the same boundary.
    first = np.floor(np.round((samples["from_m"].to_numpy() - layers.top_m) / layers.layer_m, 6)).astype(int)
    last = np.ceil(np.round((samples["to_m"].to_numpy() - layers.top_m) / layers.layer_m, 6)).astype(int)
    first = np.maximum(first, 0)
    counts = np.maximum(np.minimum(last, layers.count) - first, 0)
    index = np.repeat(np.arange(len(samples)), counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    pieces = pd.DataFrame(samples.drop(columns="geometry")).iloc[index].reset_index(drop=True)
    pieces["layer"] = first[index] + step
    top_m, bottom_m = layers.tops_m[pieces["layer"]], layers.bottoms_m[pieces["layer"]]
    pieces["length_m"] = np.minimum(pieces["to_m"], bottom_m) - np.maximum(pieces["from_m"], top_m)
    return pieces.loc[pieces["length_m"] > 0].reset_index(drop=True)


def _in_domains(pieces: pd.DataFrame, settings: DomainSettings) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Add the domain that each core stands in, and leave out cores that stand in none, saying so."""
    if settings.boundary == "none" or pieces.empty:
        return pieces, ()
    # One core has one position: its first row's.
    first = pieces.groupby("core_id", sort=True)[["longitude_deg", "latitude_deg"]].first()
    pieces["domain"] = pieces["core_id"].map(dict(zip(first.index, assigned(first, settings), strict=True)))
    outside = sorted(pieces.loc[pieces["domain"] == "", "core_id"].unique())
    if not outside:
        return pieces, ()
    # ASSUME: where nothing outside the domains is assessed, a core there tells nothing of them.
    said = f"{len(outside)} cores stand outside every domain and are left out ({', '.join(outside[:5])}{', …' if len(outside) > 5 else ''})"
    return pieces.loc[pieces["domain"] != ""].reset_index(drop=True), (said,)


def _density_supplied(pieces: pd.DataFrame, density: DensitySettings) -> tuple[pd.DataFrame, str]:
    """Fill missing densities by the settings' rule, mark them, and say in a word where density comes from."""
    column = "dry_bulk_density_t_m3"
    measured = pieces[column].notna()
    pieces = pieces.assign(density_supplied=~measured)
    if measured.all():
        return pieces, "measured"
    if not measured.any() or density.missing == "prior":
        # ASSUME: the prior's mean stands for every unmeasured sample; its uncertainty is added to the totals.
        pieces[column] = pieces[column].fillna(density.dry_bulk_density_t_m3)
        return pieces, "measured, gaps supplied" if measured.any() else "prior"
    # ASSUME: an unmeasured sample has the mean density of the measured ones in its layer, or of all where its layer has none.
    overall = float(np.average(pieces.loc[measured, column], weights=pieces.loc[measured, "length_m"]))
    # ASSUME: of its own domain alone; where no sample of a domain carries density, that of all domains together stands in every layer.
    for _, part in pieces.groupby("domain") if "domain" in pieces else [("", pieces)]:
        known = part.loc[measured[part.index]]
        mass = (known[column] * known["length_m"]).groupby(known["layer"]).sum()
        by_layer = mass / known["length_m"].groupby(known["layer"]).sum()
        mean = float(np.average(known[column], weights=known["length_m"])) if len(known) else overall
        pieces.loc[part.index, column] = part[column].fillna(part["layer"].map(by_layer).fillna(mean))
    return pieces, "measured, gaps supplied"


def _layer_values(pieces: pd.DataFrame, layers: Layers, elements: list[str]) -> pd.DataFrame:
    length, density = pieces["length_m"], pieces["dry_bulk_density_t_m3"]
    # A sample informs a layer if any assessed grade or its density was measured.
    grades = [f"{element}_ppm" for element in elements]
    informs = pieces[grades].notna().any(axis=1) | ~pieces["density_supplied"]
    sums = {
        "length": length.where(informs, 0.0),
        "mass": (length * density).where(informs, 0.0),
        "supplied": length.where(informs & pieces["density_supplied"], 0.0),
    }
    for element in elements:
        known = pieces[f"{element}_ppm"].notna()
        sums[f"{element}_length"] = length.where(known, 0.0)
        sums[f"{element}_mass"] = (length * density).where(known, 0.0)
        sums[f"{element}_metal"] = (length * density * pieces[f"{element}_ppm"]).where(known, 0.0)
    keys = pieces[["core_id", "layer", "longitude_deg", "latitude_deg"]].copy()
    # One core has one position: its first row's (they differ by less than the intake's tolerance).
    keys[["longitude_deg", "latitude_deg"]] = keys.groupby("core_id")[["longitude_deg", "latitude_deg"]].transform("first")
    total = keys.assign(**sums).groupby(["core_id", "layer", "longitude_deg", "latitude_deg"], sort=True, as_index=False).sum()
    total = total.loc[total["length"] > 0].reset_index(drop=True)
    frame = total[["core_id", "layer", "longitude_deg", "latitude_deg"]].copy()
    frame["top_m"], frame["bottom_m"] = layers.tops_m[frame["layer"]], layers.bottoms_m[frame["layer"]]
    if layers.marker:
        frame["marker_m"] = frame["core_id"].map(pieces.groupby("core_id")["marker_m"].first())
        # What of a layer would lie above the seafloor does not exist.
        for name in ("top", "bottom"):
            frame[f"{name}_below_seafloor_m"] = np.maximum(frame[f"{name}_m"] + frame["marker_m"], 0.0)
    for element in elements:
        measured = total[f"{element}_length"] > 0
        frame[f"{element}_ppm"] = (total[f"{element}_metal"] / total[f"{element}_mass"].where(measured)).where(measured)
        frame[f"{element}_g_m3"] = (total[f"{element}_metal"] / total[f"{element}_length"].where(measured)).where(measured)
        frame[f"{element}_sampled_share"] = total[f"{element}_length"] / layers.layer_m
        frame[f"{element}_samples"], frame[f"{element}_log_variance"] = _between_samples(pieces, pieces[f"{element}_ppm"], frame)
        # The ratio to the first element varies less than either: what is simulated with its grade.
        ratio = pieces[f"{element}_ppm"] / pieces[f"{elements[0]}_ppm"]
        frame[f"{element}_ratio_log_variance"] = _between_samples(pieces, ratio, frame)[1]
    measured_density = pieces["dry_bulk_density_t_m3"].where(~pieces["density_supplied"])
    frame["density_samples"], frame["density_log_variance"] = _between_samples(pieces, measured_density, frame)
    frame["dry_bulk_density_t_m3"] = total["mass"] / total["length"]
    frame["density_supplied_share"] = total["supplied"] / total["length"]
    frame["sampled_share"] = total["length"] / layers.layer_m
    return frame


def _between_samples(pieces: pd.DataFrame, values: pd.Series[float], frame: pd.DataFrame) -> tuple[Array, Array]:
    """Number of positive samples in each composite, and the variance between their logarithms: NaN for fewer than two."""
    usable = values.gt(0) & np.isfinite(values)
    logs = values[usable].map(np.log)
    groups = logs.groupby([pieces.loc[usable, "core_id"], pieces.loc[usable, "layer"]])
    found = groups.agg(["count", "var"]).reindex(list(zip(frame["core_id"], frame["layer"], strict=True)))
    return found["count"].fillna(0).to_numpy(dtype=np.int64), found["var"].to_numpy(dtype=float)


def _weights(frame: pd.DataFrame, grid: Grid, region: RegionSettings) -> Array:
    """Polygonal declustering weights inside each layer."""
    outline = region_outline(region, grid)
    easting_m, northing_m = grid.from_lonlat(frame["longitude_deg"].to_numpy(), frame["latitude_deg"].to_numpy())
    weights = np.zeros(len(frame))
    for layer in np.unique(frame["layer"]):
        members = (frame["layer"] == layer).to_numpy()
        weights[members] = polygonal_weights(easting_m[members], northing_m[members], outline)
    return weights


def _weights_in_domains(frame: pd.DataFrame, grid: Grid, region: RegionSettings, settings: DomainSettings) -> Array:
    """Polygonal weights inside each layer of each domain, which weighs as its area does among the domains known in the layer."""
    outlines = own_outlines(settings, grid, region_outline(region, grid))
    easting_m, northing_m = grid.from_lonlat(frame["longitude_deg"].to_numpy(), frame["latitude_deg"].to_numpy())
    weights = np.zeros(len(frame))
    for layer in np.unique(frame["layer"]):
        here = (frame["layer"] == layer).to_numpy()
        for name in sorted(set(frame["domain"])):
            members = here & (frame["domain"] == name).to_numpy()
            if members.any():
                own = polygonal_weights(easting_m[members], northing_m[members], outlines[name])
                # A domain whose cores all lie outside the region still has a mean of its own.
                weights[members] = own * max(outlines[name].area, grid.cell_area_m2)
        weights[here] /= weights[here].sum()
    return weights
