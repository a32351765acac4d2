"""Every number a geologist may change: the sections of ``assessment.toml`` as typed models.

A key has a description, a unit as its last word, and a default; only the region has none. An unknown key is an error that lists the known ones.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.domain_polygons import RESERVED, domain_polygons
from pipeline.errors import SettingsError
from pipeline.region_rings import Rings, polygons_of

Element = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,11}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A section of the settings: immutable, without unknown keys, without silent conversion of text to numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)
    section: ClassVar[str]


class AssessmentSettings(Section):
    """What the assessment is called: the top-level keys of the file."""

    section = "assessment"
    title: str = Field("Untitled assessment", description="Title shown on every map", min_length=1, max_length=200)
    deposit: Literal["mud", "nodules", "crust", "soil"] = Field(
        "mud", description="What is assessed: names it on every page; mud, nodules and crust lie on the seafloor, soil on land"
    )


class RegionSettings(Section):
    """The region whose tonnage is reported: a box in degrees, or a polygon file."""

    section = "region"
    west_deg: float | None = Field(None, ge=-180, le=360, description="Western edge, degrees east")
    east_deg: float | None = Field(None, ge=-180, le=540, description="Eastern edge, degrees east")
    south_deg: float | None = Field(None, ge=-90, le=90, description="Southern edge, degrees north")
    north_deg: float | None = Field(None, ge=-90, le=90, description="Northern edge, degrees north")
    polygon: str | None = Field(None, description="GeoJSON file with the region's outline, relative to RAW")
    outline: list[Rings] | None = Field(None, description="Filled from the polygon file; not for the settings file")
    bathymetry: Literal["files", "none"] = Field(
        "files", description="Depth of the surface: from the grids in bathymetry, or none is given (a survey on land, or of the surface alone)"
    )

    @model_validator(mode="after")
    def _box_or_polygon(self) -> Self:
        edges = (self.west_deg, self.east_deg, self.south_deg, self.north_deg)
        if self.polygon is not None:
            if any(edge is not None for edge in edges):
                msg = "give either polygon or the four edges, not both"
                raise ValueError(msg)
            return self
        if self.west_deg is None or self.east_deg is None or self.south_deg is None or self.north_deg is None:
            msg = "needs west_deg, east_deg, south_deg and north_deg, or polygon"
            raise ValueError(msg)
        if not (self.west_deg < self.east_deg and self.south_deg < self.north_deg):
            msg = f"west_deg {self.west_deg} must be below east_deg {self.east_deg} and south_deg {self.south_deg} below north_deg {self.north_deg}"
            if self.west_deg > self.east_deg:
                msg += f"; a region across the 180th meridian goes on counting: east_deg = {self.east_deg + 360:g}"
            raise ValueError(msg)
        if self.east_deg - self.west_deg > 360:
            msg = f"from west_deg {self.west_deg} to east_deg {self.east_deg} is more than once around the Earth"
            raise ValueError(msg)
        return self


class GridSettings(Section):
    """The one grid on which everything is estimated."""

    section = "grid"
    cell_m: float = Field(500.0, gt=0, description="Side of a square cell, metres")
    layer_m: float = Field(1.0, gt=0, description="Thickness of a layer, metres")
    reference: Literal["seafloor", "marker"] = Field(
        "seafloor", description="What depths of the interval and its layers are relative to: the seafloor, or a marker horizon picked in the cores"
    )
    marker_name: str = Field("marker", min_length=1, max_length=60, description="Name of the marker horizon, as the pages write it")
    top_m: float = Field(0.0, description="Top of the assessed interval below the reference, metres; above a marker it is negative")
    bottom_m: float = Field(10.0, description="Bottom of the assessed interval below the reference, metres")
    centre_longitude_deg: float | None = Field(None, ge=-180, le=540, description="Centre of the equal-area projection, degrees east")
    centre_latitude_deg: float | None = Field(None, ge=-90, le=90, description="Centre of the equal-area projection, degrees north")

    @model_validator(mode="after")
    def _whole_layers(self) -> Self:
        if self.reference == "seafloor" and self.top_m < 0:
            msg = f'top_m {self.top_m:g} lies above the seafloor; depths begin at 0 there. Only with reference = "marker" may they be negative'
            raise ValueError(msg)
        if not self.marker_name.strip():
            msg = "marker_name is blank; name the marker"
            raise ValueError(msg)
        if self.top_m >= self.bottom_m:
            msg = f"top_m {self.top_m} must be above bottom_m {self.bottom_m}"
            raise ValueError(msg)
        layers = (self.bottom_m - self.top_m) / self.layer_m
        if abs(layers - round(layers)) > 1e-6:
            msg = f"bottom_m - top_m = {self.bottom_m - self.top_m:g} must be a whole number of layer_m = {self.layer_m:g}"
            raise ValueError(msg)
        return self


class HorizonSettings(Section):
    """The marker horizon that depths are relative to where ``[grid] reference`` is ``marker``: how it is picked and drawn between the cores."""

    section = "horizon"
    unit: str = Field("", max_length=200, description="Unit, as the column unit of the core tables writes it, one of whose boundaries is the marker")
    boundary: Literal["top", "base"] = Field("top", description="Which boundary of that unit is the marker")
    max_gap_m: float = Field(
        0.5, ge=0, le=100, description="A boundary between two samples lies midway, if they are no farther apart than this, metres"
    )
    trend: Literal["plane", "none"] = Field("plane", description="Unknown mean of the marker's depth: a dipping plane, or one depth")
    model: Literal["spherical", "exponential", "cubic", "gaussian", "matern32", "matern52"] = Field(
        "exponential", description="Shape of the correlated part of the marker's depth"
    )
    fit: Literal["reml", "least_squares"] = Field(
        "reml", description="Fit by restricted maximum likelihood of the picks, or to the experimental variogram of what the trend leaves"
    )
    pick_sd_m: float = Field(0.0, ge=0, le=100, description="Standard deviation of the error of a pick, metres")
    min_cores: int = Field(5, ge=2, le=1000, description="Fewer cores with a pick give no surface")


NO_MARKER = HorizonSettings()


class ElementSettings(Section):
    """Which elements are assessed."""

    section = "elements"
    assessed: list[Element] = Field(["dy", "gd"], min_length=1, description="Chemical symbols in lower case; each needs a column <element>_ppm")
    reo_per_rey: Annotated[float, Field(ge=1.1, le=1.3)] | Literal["unknown"] = Field(
        1.20, description="Oxides of all rare earths and yttrium over their metals, by mass, where no sample carries all of them"
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.assessed)) != len(self.assessed):
            msg = f"assessed names an element twice: {', '.join(self.assessed)}"
            raise ValueError(msg)
        if "density" in self.assessed:
            msg = "'density' is no element"
            raise ValueError(msg)
        return self


class DensitySettings(Section):
    """Dry bulk density: dry, salt-free mass per volume of wet mud."""

    section = "density"
    dry_bulk_density_t_m3: float = Field(0.55, gt=0, lt=4.0, description="Mean of the deposit where no sample carries density, t/m3")
    mean_sd_t_m3: float = Field(0.06, ge=0, lt=2.0, description="Uncertainty of that mean, fully correlated over the deposit, t/m3")
    sample_sd_t_m3: float = Field(0.04, ge=0, lt=2.0, description="Spread between samples around the mean, t/m3")
    missing: Literal["layer_mean", "prior"] = Field(
        "layer_mean", description="Where a sample lacks density but others carry it: mean of the measured ones in its layer, or the prior"
    )


class CutoffSettings(Section):
    """Cut-off grades: lists named <element>_ppm."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, strict=True)
    section = "cutoffs"
    __pydantic_extra__: dict[str, list[Annotated[float, Field(ge=0)]]]

    @model_validator(mode="after")
    def _rising_from_zero(self) -> Self:
        for key, values in (self.__pydantic_extra__ or {}).items():
            if not key.endswith("_ppm"):
                msg = f"unknown key {key}; known are <element>_ppm, for instance dy_ppm"
                raise ValueError(msg)
            if sorted(set(values)) != values or not values or values[0] != 0:
                msg = f"{key} must rise from 0 without repeats, got {values}"
                raise ValueError(msg)
        return self

    def of(self, element: str) -> list[float]:
        """Cut-offs of one element in ppm; ``[0]`` where the settings name none."""
        return (self.__pydantic_extra__ or {}).get(f"{element}_ppm", [0.0])


