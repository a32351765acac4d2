"""Domains: planted worlds of two, what a hard and a soft boundary let through, and that totals add up.

Worlds are tiny and share their cores: 4 x 4 of them, of which the western half stands in one domain and the eastern in the other.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from assess import assess, with_settings
from finished_build import finished
from planted import SETTINGS, cores_on_a_grid, csv_text, varied_density_t_m3, varied_ppm

from pipeline.artefacts import Composites, Grade, JointModel, Seafloor, Variogram
from pipeline.artefacts.formats import read_table
from pipeline.config import NO_DOMAINS, DomainSettings, read_settings
from pipeline.contacts import contacts_of
from pipeline.deposit import deposit_of
from pipeline.deposit_in_domains import deposit_in_domains
from pipeline.domains import domain_at, own_cells, own_composites, seed_of
from pipeline.errors import SettingsError
from pipeline.field import estimated_cells, krigings_of
from pipeline.fine_grid.job import Built, make, simulations_of
from pipeline.stages import coregionalisation, density, grade, variogram
from pipeline.stages.variogram import Subject

CUT_DEG = 153.7
WEST, EAST = "西 <i>West</i>", "=East/2"
DOMAINS = '\n[domains]\nboundary = "{boundary}"\nmin_cores = 4\n'
REALISATIONS = 20


def box(west, south, east, north):
    return {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]}


def feature(name, geometry, **further):
    return {"type": "Feature", "properties": {"domain": name, **further}, "geometry": geometry}


def halves():
    return [feature(WEST, box(153.0, 21.0, CUT_DEG, 23.0)), feature(EAST, box(CUT_DEG, 21.0, 154.5, 23.0))]


def draw(raw, features, name="facies.geojson"):
    (raw / "domains").mkdir(exist_ok=True)
    content = {"type": "FeatureCollection", "features": features}
    (raw / "domains" / name).write_text(json.dumps(content), encoding="utf-8")
    return raw


def two_sided_ppm(longitude_deg, latitude_deg, depth_m):
    """East three times as rich as west, and nothing in between."""
    return varied_ppm(longitude_deg, latitude_deg, depth_m) * (1.0 if longitude_deg < CUT_DEG else 3.0)


ROWS = cores_on_a_grid(two_sided_ppm, varied_density_t_m3)
# Estimators are not compared: that takes longer than all the rest.
ONE_ELEMENT = with_settings(SETTINGS.replace('["dy", "gd"]', '["dy"]'), realisations=str(REALISATIONS)) + "\n[cross_validation]\nmin_cores = 99\n"


@pytest.fixture(scope="module")
def world(plant):
    """Assessment with a boundary of either kind."""
    made = {}

    def of(boundary, rows=ROWS, features=None, settings=ONE_ELEMENT, further=""):
        key = boundary, further, json.dumps(features), id(rows)
        if key not in made:
            raw = draw(plant(rows, settings + DOMAINS.format(boundary=boundary) + further), features or halves())
            made[key] = assess(raw)
        return made[key]

    return of


def sides(world):
    """Cells of both domains that are estimated."""
    near = np.isfinite(world.grades[0].mean_ppm)
    return near & world.seafloor.domains.cells(WEST), near & world.seafloor.domains.cells(EAST)


# ------------------------------------------------------------------ where they lie


def test_cores_belong_to_the_domain_they_stand_in(world):
    frame = world("hard").composites.frame
    assert set(frame.loc[frame["longitude_deg"] < CUT_DEG, "domain"]) == {WEST}
    assert set(frame.loc[frame["longitude_deg"] > CUT_DEG, "domain"]) == {EAST}


def test_cells_belong_to_the_domain_of_their_centre(world):
    floor = world("hard").seafloor
    longitude_deg, _ = floor.grid.to_lonlat(*floor.grid.centres_m())
    assert np.array_equal(floor.domains.cells(WEST), longitude_deg <= CUT_DEG)


def settings_of(*named, **further):
    outlines = [{"name": name, "polygons": [geometry["coordinates"]]} for name, geometry in named]
    return DomainSettings.model_validate_json(json.dumps({"boundary": "hard", "outlines": outlines, **further}))


def test_holes_parts_and_the_180th_meridian_are_understood():
    ring = [[179.0, 0.0], [181.0, 0.0], [181.0, 2.0], [179.0, 2.0], [179.0, 0.0]]
    hole = [[179.5, 0.5], [180.5, 0.5], [180.5, 1.5], [179.5, 1.5], [179.5, 0.5]]
    given = settings_of(("a", {"coordinates": [ring, hole]}))
    found = domain_at(given, np.array([179.2, -179.2, 180.0, -180.0, 178.0, -180.8]), np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0]))
    assert found.tolist() == [0, 0, 1, 1, 1, 0]
    assert domain_at(given.model_copy(update={"outside": "unassessed"}), np.array([178.0]), np.array([1.0])).tolist() == [-1]


@pytest.mark.parametrize(
    ("features", "further", "says"),
    [
        ([feature("a", box(153.0, 21.0, 153.8, 23.0)), feature("b", box(153.7, 21.0, 154.5, 23.0))], "", r"'a' and 'b' overlap in [\d.e+]+ km²"),
        ([feature("all", box(153.0, 21.0, 154.5, 23.0))], "", "'all' has the name of a region that is always there"),
        ([feature("a", {"type": "Point", "coordinates": [153.7, 22.0]})], "", r"facies.geojson: the domain 'a' is no polygon"),
        ([feature("rest", box(153.0, 21.0, 153.7, 23.0))], "", "outside_name: a polygon is called 'rest' too"),
        ([feature("a", box(153.0, 21.0, 154.5, 23.0), kind="outcrop")], "", 'no polygon in domains/.* has a property "domain"'),
        (halves(), 'property = "unit"\n', 'no polygon in domains/.* has a property "unit"'),
        (halves(), 'outside_name = "supported"\n', "outside_name 'supported' is no name"),
    ],
)
def test_domains_that_cannot_be_are_explained(plant, features, further, says):
    raw = draw(plant(ROWS, ONE_ELEMENT + DOMAINS.format(boundary="hard") + further), features)
    with pytest.raises(SettingsError, match=says):
        assess(raw)


def test_a_slip_of_the_pen_is_no_overlap(world):
    """Ten centimetres."""
    found = world("hard", features=[feature(WEST, box(153.0, 21.0, CUT_DEG + 1e-6, 23.0)), feature(EAST, box(CUT_DEG, 21.0, 154.5, 23.0))])
    assert set(found.composites.domains) == {WEST, EAST, "rest"}


def test_without_a_boundary_polygons_are_drawn_and_nothing_else(plant):
    raw = draw(plant(ROWS, ONE_ELEMENT), halves())
    assert read_settings(raw / "assessment.toml").domains == NO_DOMAINS


def test_exclusions_and_other_polygons_change_no_text_of_the_section(plant):
    """So that a new no-go area rebuilds no estimate."""
    from pipeline.config import section_texts

    raw = draw(plant(ROWS, ONE_ELEMENT + DOMAINS.format(boundary="hard")), halves())
    before = section_texts(raw / "assessment.toml")
    draw(raw, [{"type": "Feature", "properties": {"kind": "no_go"}, "geometry": box(153.6, 22.0, 153.7, 22.1)}], "no_go.geojson")
    assert section_texts(raw / "assessment.toml") == before


# ------------------------------------------------------------------ hard


def test_hard_boundary_lets_nothing_through(world):
    """East is three times as rich: block grades stay inside those of their own cores, up to the cells along the boundary."""
    found = world("hard")
    west, east = sides(found)
    frame = found.composites.frame
    column = frame.groupby(["domain", "core_id"])["dy_ppm"].mean()
    for name, cells in ((WEST, west), (EAST, east)):
        inside = found.grades[0].mean_ppm[cells]
        spread = 0.1 * np.ptp(column[name])
        assert column[name].min() - spread < inside.min() < inside.max() < column[name].max() + spread
    assert found.grades[0].mean_ppm[west].max() < found.grades[0].mean_ppm[east].min()
    plain = assess_without(found)
    # What smearing looks like: along the boundary the poor side is made richer, the rich one poorer.
    assert plain.grades[0].mean_ppm[west].max() > 1.2 * found.grades[0].mean_ppm[west].max()
    assert plain.grades[0].mean_ppm[east].min() < 0.95 * found.grades[0].mean_ppm[east].min()


def assess_without(found):
    """The same without domains."""
    text = (found.raw / "assessment.toml").read_text(encoding="utf-8").replace('boundary = "hard"', 'boundary = "none"')
    raw = found.raw.with_name("none")
    if not raw.exists():
        import shutil

        shutil.copytree(found.raw, raw)
        (raw / "assessment.toml").write_text(text, encoding="utf-8")
    return assess(raw)


def alone(found, name):
    """Composites, seafloor and models of one domain as an assessment of its own."""
    layered, floor = own_composites(found.composites, name), own_cells(found.seafloor, name)
    models = [variogram.run(layered, floor, Subject(subject), found.settings.variogram) for subject in ("dy", "density")]
    joint = coregionalisation.run(layered, models, floor, found.settings.variogram)
    return layered, floor, models, joint


@pytest.mark.parametrize("name", [WEST, EAST])
def test_hard_domain_is_an_assessment_of_its_own(world, name):
    found = world("hard")
    layered, floor, models, joint = alone(found, name)
    given = found.settings
    for own, subject in zip(models, ("dy", "density"), strict=True):
        whole = next(part for part in found.variograms if part.subject == subject)
        lags_m = np.array([0.0, 2_000.0, 9_000.0]), np.array([0.0, 0.0, 1.0])
        assert whole.of(name).model.at_lag(*lags_m) == pytest.approx(own.model.at_lag(*lags_m), rel=1e-6)
        assert whole.of(name).layer_mean == pytest.approx(own.layer_mean, rel=1e-9)
    mud = density.run(layered, models[1], floor, given.grade, given.density)
    single = grade.run(layered, models, joint, found.cross_validation, mud, floor, given.grade)
    cells = np.isfinite(single.mean_ppm)
    assert np.array_equal(cells, np.isfinite(found.grades[0].mean_ppm) & found.seafloor.domains.cells(name))
    assert found.density.layer_t_m3[:, cells] == pytest.approx(mud.layer_t_m3[:, cells], rel=1e-9)
    # Rasters hold whole steps, which follow from the highest grade of all: here of one domain, there of both.
    step_ppm = found.grades[0].step_ppm + single.step_ppm
    assert found.grades[0].layer_ppm[:, cells] == pytest.approx(single.layer_ppm[:, cells], abs=step_ppm / 2 + 1e-9)
    assert found.grades[0].layer_sd_ppm[:, cells] == pytest.approx(single.layer_sd_ppm[:, cells], abs=step_ppm / 2 + 1e-9)
    (_, expected) = krigings_of(layered, models[0], floor, 2)[0]
    inside = next(kriging for part, kriging in krigings_of(found.composites, found.variograms[0], found.seafloor, 2) if part.name == name)
    easting_m, northing_m = (axis[cells] for axis in floor.grid.centres_m())
    for one, other in zip(inside.columns(easting_m, northing_m), expected.columns(easting_m, northing_m), strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-9)
        assert one.variance == pytest.approx(other.variance, rel=1e-9)


def test_hard_realisations_are_those_of_the_domains_alone(world):
    found, few = world("hard"), 5
    given = found.settings.simulation.model_copy(update={"realisations": few})
    both = deposit_in_domains(found.composites, found.variograms, found.seafloor, given, found.settings.density, found.settings.variogram)
    grid = found.seafloor.grid
    origin_m = float(grid.transform.c) + grid.cell_m / 2, float(grid.transform.f) - grid.cell_m / 2
    blocks = both.simulation(origin_m, grid.shape, grid.cell_m, 2, given.seed, set()).realisation(3)
    for name in (WEST, EAST):
        layered, floor, models, _ = alone(found, name)
        seed = seed_of(given.seed, name)
        own = deposit_of(layered, models, floor, given.model_copy(update={"seed": seed}), found.settings.density, found.settings.variogram)
        rows, columns = np.nonzero(found.seafloor.domains.cells(name))
        frame = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        corner_m = origin_m[0] + grid.cell_m * columns.min(), origin_m[1] - grid.cell_m * rows.min()
        size = frame[0].stop - frame[0].start, frame[1].stop - frame[1].start
        expected = own.simulation(corner_m, size, grid.cell_m, 2, seed, set()).realisation(3)
        mine = found.seafloor.domains.cells(name)[frame]
        assert blocks.metal_g_m3[:, :, *frame][:, :, mine] == pytest.approx(expected.metal_g_m3[:, :, mine], rel=1e-6)
        assert blocks.density_t_m3[:, *frame][:, mine] == pytest.approx(expected.density_t_m3[:, mine], rel=1e-6)


@pytest.mark.parametrize("boundary", ["hard", "soft"])
def test_domains_add_up_to_all_in_every_realisation(world, boundary):
    totals = world(boundary).simulation.totals
    metal = totals[totals["cutoff_ppm"] == 0].pivot_table(index="realisation", columns="region", values=["metal_t", "dry_mud_t", "area_km2"])
    for column in ("metal_t", "dry_mud_t", "area_km2"):
        part = metal[column]
        assert set(part.columns) == {"all", "supported", WEST, EAST}
        assert np.array_equal(part["all"], part[EAST] + part[WEST])
        assert (part["supported"] <= part["all"] * (1 + 1e-12)).all()


def test_hard_variances_add_up_and_domains_have_rows_of_their_own(world):
    found = world("hard")
    sd = {region: found.tonnes("dy", "sd_closed_form", region=region) for region in ("all", WEST, EAST)}
    assert sd["all"] ** 2 == pytest.approx(sd[WEST] ** 2 + sd[EAST] ** 2, rel=1e-9)
    mean = {region: found.tonnes("dy", "kriged", region=region) for region in ("all", WEST, EAST)}
    assert mean["all"] == pytest.approx(mean[WEST] + mean[EAST], rel=1e-12)
    assert set(found.recoverable.frame["region"]) >= {"all", "supported", WEST, EAST}


def test_hostile_names_survive_the_files(world, tmp_path):
    found = world("hard")
    found.seafloor.write(tmp_path / "seafloor.tif")
    found.composites.write(tmp_path / "composites.parquet")
    found.variograms[0].write(tmp_path / "variogram_dy.json")
    found.joint.write(tmp_path / "coregionalisation.json")
    floor, layered = Seafloor.read(tmp_path / "seafloor.tif"), Composites.read(tmp_path / "composites.parquet")
    assert floor.domains.names == found.seafloor.domains.names == layered.domains
    assert np.array_equal(floor.domains.of_cell, found.seafloor.domains.of_cell)
    model, joint = Variogram.read(tmp_path / "variogram_dy.json"), JointModel.read(tmp_path / "coregionalisation.json")
    assert model.of(EAST).model == found.variograms[0].of(EAST).model
    assert np.array_equal(joint.of(WEST).model.sills, found.joint.of(WEST).model.sills)
    found.tonnage.write(tmp_path / "tonnage.csv")
    text = (tmp_path / "tonnage.csv").read_text(encoding="utf-8")
    assert f",'{EAST}," in text  # a spreadsheet would run it
    assert type(found.tonnage).read(tmp_path / "tonnage.csv").frame["region"].tolist() == found.tonnage.frame["region"].tolist()


# ------------------------------------------------------------------ soft


def mirrored_ppm(longitude_deg, latitude_deg, depth_m):
    """The same on either side of the boundary."""
    away = abs(longitude_deg - CUT_DEG)
    return varied_ppm(153.5 + round(away, 5), latitude_deg, depth_m)


def mirrored_rows():
    """Cores in pairs, each as far from the boundary as the other."""
    rows = [row for row in cores_on_a_grid(varied_ppm, varied_density_t_m3) if row["longitude_deg"] < CUT_DEG]
    west = [{**row, "dy_ppm": mirrored_ppm(row["longitude_deg"], row["latitude_deg"], row["from_m"])} for row in rows]
    east = [{**row, "core_id": f"M{row['core_id']}", "longitude_deg": round(2 * CUT_DEG - row["longitude_deg"], 5)} for row in west]
    return west + east


def test_soft_is_ordinary_where_both_sides_have_equal_statistics(plant):
    """A mirror: the means that the data tell of both sides are equal, so that it does not matter whether they are one or two."""
    raw = draw(plant(mirrored_rows(), ONE_ELEMENT + DOMAINS.format(boundary="soft")), halves())
    soft = assess(raw)
    layered, floor = soft.composites, soft.seafloor
    plain_floor = replace(floor, domains=None)
    plain = replace(layered, frame=layered.frame.drop(columns="domain"), domains=())
    model = soft.variograms[0]
    # One model in both: that of the soft residuals, with the statistics of either side.
    statistics = model.of(WEST)
    whole = replace(model, layer_mean=statistics.layer_mean, layer_sd=statistics.layer_sd, layer_pool=statistics.layer_pool, domains={})
    assert statistics.layer_mean == pytest.approx(model.of(EAST).layer_mean, rel=0.02)
    easting_m, northing_m = (axis.ravel() for axis in floor.grid.centres_m())
    equal = replace(model, domains={name: replace(whole) for name in (WEST, EAST)})
    (one,) = krigings_of(plain, whole, plain_floor, 2)
    expected, _ = one.kriging.columns(easting_m, northing_m)
    for part, kriging in krigings_of(layered, equal, floor, 2):
        found, _ = kriging.columns(easting_m, northing_m)
        assert found.value == pytest.approx(expected.value, rel=2e-3), part.name
        assert np.all(found.variance > expected.variance * (1 - 1e-9))  # two means are less known than one


def test_one_soft_domain_is_the_ordinary_assessment(world):
    """One domain over everything: nothing is divided."""
    rows = ROWS
    soft = world("soft", rows, [feature("one", box(153.0, 21.0, 154.5, 23.0))], further='outside = "unassessed"\n')
    plain_floor, plain = replace(soft.seafloor, domains=None), replace(soft.composites, domains=())
    models = [variogram.run(plain, plain_floor, Subject(subject), soft.settings.variogram) for subject in ("dy", "density")]
    for own, part in zip(models, soft.variograms, strict=True):
        assert part.of("one").layer_mean == pytest.approx(own.layer_mean, rel=1e-9)
        assert part.model.sill == pytest.approx(own.model.sill, rel=1e-6)
    (found,) = krigings_of(soft.composites, soft.variograms[0], soft.seafloor, 2)
    (expected,) = krigings_of(plain, replace(models[0], model=soft.variograms[0].model), plain_floor, 2)
    easting_m, northing_m = (axis.ravel() for axis in soft.seafloor.grid.centres_m())
    for one, other in zip(found.kriging.columns(easting_m, northing_m), expected.kriging.columns(easting_m, northing_m), strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-9)
        assert one.variance == pytest.approx(other.variance, rel=1e-9)


def test_soft_boundary_keeps_the_means_apart_and_lets_the_field_through(world):
    """The level of the other side does not come through, but what its cores tell of the residuals does."""
    soft, hard = world("soft"), world("hard")
    west, east = sides(soft)
    assert soft.grades[0].mean_ppm[west].max() < soft.grades[0].mean_ppm[east].min()
    changed = soft.composites.frame.copy()
    eastern = changed["domain"] == EAST
    nearest = changed.loc[eastern].sort_values("longitude_deg")["core_id"].iloc[0]
    changed.loc[changed["core_id"] == nearest, "dy_g_m3"] *= 1.2
    for found, moves in ((soft, True), (hard, False)):
        columns = []
        for frame in (found.composites.frame, changed):
            parts = krigings_of(replace(found.composites, frame=frame), found.variograms[0], found.seafloor, 2)
            kriging = next(part.kriging for part in parts if part.part.name == WEST)
            easting_m, northing_m = (axis[west] for axis in found.seafloor.grid.centres_m())
            columns.append(kriging.columns(easting_m, northing_m)[1].value)
        assert (np.max(np.abs(columns[1] - columns[0])) > 1e-3) == moves


def test_soft_total_has_the_covariance_between_its_domains(world):
    """Closed form against the sum over all pairs of blocks, each of one node in the middle of its quarters as the closed form takes them."""
    found = world("soft")
    parts = krigings_of(found.composites, found.variograms[0], found.seafloor, 2)
    near = estimated_cells(found.composites, found.seafloor, found.settings.grade.max_distance_spacings)
    grid, told = found.seafloor.grid, []
    shares = []
    for part, kriging in parts:
        cells = near & part.cells
        share = np.where(cells, found.seafloor.region_share, 0.0)
        shares.append(share)
        easting_m, northing_m = (axis[cells] for axis in grid.centres_m())
        told.append((kriging, share, kriging.sum_covariance(easting_m, northing_m), np.zeros((int(cells.sum()), 0))))
    value, variance = parts[0].kriging.joint_total(told)
    single = [one.total(share, covariance, drift) for one, share, covariance, drift in told]
    assert value == pytest.approx(sum(part[0] for part in single), rel=1e-9)
    between = prior_between(parts, shares, grid)
    first, second = (one[0] for one in told)
    assert first._total_covariance(shares[0], second, shares[1]) == pytest.approx(between, rel=1e-9)
    # The same field, told twice: the variance of a whole is that of its parts and twice what they share.
    assert variance != pytest.approx(sum(part[1] for part in single), rel=1e-6)


def prior_between(parts, shares, grid):
    """Prior covariance of the sums of two domains by brute force over 4 x 4 nodes of every block."""
    nodes = (np.arange(4) + 0.5) / 4 - 0.5
    shift = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2) * grid.cell_m
    easting_m, northing_m = grid.centres_m()
    points, weights = [], []
    for share in shares:
        inside = share > 0
        centres = np.column_stack([easting_m[inside], northing_m[inside]])
        points.append((centres[:, None] + shift).reshape(-1, 2))
        weights.append(np.repeat(share[inside] / 16, 16))
    lag_m = np.hypot(points[0][:, None, 0] - points[1][None, :, 0], points[0][:, None, 1] - points[1][None, :, 1])
    one, other = (part.kriging for part in parts)
    total = 0.0
    for i, sd in enumerate(one._sd):
        for j, another in enumerate(other._sd):
            apart_m = abs(one.depths_m[one.layers[i]] - other.depths_m[other.layers[j]])
            total += sd * another * (weights[0] @ one.model.at_lag(lag_m, np.array(apart_m)) @ weights[1])
    return total


def test_soft_realisations_honour_the_cores_on_the_scale_of_their_domain(world):
    """Without errors and unseen layers every realisation has the measured value at a core, back-transformed by its own domain."""
    found = world("soft")
    from pipeline.deposit_in_domains import soft_deposit

    given = found.settings.simulation.model_copy(update={"realisations": 4, "assay_error": False})
    deposit = soft_deposit(found.composites, found.variograms, found.seafloor, given, found.settings.density, found.settings.variogram)
    part, soft = deposit.measured[0], deposit.soft
    layers = np.arange(deposit.layers.size)
    for core, domain in enumerate(soft.of_core):
        for draw in range(4):
            values = soft.scores[domain][0].values(deposit.draws[0].values[draw, core], layers)
            assert values == pytest.approx(part.values[core], rel=1e-6)
    grid = found.seafloor.grid
    simulation = deposit.simulation((0.0, 0.0), grid.shape, grid.cell_m, 2, 1, set())
    import pickle

    again = pickle.loads(pickle.dumps(simulation))
    one, other = simulation.realisation(2), again.realisation(2)
    assert np.array_equal(one.metal_g_m3, other.metal_g_m3, equal_nan=True)
    assert np.array_equal(one.density_t_m3, other.density_t_m3, equal_nan=True)


# ------------------------------------------------------------------ few cores, no cores, order


def test_order_of_rows_files_and_features_does_not_matter(plant, world):
    found = world("soft")
    shuffled = [ROWS[i] for i in np.random.default_rng(5).permutation(len(ROWS))]
    files = {"z.csv": csv_text(shuffled[:70]), "a.csv": csv_text(shuffled[70:])}
    raw = plant(files, ONE_ELEMENT + DOMAINS.format(boundary="soft"))
    draw(raw, halves()[:0:-1], "a.geojson")
    draw(raw, halves()[:1], "b.geojson")
    again = assess(raw)
    assert again.composites.domains == found.composites.domains
    assert np.array_equal(again.grades[0].layer_ppm, found.grades[0].layer_ppm, equal_nan=True)
    assert np.array_equal(again.density.column_t_m3, found.density.column_t_m3, equal_nan=True)


def test_domain_without_cores_is_missing_and_said(world):
    """A strip in the north-east, and none of it is in a tonnage."""
    corner = [*halves()[:1], feature("empty", box(153.86, 22.15, 154.5, 23.0))]
    found = world("hard", features=corner)
    cells = found.seafloor.domains.cells("empty")
    assert np.isnan(found.grades[0].mean_ppm[cells]).all()
    assert np.isnan(found.density.column_t_m3[cells]).all()
    assert "empty" not in set(found.tonnage.frame["region"])
    assert any("the domain empty: no core stands in it; it is missing" in note for note in found.tonnage.warnings)
    assert any("the domain empty" in note for note in found.composites.warnings)
    totals = found.simulation.totals
    assert "empty" not in set(totals["region"])
    assert set(totals["region"]) == {"all", "supported", WEST, "rest"}


def test_cores_outside_every_domain_may_be_left_out(world):
    found = world("hard", features=halves()[:1], further='outside = "unassessed"\n')
    assert set(found.composites.frame["domain"]) == {WEST}
    assert found.composites.warnings[0].startswith("8 cores stand outside every domain and are left out (C20, C21,")
    longitude_deg, _ = found.seafloor.grid.to_lonlat(*found.seafloor.grid.centres_m())
    assert np.isnan(found.grades[0].mean_ppm[longitude_deg > CUT_DEG]).all()


@pytest.mark.parametrize("boundary", ["hard", "soft"])
def test_domain_with_one_core_has_its_mean_and_the_spread_of_the_others(world, boundary):
    lone = next(row["core_id"] for row in ROWS)
    place = next((row["longitude_deg"], row["latitude_deg"]) for row in ROWS)
    around = box(place[0] - 0.04, place[1] - 0.04, place[0] + 0.04, place[1] + 0.04)
    found = world(boundary, features=[feature("lone", around)])
    assert set(found.composites.frame.loc[found.composites.frame["domain"] == "lone", "core_id"]) == {lone}
    model = found.variograms[0]
    own = found.composites.frame.query("domain == 'lone'")["dy_g_m3"].mean()
    assert np.unique(model.of("lone").layer_mean) == pytest.approx([own], rel=1e-9)
    assert model.of("lone").layer_sd == pytest.approx(model.of("rest").layer_sd, rel=1e-9)
    assert model.of("lone").fit["why_borrowed"].startswith("1 cores, and [domains] min_cores asks for 4")
    totals = found.simulation.totals.query("cutoff_ppm == 0 and region == 'lone'")["metal_t"]
    assert np.isfinite(totals).all()
    # One core tells little: the interval is wide, but centred on what it shows.
    kriged = found.tonnes("dy", "kriged", region="lone")
    assert 0.5 * kriged < totals.median() < 2 * kriged
    assert totals.std() / totals.mean() > 0.03


# ------------------------------------------------------------------ below a marker

FLAT_M = 1.3
BESIDE = with_settings(
    ONE_ELEMENT.replace("[grid]\n", '[grid]\nreference = "marker"\nmarker_name = "ash"\n'), top_m=str(-FLAT_M), bottom_m=str(4 - FLAT_M)
)
FLAT = [{**row, "marker_m": FLAT_M} for row in ROWS]
DIPPING = [{**row, "marker_m": round(1.0 + 1.5 * (float(row["longitude_deg"]) - 153.5) / 0.4, 3)} for row in ROWS]


@pytest.mark.parametrize("boundary", ["hard", "soft"])
def test_domains_below_a_flat_marker_are_those_below_the_seafloor(world, boundary):
    below, beside = world(boundary), world(boundary, FLAT, settings=BESIDE)
    assert beside.grades[0].layer_ppm == pytest.approx(below.grades[0].layer_ppm, rel=1e-9, nan_ok=True)
    assert beside.density.layer_t_m3 == pytest.approx(below.density.layer_t_m3, rel=1e-9, nan_ok=True)
    keys = ["element", "region", "cutoff_ppm", "statistic"]
    one, other = (part.tonnage.frame.set_index(keys) for part in (below, beside))
    assert one.index.equals(other.index)
    assert set(one.index.unique("region")) == {"all", "supported", WEST, EAST}
    for column in ("area_km2", "dry_mud_t", "grade_ppm", "metal_t"):
        # A standard deviation of the kriged total is a small difference of large numbers.
        assert other[column].to_numpy(dtype=float) == pytest.approx(one[column].to_numpy(dtype=float), rel=1e-8, nan_ok=True)


def test_domains_below_a_dipping_marker_add_up_and_hold_only_what_exists(world):
    found = world("soft", DIPPING, settings=BESIDE)
    kriged = {region: found.tonnes("dy", "kriged", region=region) for region in ("all", WEST, EAST)}
    assert kriged["all"] == pytest.approx(kriged[WEST] + kriged[EAST], rel=1e-12)
    floor = found.seafloor
    block_t = np.nan_to_num(found.grades[0].layer_ppm * found.density.layer_t_m3) * floor.thickness_share * floor.layers.layer_m * 1e-6
    metal_t = block_t * floor.grid.cell_area_m2 * floor.region_share
    for name, cells in zip((WEST, EAST), sides(found), strict=True):
        assert kriged[name] == pytest.approx(metal_t[:, cells].sum(), rel=2e-3)
    totals = found.simulation.totals
    metal = totals[totals["cutoff_ppm"] == 0].pivot_table(index="realisation", columns="region", values="metal_t")
    assert np.array_equal(metal["all"], metal[EAST] + metal[WEST])
    # Less of the uppermost layers lies below the seafloor in the west, where the marker is shallow.
    west, east = (floor.thickness_share[0][cells].mean() for cells in sides(found))
    assert west < east


# ------------------------------------------------------------------ finer cells, out of core


@pytest.fixture(scope="module")
def fine(world, tmp_path_factory):
    """Two folders of the hard domains out of core, by tiles of two sizes: grades on the cells of the build, realisations on a fifth of their side."""
    found = world("hard")
    cell_m, made = found.seafloor.grid.cell_m, []
    for side in (64, 128):
        processed = finished(tmp_path_factory.mktemp("fine") / "processed", found, frequencies=256, tile_cells=side)
        make(processed, found.raw, cell_m, 0, "in-process")
        make(processed, found.raw, cell_m / 5, FEW, "in-process")
        made.append(processed)
    return made


FEW = 3


def test_on_the_cells_of_the_build_fine_grades_of_domains_are_those_of_the_build(world, fine):
    expected, cell_m = world("hard").grades[0], world("hard").seafloor.grid.cell_m
    found = Grade.read(fine[0] / "fine_grid" / f"{cell_m:g}m" / "grade_dy.tif")
    row, column = (round(shift_m / cell_m) for shift_m in (
        found.grid.bounds_m[3] - expected.grid.bounds_m[3], expected.grid.bounds_m[0] - found.grid.bounds_m[0],
    ))  # fmt: skip
    place = slice(row, row + expected.grid.shape[0]), slice(column, column + expected.grid.shape[1])
    for name in ("mean_ppm", "sd_ppm", "layer_ppm", "layer_sd_ppm"):
        assert np.array_equal(getattr(found, name)[(..., *place)], getattr(expected, name), equal_nan=True), name
    assert np.isfinite(found.mean_ppm).sum() == np.isfinite(expected.mean_ppm).sum()


def test_the_size_of_a_tile_changes_no_byte_of_fine_domains(world, fine):
    cell_m = world("hard").seafloor.grid.cell_m
    for folder in (f"{cell_m:g}m", f"{cell_m / 5:g}m"):
        one, other = ({path.name: path.read_bytes() for path in (processed / "fine_grid" / folder).iterdir()} for processed in fine)
        assert {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)} == {"run.json"}  # which holds the side


def test_fine_totals_of_a_domain_are_the_sums_of_its_own_realisations(world, fine):
    found = world("hard")
    cell_m = found.seafloor.grid.cell_m / 5
    built = Built.read(fine[0], found.raw, cell_m)
    totals, _ = read_table(fine[0] / "fine_grid" / f"{cell_m:g}m" / "totals.parquet")
    metal = totals[totals["cutoff_ppm"] == 0].pivot_table(index="realisation", columns="region", values=["metal_t", "area_km2"])
    assert set(metal["metal_t"].columns) == {"all", "supported", WEST, EAST}
    for column in ("metal_t", "area_km2"):
        assert metal[column]["all"].to_numpy() == pytest.approx((metal[column][WEST] + metal[column][EAST]).to_numpy(), rel=1e-12)
    assert [part.name for part in built.parts] == [EAST, WEST]
    for part in built.parts:
        _, simulation = simulations_of(built, FEW)[part.name]
        blocks = [block for tile in built.tiles for block in part.frame.blocks(tile)]
        shares = np.concatenate([block.share[block.near] for block in blocks])
        longitude_deg = np.concatenate([block.grid.to_lonlat(*(axis[block.near] for axis in block.grid.centres_m()))[0] for block in blocks])
        assert np.all(longitude_deg <= CUT_DEG if part.name == WEST else longitude_deg > CUT_DEG)
        drawn = simulation.blocks([block.centre_m for block in blocks], [block.near for block in blocks], range(FEW))
        for number, (_, metal_g_m3) in enumerate(drawn):
            by_hand_t = (metal_g_m3[0].astype(float) * shares).sum() * cell_m**2 * built.layers.layer_m * 1e-6
            assert metal["metal_t"][part.name][number] == pytest.approx(by_hand_t, rel=1e-12)


def test_fine_realisations_of_domains_are_of_the_size_of_those_of_the_build(world, fine):
    """Three of them by waves against twenty on the torus: means within what so few leave open."""
    cell_m = world("hard").seafloor.grid.cell_m / 5
    totals = read_table(fine[0] / "fine_grid" / f"{cell_m:g}m" / "totals.parquet")[0], world("hard").simulation.totals
    for name in (WEST, EAST):
        few, many = (part[(part["cutoff_ppm"] == 0) & (part["region"] == name)]["metal_t"] for part in totals)
        assert few.mean() == pytest.approx(many.mean(), abs=4 * many.std() / np.sqrt(FEW))


def test_soft_domains_on_a_fine_grid_are_refused_with_the_cure(world, tmp_path):
    found = world("soft")
    with pytest.raises(SettingsError, match=r'\[domains\] boundary: a fine grid knows no soft one yet. Set boundary = "hard"'):
        make(finished(tmp_path / "processed", found), found.raw, 500.0, 0, "in-process")


# ------------------------------------------------------------------ contact analysis


def test_contact_analysis_sees_the_planted_step(world):
    found = world("hard")
    (contact,) = contacts_of(found.composites, found.settings.domains, found.seafloor.grid)
    assert {contact["one"], contact["other"]} == {WEST, EAST}
    assert contact["suggests"] == "hard"
    sign = 1 if contact["other"] == EAST else -1
    assert contact["near"]["low_ppm"] * sign > 0 or contact["near"]["high_ppm"] * sign > 0
    assert sum(step["cores"] for step in contact["steps"]) <= 16
    assert found.validation.content["contacts"] == [contact]


def test_contact_analysis_sees_no_step_in_one_deposit(plant):
    raw = draw(plant(cores_on_a_grid(lambda x, y, z: 40.0 + 20.0 * np.sin(300.0 * x + 211.0 * y + 3.0 * z)), ONE_ELEMENT), halves())
    text = (raw / "assessment.toml").read_text(encoding="utf-8") + DOMAINS.format(boundary="soft")
    (raw / "assessment.toml").write_text(text, encoding="utf-8")
    found = assess(raw)
    (contact,) = contacts_of(found.composites, found.settings.domains, found.seafloor.grid)
    assert contact["suggests"] == "none"