class SimulationSettings(Section):
    """Conditional simulation."""

    section = "simulation"
    realisations: int = Field(500, ge=1, description="Number of realisations")
    seed: int = Field(20260201, ge=0, description="Seed of every random draw")
    grade_field: bool = Field(True, description="Source of uncertainty: where between the cores the metal lies")
    density: bool = Field(
        True, description="Source of uncertainty: dry bulk density; where nothing is measured, the prior's mean, one draw per realisation"
    )
    assay_error: bool = Field(True, description="Source of uncertainty: errors of assay and sampling")
    unsampled_layers: bool = Field(True, description="Source of uncertainty: layers that a core does not show, as missing data")
    mean_and_spread: bool = Field(True, description="Source of uncertainty: mean and spread of the layers")
    variogram: bool = Field(True, description="Source of uncertainty: range and nugget of the spatial model")
    checks: bool = Field(True, description="Split the variance by source, try the other tail, and hold realisations against the data")
    assay_relative_sd: float = Field(0.03, ge=0, le=0.5, description="Standard deviation of an assay, sampling included, as a share of the grade")
    upper_tail: Literal["lognormal", "none"] = Field(
        "lognormal", description="Beyond the highest datum of a layer: continues lognormally, or stays at it"
    )
    prior_range_extents: float = Field(
        0.25, gt=0, le=10, description="Median of the prior of the horizontal range, in largest distances between cores"
    )
    prior_range_log_sd: float = Field(0.916, gt=0, le=5, description="Standard deviation of the natural logarithm of that range")
    prior_nugget_share: float = Field(
        0.1, gt=0, le=1, description="Mean of the exponential prior of the nugget's share of the variance, errors of assay and sampling apart"
    )
    shape_cores: float = Field(25.0, ge=0, le=10_000, description="Cores at which the shape of a layer's distribution weighs as much as that of all")
    squares_side_m: float = Field(4000.0, gt=0, description="Side of the squares whose tonnes are kept by realisation, metres; whole cells")
    squares_realisations: int = Field(100, ge=1, le=5000, description="Number of realisations of which they are kept, the first ones")


class IntakeSettings(Section):
    """What happens to rows that cannot be used, and what counts as impossible."""

    section = "intake"
    on_refused: Literal["stop", "leave_out"] = Field("stop", description="Stop at a refused row, or build without it and say so")
    max_grade_ppm: float = Field(1_000_000.0, gt=0, le=1_000_000.0, description="No grade can be higher, ppm")
    max_rare_earth_ppm: float = Field(10_000.0, gt=0, le=1_000_000.0, description="No grade of a single rare earth can be higher in mud, ppm")
    min_density_t_m3: float = Field(0.1, gt=0, description="No dry bulk density can be lower, t/m3")
    max_density_t_m3: float = Field(4.0, gt=0, description="No dry bulk density can be higher, t/m3")
    position_tolerance_m: float = Field(50.0, ge=0, description="Rows of one core may differ in position by this much, metres")
    water_depth_tolerance_m: float = Field(300.0, ge=0, description="A water depth that differs from the bathymetry by more is mentioned, metres")
    below_detection: Literal["half", "zero", "limit", "missing"] = Field(
        "half", description="What stands for a grade below its detection limit: half the limit, zero, the limit, or nothing"
    )
    sum_tolerance_share: float = Field(
        0.02, ge=0, le=0.5, description="Rare earths of a sample may add up to more than its total by this share: rounding and two assays"
    )
    pattern_factor: float = Field(
        1.5, gt=1, description="A grade that differs from its shale-normalised neighbours by more than this factor is mentioned"
    )


class CompositeSettings(Section):
    """How samples become one value per core and layer."""

    section = "composites"
    min_sampled_share: float = Field(0.25, gt=0, le=1, description="A layer sampled to a smaller share is missing")


class DomainOutline(BaseModel):
    """One domain as it was drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: str
    polygons: list[Rings]


class DomainSettings(Section):
    """Domains: parts of the region with statistics of their own, and whether data inform across their boundary."""

    section = "domains"
    boundary: Literal["none", "hard", "soft"] = Field(
        "none", description="None: one deposit. Hard: nothing is told across a boundary. Soft: own means and spreads, one field"
    )
    property: str = Field("domain", min_length=1, description="Property of a polygon in domains/*.geojson that names its domain")
    outside: Literal["domain", "unassessed"] = Field("domain", description="Cells outside every domain: one more domain, or not assessed")
    outside_name: str = Field("rest", min_length=1, max_length=100, description="Name of that further domain")
    min_cores: int = Field(8, ge=2, le=1000, description="Cores that give a domain spreads and a variogram of its own")
    overlap_tolerance_m: float = Field(1.0, ge=0, le=1000, description="Overlaps of two domains that are narrower are slips of the pen, metres")
    contact_reach_spacings: float = Field(2.0, gt=0, le=20, description="Contact analysis: distance from the boundary, in median station spacings")
    contact_steps: int = Field(4, ge=2, le=20, description="Contact analysis: number of steps of distance on either side")
    contact_confidence: float = Field(0.95, gt=0.5, lt=1, description="Contact analysis: confidence of a step at the boundary")
    outlines: list[DomainOutline] = Field([], description="Filled from the polygons; not for the settings file")

    @model_validator(mode="after")
    def _outside_is_no_other_region(self) -> Self:
        if self.outside_name in RESERVED or not self.outside_name.strip():
            msg = f"outside_name {self.outside_name!r} is no name, or that of a region that is always there: {', '.join(RESERVED)}"
            raise ValueError(msg)
        return self


NO_DOMAINS = DomainSettings()
"""The region is one deposit."""


class VariogramSettings(Section):
    """How the spatial model is fitted."""

    section = "variogram"
    model: Literal["spherical", "exponential", "cubic", "gaussian", "matern32", "matern52"] = Field(
        "exponential", description="Shape of the correlated part"
    )
    fit: Literal["least_squares", "reml"] = Field(
        "least_squares", description="Fit to the experimental variogram, or by restricted maximum likelihood of the composites"
    )
    semivariance: Literal["matheron", "cressie_hawkins"] = Field(
        "matheron", description="Mean squared difference of pairs, or one that outliers move less"
    )
    lags: int = Field(12, ge=3, le=100, description="Number of horizontal lags")
    max_lag_share: float = Field(0.5, gt=0, le=1, description="Longest lag as a share of the largest distance between cores")
    min_layer_cores: int = Field(5, ge=2, description="Layers with fewer cores share the mean and spread of their neighbours")
    min_cores: int = Field(4, ge=2, description="No variogram is fitted from fewer cores")
    min_range_spacings: float = Field(0.5, gt=0, description="Shortest horizontal range, in median station spacings")
    max_range_extents: float = Field(2.0, gt=0, description="Longest horizontal range, in largest distances between cores")


class CrossValidationSettings(Section):
    """How estimators are compared, and which one drives the grades."""

    section = "cross_validation"
    folds: int = Field(5, ge=2, le=1000, description="Folds of whole cores; as many as there are core positions where these are fewer")
    min_cores: int = Field(8, ge=4, description="With fewer cores nothing is scored, and ordinary kriging drives the grades")
    estimator: Literal["auto", "ordinary", "drift", "cokriging"] = Field(
        "auto", description="What grades are kriged with; auto: ordinary kriging, unless another one is shown to be better"
    )
    drift: list[Literal["depth_m", "slope_deg"]] = Field(
        ["depth_m"], max_length=2, description="Fields of the seafloor that the estimator drift follows; none: it is not tried"
    )
    min_gain_standard_errors: float = Field(
        1.0, ge=0, le=10, description="Auto replaces ordinary kriging if the mean gain in CRPS over cores exceeds so many standard errors"
    )
    inverse_distance_power: float = Field(2.0, gt=0, le=10, description="Power of the inverse distance")

    @model_validator(mode="after")
    def _distinct_and_present(self) -> Self:
        if len(set(self.drift)) != len(self.drift):
            msg = f"drift names a field twice: {', '.join(self.drift)}"
            raise ValueError(msg)
        if self.estimator == "drift" and not self.drift:
            msg = 'estimator is "drift" but drift names no field; known are depth_m, slope_deg'
            raise ValueError(msg)
        return self


class GradeSettings(Section):
    """Kriging of blocks."""

    section = "grade"
    block_nodes: int = Field(4, ge=1, le=8, description="Gauss-Legendre nodes along each horizontal side of a block")
    max_distance_spacings: float = Field(2.0, gt=0, description="Cells farther from every core are left empty, in median station spacings")


class TonnageSettings(Section):
    """Where the headline tonnage may be claimed."""

    section = "tonnage"
    hull_buffer_spacings: float = Field(0.5, ge=0, description="The hull of the cores is widened by this, in median station spacings")
    min_slope_of_regression: float = Field(0.5, ge=0, le=1, description="Cells with a lower slope of regression are not 'supported'")


class ClassSettings(Section):
    """Which blocks may be called measured or indicated: by the metal of the volume that a quarter or a year mines."""

    section = "classes"
    production_dry_t_day: float = Field(3500.0, gt=0, description="Dry mud lifted a day, tonnes")
    production_days_year: float = Field(330.0, gt=0, le=366, description="Days of operation in a year")
    half_width_share: float = Field(0.15, gt=0, lt=1, description="The metal of that volume must be known within this share of its mean")
    confidence: float = Field(0.90, gt=0, lt=1, description="Confidence of the interval whose half-width that is")


class NextCoreSettings(Section):
    """Where the next cores would tell most of the total."""

    section = "next_cores"
    count: int = Field(5, ge=1, le=100, description="Number of next cores chosen together")
    min_distance_spacings: float = Field(
        0.5, ge=0, le=10, description="They keep this distance from the cores there are and from each other, in median station spacings"
    )
    penetration_share: float = Field(1.0, gt=0, le=1, description="Share of the assessed interval, from its top, that a new core is taken to reach")
    cutoffs_ppm: list[float] = Field(
        [40.0], max_length=5, description="Cores are also chosen for metal over the first of these; each is one of the element's in [cutoffs], ppm"
    )
    max_water_depth_m: float = Field(6500.0, gt=0, le=12000, description="Deepest water in which a core is taken, metres")
    track_from: Literal["port", "island"] = Field("port", description="Where the ship comes from and returns to, as in [place]")
    ship_speed_kn: float = Field(10.0, gt=0, le=40, description="Speed of the ship between stations, knots")
    station_hours: float = Field(6.0, ge=0, le=240, description="Time at one station, hours")
    max_track_km: Annotated[float, Field(gt=0)] | Literal["none"] = Field(
        "none", description="Longest round trip; stations are taken while it is kept to, kilometres"
    )


class RecoverableSettings(Section):
    """What keeps mud from being lifted and metal from being won, each limit beside the values that are tried in its place."""

    section = "recoverable"
    max_slope_deg: float = Field(7.0, gt=0, le=90, description="Steepest slope that can be mined, degrees")
    max_water_depth_m: float = Field(6000.0, gt=0, le=12000, description="Deepest water that can be lifted from, metres")
    flank_rise_m: float = Field(
        300.0, gt=0, le=12000, description="A cell that rises by more above the median depth of the region is the flank of a seamount, metres"
    )
    lead_element: Element = Field("first", description="Element whose grade decides how deep a column is mined; first: the first one assessed")
    column_cutoff_ppm: float = Field(20.0, ge=0, le=1_000_000.0, description="Cut-off of the mined column, diluted, for the headline, ppm")
    column_base: Literal["break_even", "deepest"] = Field(
        "break_even", description="Base of a column: where metal beyond the cut-off is most, or the deepest at which its mean reaches the cut-off"
    )
    max_cover_m: float = Field(5.0, ge=0, le=10000, description="Most mud below the cut-off that may lie on the ore, metres")
    min_layer_m: float = Field(1.0, ge=0, le=10000, description="Least thickness from the top of the ore to the base of the column, metres")
    panel_neighbours: Literal[4, 8] = Field(4, description="Cells of a panel touch by a side (4), or by a side or a corner (8)")
    min_panel_years: float = Field(10.0, ge=0, le=10000, description="A panel holds so many years of the highest rate of production")
    selection: Literal["planned", "perfect"] = Field(
        "planned", description="Headline: columns and panels chosen on the kriged estimate, or in each realisation as if it were known"
    )
    extraction_share: Share | Literal["unknown"] = Field("unknown", description="Share of the mud of a column that reaches the ship")
    upgrading_metal_share: Share | Literal["unknown"] = Field("unknown", description="Share of the metal that upgrading keeps")
    upgrading_factor: float = Field(2.6, ge=1, le=100, description="Grade after upgrading over that before")
    leaching_share: Share | Literal["unknown"] = Field(0.951, description="Share of the rare earths but cerium that leaching dissolves")
    tried_slope_deg: list[float] = Field([3.0, 5.0, 10.0], max_length=5, description="Tried as max_slope_deg, degrees")
    tried_water_depth_m: list[float] = Field([5600.0, 6500.0], max_length=5, description="Tried as max_water_depth_m, metres")
    tried_flank_rise_m: list[float] = Field([100.0, 1000.0], max_length=5, description="Tried as flank_rise_m, metres")
    tried_cover_m: list[float] = Field([2.0, 10.0], max_length=5, description="Tried as max_cover_m, metres")
    tried_layer_m: list[float] = Field([2.0, 5.0], max_length=5, description="Tried as min_layer_m, metres")
    tried_panel_years: list[float] = Field([1.0, 5.0, 20.0], max_length=5, description="Tried as min_panel_years")
    tried_leaching_share: list[Share] = Field([0.813], max_length=5, description="Tried as leaching_share")


class PlaceSettings(Section):
    """The land around: an island with its constructed economic zone, and the port that is sailed to."""

    section = "place"
    island_longitude_deg: float | None = Field(None, ge=-180, le=360, description="Island with an exclusive economic zone, degrees east")
    island_latitude_deg: float | None = Field(None, ge=-90, le=90, description="Island with an exclusive economic zone, degrees north")
    island_name: str = Field("", description="Name of that island")
    eez_radius_nmi: float = Field(200.0, gt=0, le=1000, description="Radius of the constructed zone, nautical miles")
    port_longitude_deg: float | None = Field(None, ge=-180, le=360, description="Port that mud is brought to, degrees east")
    port_latitude_deg: float | None = Field(None, ge=-90, le=90, description="Port that mud is brought to, degrees north")
    port_name: str = Field("", description="Name of that port")


class ProductionSettings(Section):
    """How much mud is lifted, and when."""

    section = "production"
    rates_t_day: list[float] = Field([350.0, 3500.0], min_length=1, max_length=6, description="Mud lifted a day, one scenario each, tonnes")
    days_year: float = Field(330.0, gt=0, le=366, description="Days of operation in a year")
    plan_years: int = Field(20, ge=1, le=100, description="Years of mining that are planned, panel by panel")
    order_weight: float = Field(0.9, gt=0, le=1, description="Weight of a year's metal in the plan, relative to that of the year before")
    grain_density_t_m3: float = Field(2.5, gt=1, lt=6, description="Density of the grains, from which the water in wet mud follows, t/m3")
    seawater_density_t_m3: float = Field(1.03, gt=0.9, lt=1.2, description="Density of the water in the pores, t/m3")

    @model_validator(mode="after")
    def _rates_rise(self) -> Self:
        if any(rate <= 0 for rate in self.rates_t_day) or sorted(set(self.rates_t_day)) != self.rates_t_day:
            msg = "rates_t_day must rise and be above 0"
            raise ValueError(msg)
        return self


class PublishedMethodSettings(Section):
    """The published estimate made again by its own method, as far as that is known, on the cores at hand."""

    section = "published_method"
    interpolation: Literal["inverse_distance", "nearest", "kriging"] = Field(
        "inverse_distance", description="Map of each metre: inverse distance, nearest core, or ordinary kriging (spherical variogram of all metres)"
    )
    power: float = Field(2.0, gt=0, le=10, description="Power of the inverse distance")
    neighbours: int = Field(12, ge=1, le=1000, description="Nearest cores that a value of an inverse-distance map is made of")
    map_layer_m: float = Field(1.0, gt=0, le=100, description="Thickness that one map stands for, metres")
    squares_east: int = Field(6, ge=1, le=100, description="Number of squares from west to east")
    squares_north: int = Field(4, ge=1, le=100, description="Number of squares from south to north")
    square_side_m: float = Field(10247.0, gt=0, description="Side of a square, metres")
    square_nodes: int = Field(20, ge=1, le=200, description="Values of a map along each side of a square")
    east_share: float = Field(0.5, ge=0, le=1, description="Where the squares lie in the published bounds: 0 at the western edge, 1 at the eastern")
    north_share: float = Field(0.5, ge=0, le=1, description="And from south (0) to north (1)")


class FineGridSettings(Section):
    """The region on finer cells, out of core (``make fine-grid``)."""

    section = "fine_grid"
    frequencies: int = Field(4096, ge=256, le=65_536, description="Number of waves that a simulated field is made of")
    tile_cells: int = Field(256, ge=64, le=2048, multiple_of=64, description="Side of a tile, cells: memory grows with it, no number depends on it")


class MapSettings(Section):
    """How the maps look; changes nothing else."""

    section = "maps"
    colour_map: Literal["batlow", "batlowW", "lipari", "hawaii", "davos", "viridis", "cividis"] = Field("batlow", description="Colours of grade")
    opacity: float = Field(0.75, ge=0, le=1, description="Opacity of the grade layer at opening")
    uncertain_share: float = Field(
        0.8, gt=0, le=100, description="Cells whose range from low (P90) to high (P10) is wider than this share of the median are hatched"
    )


_SECTIONS: tuple[type[Section], ...] = (
    AssessmentSettings,
    RegionSettings,
    GridSettings,
    HorizonSettings,
    ElementSettings,
    DensitySettings,
    CutoffSettings,
    SimulationSettings,
    IntakeSettings,
    CompositeSettings,
    DomainSettings,
    VariogramSettings,
    CrossValidationSettings,
    GradeSettings,
    TonnageSettings,
    ClassSettings,
    NextCoreSettings,
    RecoverableSettings,
    PlaceSettings,
    ProductionSettings,
    PublishedMethodSettings,
    FineGridSettings,
    MapSettings,
)
SECTIONS: dict[str, type[Section]] = {model.section: model for model in _SECTIONS}


class Settings(BaseModel):
    """The whole settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    assessment: AssessmentSettings = AssessmentSettings()
    region: RegionSettings
    grid: GridSettings = GridSettings()
    horizon: HorizonSettings = HorizonSettings()
    elements: ElementSettings = ElementSettings()
    density: DensitySettings = DensitySettings()
    cutoffs: CutoffSettings = CutoffSettings()
    simulation: SimulationSettings = SimulationSettings()
    intake: IntakeSettings = IntakeSettings()
    composites: CompositeSettings = CompositeSettings()
    domains: DomainSettings = DomainSettings()
    variogram: VariogramSettings = VariogramSettings()
    cross_validation: CrossValidationSettings = CrossValidationSettings()
    grade: GradeSettings = GradeSettings()
    tonnage: TonnageSettings = TonnageSettings()
    classes: ClassSettings = ClassSettings()
    next_cores: NextCoreSettings = NextCoreSettings()
    recoverable: RecoverableSettings = RecoverableSettings()
    place: PlaceSettings = PlaceSettings()
    production: ProductionSettings = ProductionSettings()
    published_method: PublishedMethodSettings = PublishedMethodSettings()
    fine_grid: FineGridSettings = FineGridSettings()
    maps: MapSettings = MapSettings()


def read_settings(path: Path) -> Settings:
    """Read and check ``assessment.toml``.

    Parameters
    ----------
    path : Path
        The settings file; a region polygon is looked up beside it.

    Raises
    ------
    SettingsError
        The file is missing or no TOML, a key is unknown, or a value is outside what is allowed. All problems are reported together.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        msg = f"{path.name} is missing from {path.parent}. Copy the one that ships with the program and change it."
        raise SettingsError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path.name} is no valid TOML: {error}. Numbers take a point, text takes quotes."
        raise SettingsError(msg) from None
    top = {key: raw.pop(key) for key in list(raw) if not isinstance(raw[key], dict)}
    try:
        settings = Settings(**{"assessment": top, **raw})
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(path.name, problem) for problem in error.errors())) from None
    if settings.domains.boundary != "none":
        outlines = _domain_outlines(path.parent, settings)
        settings = settings.model_copy(update={"domains": settings.domains.model_copy(update={"outlines": outlines})})
    if settings.region.polygon is None:
        return settings
    outline = _read_outline(_inside(path.parent, settings.region.polygon))
    return settings.model_copy(update={"region": settings.region.model_copy(update={"outline": outline})})


def _domain_outlines(raw: Path, settings: Settings) -> list[DomainOutline]:
    """Polygons that the settings' property names; the region's own outline is no domain."""
    given, files = settings.domains, sorted((raw / "domains").rglob("*.geojson"))
    named = [(path.relative_to(raw).as_posix(), path) for path in files if not path.name.startswith((".", "~$"))]
    found = domain_polygons([part for part in named if part[0] != settings.region.polygon], given.property)
    if not found:
        msg = (
            f'[domains] boundary is "{given.boundary}", but no polygon in domains/*.geojson has a property "{given.property}" ([domains] property). '
            'Name the domains there, or set boundary = "none".'
        )
        raise SettingsError(msg)
    if given.outside == "domain" and given.outside_name in found:
        msg = f"[domains] outside_name: a polygon is called {given.outside_name!r} too. Give what lies outside every domain another name."
        raise SettingsError(msg)
    return [DomainOutline(name=name, polygons=polygons) for name, polygons in found.items()]


def section_texts(path: Path) -> dict[str, str]:
    """Each section as sorted JSON with its defaults filled in: what a stage reads, and what decides whether it is stale."""
    settings = read_settings(path)
    return {
        name: json.dumps(getattr(settings, name).model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n" for name in SECTIONS
    }


def read_section(path: Path) -> Section:
    """Read one section back from the JSON that :func:`section_texts` made; the file's stem names the section."""
    return SECTIONS[path.stem].model_validate_json(path.read_text(encoding="utf-8"))


def _explain(name: str, problem: Any) -> str:
    """One validation problem as a sentence with section, key, value, rule and cure."""
    section, *keys = [str(part) for part in problem["loc"]]
    model = SECTIONS.get(section)
    where = f"{name} [{section}]" if section != "assessment" else name
    if keys:
        where += " " + ".".join(keys)
    if problem["type"] == "extra_forbidden":
        known = sorted(set(model.model_fields) - {"outline", "outlines"}) if model is not None and keys else sorted(SECTIONS)
        return f"{where}: unknown {'key' if keys else 'section'}; known are {', '.join(known)}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{where}: is missing; give west_deg, east_deg, south_deg and north_deg, or polygon"
    value = problem.get("input")
    shown = f" is {value!r}" if keys and not isinstance(value, dict) else ""
    return f"{where}{shown}: {message}"


def _inside(raw: Path, name: str) -> Path:
    """A file of RAW: what an assessment rests on lies there, links apart."""
    if Path(os.path.normpath(name)).parts[:1] in ((), ("..",), ("/",)):
        msg = f"[region] polygon: {name!r} lies outside RAW. Copy the file into domains and name it from there"
        raise SettingsError(msg)
    return raw / name


def _read_outline(path: Path) -> list[Rings]:
    """Every polygon of a GeoJSON file, holes too (longitude, latitude in degrees)."""
    where = f"[region] polygon: {path.name}"
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        msg = f"{where} does not exist in {path.parent}"
        raise SettingsError(msg) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        msg = f"{where} is no GeoJSON: {error}"
        raise SettingsError(msg) from None
    try:
        polygons = polygons_of(content)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, ValueError) and str(error).startswith(("holds a ", "has ")) else ""
        msg = f"{where} {said or 'is no GeoJSON of polygons with longitude and latitude. Export it again from a GIS.'}"
        raise SettingsError(msg) from None
    if not polygons:
        msg = f"{where} holds no polygon"
        raise SettingsError(msg)
    return polygons
