"""What changed: steps that add up to the last digit, honest causes, new cores beside what was foretold, and a history that survives everything."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from assess import listed
from hostile import payloads
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artefacts import (
    ORDINARY,
    BathymetryFiles,
    CoreFiles,
    Delta,
    DomainFiles,
    Estimator,
    History,
    ProgramFiles,
    PublishedFiles,
)
from pipeline.artefacts.changes import HISTORY
from pipeline.changes import words
from pipeline.changes.compare import ACTS_ON, changed_elements, class_areas
from pipeline.changes.content import compared, waterfall_of
from pipeline.changes.differences import differences
from pipeline.changes.held_fixed import Model, foretold, kept_composites, kriged
from pipeline.changes.snapshot import region_of, table_of, variogram_of_kept
from pipeline.changes.waterfall import Level, divisia, waterfall
from pipeline.config import SECTIONS
from pipeline.field import kriging_of
from pipeline.geostatistics.data_worth import NewCores, updated_total
from pipeline.stages import changes, delta

PROGRAM = ProgramFiles({"pipeline/stages/grade.py": "1"})


@pytest.fixture(scope="module")
def made(varied):
    """The stage on a planted survey, with a history and a program."""
    files = [listed(kind, varied.raw, *suffixes) for kind, suffixes in ((CoreFiles, (".csv", ".toml")), (BathymetryFiles, (".nc", ".toml")))]
    more = [DomainFiles(varied.raw, {}), PublishedFiles(varied.raw, {})]
    sections = [getattr(varied.settings, name) for name in type(varied.settings).model_fields]

    def make(history=None, program=PROGRAM):
        return delta.run(
            history or History(), varied.tonnage, varied.recoverable, varied.simulation.classes, varied.samples, varied.composites,
            varied.variograms, varied.joint,
            varied.cross_validation, varied.grades, varied.seafloor, *files, *more, [program], sections,
        )  # fmt: skip

    return make


@pytest.fixture(scope="module")
def now(made):
    """What the planted survey is compared by; kriged without what cokriging would add, so that an element stands for itself."""
    kept = made().history.current
    return {**kept, "estimators": {element: ORDINARY.to_dict() for element in kept["elements"]}}


@pytest.fixture
def old(now):
    """The same, free to be changed."""
    return copy.deepcopy(now)


def compare(old, now, varied):
    """Everything that is said of two builds."""
    different = differences(old, now)
    found, cores = changed_elements(old, now, different, varied.composites, varied.seafloor)
    return compared(old, now, different, found, cores, class_areas(old, now, varied.seafloor))


def without_core(kept, core):
    """A build in which a core was not there yet; the rest as it was."""
    kept = copy.deepcopy(kept)
    del kept["cores"][core]
    keep = [name != core for name in kept["composites"]["core_id"]]
    kept["composites"] = {name: [value for value, stays in zip(values, keep, strict=True) if stays] for name, values in kept["composites"].items()}
    return kept


def with_core(kept, varied, factor, core="NEW", at=(153.71, 22.03), estimator=ORDINARY):
    """A build with a core that shows what was foretold for its place, its grades times a factor, and nothing else that is new."""
    kept = copy.deepcopy(kept)
    seafloor, layers = varied.seafloor, varied.seafloor.layers
    position = np.array(seafloor.grid.from_lonlat(*np.array(at).reshape(2, 1))).ravel()
    number = np.arange(layers.count)
    at_m = np.column_stack([np.tile(position, (layers.count, 1)), layers.tops_m + layers.layer_m / 2])
    composites = kept_composites(kept, varied.composites)
    told = {}
    for subject in (*kept["elements"], "density"):
        model = variogram_of_kept(kept, subject, varied.composites)
        told[subject] = kriging_of(composites, model, seafloor, 4, estimator, varied.joint).composites(at_m, number).value
    values = {"dry_bulk_density_t_m3": told["density"]}
    for element in kept["elements"]:
        values[f"{element}_g_m3"] = told[element] * factor
        values[f"{element}_ppm"] = values[f"{element}_g_m3"] / told["density"]
    for layer in number:
        found = {"core_id": core, "layer": int(layer), "longitude_deg": at[0], "latitude_deg": at[1], "density_supplied_share": 0.0}
        found |= {"top_m": float(layers.tops_m[layer]), "bottom_m": float(layers.bottoms_m[layer])}
        found |= {name: float(value[layer]) for name, value in values.items()}
        for name, column in kept["composites"].items():
            column.append(found[name])
    file = f"cores/{core}.csv"
    kept["cores"][core] = {"file": file, "longitude_deg": at[0], "latitude_deg": at[1], "samples": layers.count, "deepest_m": 4.0, "sha256": {}}
    kept["inputs"][file] = {"sha256": "new", "rows": layers.count}
    return kept


# ------------------------------------------------------------------ numbers that add up

amounts = st.floats(min_value=1e-3, max_value=1e12, allow_nan=False)


@given(amounts, st.lists(amounts | st.just(float("nan")), max_size=5), amounts)
def test_steps_add_up_exactly_as_numbers_in_the_file_and_as_digits_on_the_page(first, between, last):
    last = first * (last / 1e12 * 100 + 0.01)
    between = [first * (value / 1e12 * 100) for value in between]
    found = waterfall(first, [*(Level(f"s{n}", value) for n, value in enumerate(between)), Level("end", 0.0)], last)
    assert Fraction(found.old) + sum(Fraction(step.change) for step in found.steps) == Fraction(found.new)
    assert float(found.old) == pytest.approx(first, rel=1e-9)
    assert float(found.new) == pytest.approx(last, rel=1e-9)
    assert [name for step in found.steps for name in step.steps] == [*(f"s{n}" for n in range(len(between))), "end"]
    levels, power = found.shown()
    for level, exact in zip(levels, [found.old, *(step.level for step in found.steps)], strict=True):
        assert abs(Decimal(level).scaleb(power) - exact) <= Decimal("0.5").scaleb(power)


def test_an_unknown_level_joins_its_step_to_the_next_one():
    found = waterfall(10.0, [Level("a", np.nan), Level("b", 12.0), Level("c", 0.0)], 11.0)
    assert [(step.steps, float(step.change)) for step in found.steps] == [(("a", "b"), 2.0), (("c",), -1.0)]


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4))
def test_factors_explain_a_difference_without_remainder_and_in_no_order(factors):
    old, new = zip(*factors, strict=True)
    parts = divisia(old, new)
    whole = np.prod(new) - np.prod(old)
    scale = max(np.prod(new), np.prod(old))
    assert sum(parts) == pytest.approx(whole, abs=1e-9 * scale)
    assert divisia(old[::-1], new[::-1])[::-1] == pytest.approx(parts, rel=1e-9, abs=1e-12 * scale)
    for part, (before, after) in zip(parts, factors, strict=True):
        assert part == 0 if before == after else (part > 0) == (after > before)


def test_a_factor_of_nothing_is_not_explained():
    assert divisia([0.0, 2.0], [1.0, 2.0]) is None


# ------------------------------------------------------------------ the model held fixed


def test_a_build_is_read_back_as_it_was(now, varied):
    frame = varied.composites.frame.sort_values(["core_id", "layer"]).reset_index(drop=True)
    table = table_of(now)
    pd.testing.assert_frame_equal(table[["core_id", "layer", "dy_g_m3"]], pd.DataFrame(frame[["core_id", "layer", "dy_g_m3"]]), check_dtype=False)
    assert json.loads(json.dumps(now)) == now
    region = region_of(now, "dy", "all", varied.seafloor.grid.shape)
    area_km2 = np.sum(varied.seafloor.region_share[region]) * varied.seafloor.grid.cell_area_m2 * 1e-6
    assert area_km2 == pytest.approx(varied.tonnes("dy", "kriged", "area_km2"), rel=1e-9)


@pytest.mark.parametrize("element", ["dy", "gd"])
def test_kriging_again_equals_the_tonnage_table(made, varied, element):
    now = made().history.current
    region = region_of(now, element, "all", varied.seafloor.grid.shape)
    found = kriged(Model.of(now, element, varied.composites), kept_composites(now, varied.composites), varied.seafloor, [region])[0]
    # The table adds up blocks in whole steps, none below zero.
    assert found.metal_t == pytest.approx(varied.tonnes(element, "kriged"), rel=2e-3)
    assert found.dry_mud_t == pytest.approx(varied.tonnes(element, "kriged", "dry_mud_t"), rel=1e-6)
    assert found.metal_sd_t == pytest.approx(varied.tonnes(element, "sd_closed_form"), rel=1e-9)


def test_a_core_equal_to_its_prediction_moves_nothing_and_narrows_the_interval(now, varied):
    content = compare(now, with_core(now, varied, 1.0), varied)
    for element in ("dy", "gd"):
        before, added = (content["elements"][element]["closed_form"][step] for step in ("before", "added"))
        assert added["metal_t"] == pytest.approx(before["metal_t"], rel=1e-8)
        assert added["dry_mud_t"] == pytest.approx(before["dry_mud_t"], rel=1e-8)
        assert added["metal_sd_t"] < before["metal_sd_t"] * (1 - 1e-4)
    assert {core["verdict"] for core in content["new_cores"]} == {"equal"}
    said = content["summary"]
    assert any("NEW" in line["en"] and "equal to its prediction" in line["en"] for line in said)
    assert any("NEW" in line["ja"] and "予測どおり" in line["ja"] for line in said)
    assert any("leaves dysprosium where it was and makes its kriged total" in line["en"] and "more certain" in line["en"] for line in said)
    assert any("ジスプロシウムの量を変えず" in line["ja"] and "小さくします" in line["ja"] for line in said)


def test_under_cokriging_too_a_core_equal_to_its_prediction_moves_nothing(now, varied):
    both = Estimator("cokriging")
    kept = {**now, "estimators": {element: both.to_dict() for element in now["elements"]}}
    content = compare(kept, with_core(kept, varied, 1.0, estimator=both), varied)
    for element in ("dy", "gd"):
        before, added = (content["elements"][element]["closed_form"][step] for step in ("before", "added"))
        assert added["metal_t"] == pytest.approx(before["metal_t"], rel=1e-8)
        assert added["metal_sd_t"] < before["metal_sd_t"] * (1 - 1e-4)


def test_a_core_far_above_its_prediction_raises_the_total_and_says_so(now, varied):
    content = compare(now, with_core(now, varied, 3.0), varied)
    closed = content["elements"]["dy"]["closed_form"]
    assert closed["added"]["metal_t"] > closed["before"]["metal_t"] * 1.001
    told = {core["element"]: core for core in content["new_cores"]}
    assert told["dy"]["richer_share"] == pytest.approx(2.0, rel=1e-9)
    assert told["dy"]["surprise"] > 2
    assert told["dy"]["verdict"] == "far_above"
    said = content["summary"]
    assert any(
        "Core NEW came out 200" in line["en"] and "richer in dysprosium" in line["en"] and "far above its prediction" in line["en"] for line in said
    )
    assert any("コア NEW のジスプロシウム" in line["ja"] and "予測を大きく上回る" in line["ja"] for line in said)
    assert any("raises dysprosium by" in line["en"] for line in said)
    assert any("増やし" in line["ja"] for line in said)


def test_kriging_again_equals_the_closed_form_of_the_update(now, varied):
    """Two ways that share no code: once with the core among the data, once by its covariance with the total."""
    new = with_core(now, varied, 1.7)
    model, seafloor = Model.of(now, "dy", varied.composites), varied.seafloor
    region = region_of(now, "dy", "supported", seafloor.grid.shape)
    before, after = (kriged(model, kept_composites(kept, varied.composites), seafloor, [region])[0] for kept in (now, new))
    kriging = model.kriging(kept_composites(now, varied.composites), seafloor)
    rows = table_of(new).query("core_id == 'NEW'")
    at_m = np.column_stack(seafloor.grid.from_lonlat(rows["longitude_deg"].to_numpy()[:1], rows["latitude_deg"].to_numpy()[:1]))
    share = np.where(region, seafloor.region_share, 0.0)
    found = updated_total(kriging, *seafloor.grid.centres_m(), share, NewCores(at_m, rows["dy_g_m3"].to_numpy()[None, kriging.layers]))
    tonnes = seafloor.grid.cell_area_m2 * seafloor.layers.layer_m * 1e-6
    assert found.mean_without * tonnes == pytest.approx(before.metal_t, rel=1e-10)
    assert found.mean_with * tonnes == pytest.approx(after.metal_t, rel=1e-8)
    assert np.sqrt(found.variance_with) * tonnes == pytest.approx(after.metal_sd_t, rel=1e-8)
    told = foretold(model, kept_composites(now, varied.composites), kept_composites(new, varied.composites), ["NEW"], seafloor)[0]
    assert told.foretold_g_m3 == pytest.approx(found.predicted.mean(), rel=1e-9)
    assert told.sd_g_m3 <= found.sd.mean() * (1 + 1e-12)


def test_surprises_have_the_spread_that_the_model_says(now, varied):
    """Each core foretold from all the others is the kriging error of a column: in standard deviations, about one."""
    surprises = []
    for core in list(now["cores"]):
        less = without_core(now, core)
        model = Model.of(less, "dy", varied.composites)
        surprises += [one.surprise for one in foretold(model, kept_composites(less, varied.composites), varied.composites, [core], varied.seafloor)]
    assert len(surprises) == len(now["cores"])
    # 16 dependent values: far outside these bounds only if a standard deviation is wrong by half.
    assert 0.4 < np.sqrt(np.mean(np.square(surprises))) < 2.0


# ------------------------------------------------------------------ what is said to lie behind


def assert_adds_up(content):
    count = 0
    for element in content["elements"].values():
        for stored in (part for part in element.values() if isinstance(part, dict) and "steps" in part):
            exact = json.loads(json.dumps(stored), parse_float=Decimal)
            assert Fraction(exact["old"]) + sum(Fraction(step["change"]) for step in exact["steps"]) == Fraction(exact["new"])
            levels, _ = waterfall_of(stored).shown()
            assert levels[0] + sum(np.diff(levels)) == levels[-1]
            count += 1
    for stored in content["class_areas_km2"].values():
        assert Fraction(str(stored["old"])) + sum(Fraction(str(step["change"])) for step in stored["steps"]) == Fraction(str(stored["new"]))
    return count


def test_only_new_cores_are_the_only_cause(now, varied):
    content = compare(now, with_core(now, varied, 1.4), varied)
    assert assert_adds_up(content) >= 10
    assert content["changed"]["kinds"] == ["cores"]
    for element in content["elements"].values():
        assert {tuple(causes) for causes in element["causes"].values()} == {("cores",)}
    assert any("Nothing else changed" in line["en"] for line in content["summary"])
    assert any("ほかに変更はない" in line["ja"] for line in content["summary"])


def test_what_changed_at_once_is_named_together(old, now, varied):
    new = with_core(now, varied, 1.4)
    new["settings"]["variogram"]["lags"] += 1
    new["variograms"]["dy"]["model"]["nugget"] = now["variograms"]["dy"]["model"]["nugget"] * 1.5 + 0.01
    new["program"] = {"pipeline/stages/grade.py": "2"}
    content = compare(old, new, varied)
    causes = content["elements"]["dy"]["causes"]
    assert causes["added"] == ["cores"]
    assert causes["model"] == ["cores", "[variogram]", "program"]
    assert any("Several kinds of things" in line["en"] for line in content["summary"])
    assert words.causes_said(causes["model"])["en"] == "together: core data, settings [variogram], the program"
    assert_adds_up(content)


def test_a_setting_of_the_simulation_moves_only_what_the_realisations_show(old, now, varied):
    new = copy.deepcopy(now)
    new["settings"]["simulation"]["seed"] += 1
    new["headline"]["dy"]["supported"]["mean"]["metal_t"] *= 1.01
    content = compare(old, new, varied)
    element = content["elements"]["dy"]
    assert [step["over"] for step in element["metal_t"]["steps"]] == [["realisations"]]
    assert element["causes"] == {"realisations": ["[simulation]"], "lifted": ["[simulation]"]}
    assert content["changed"]["settings"][0]["key"] == "seed"
    assert content["changed"]["settings"][0]["description"] == SECTIONS["simulation"].model_fields["seed"].description


def test_numbers_that_differ_without_a_recorded_change_are_not_explained(old, now, varied):
    new = copy.deepcopy(now)
    new["headline"]["dy"]["supported"]["mean"]["metal_t"] *= 1.01
    content = compare(old, new, varied)
    assert content["elements"]["dy"]["causes"] == {"realisations": [], "lifted": []}
    assert words.causes_said([])["en"].startswith("unknown")
    assert any("Nothing that is recorded changed" in line["en"] for line in content["summary"])


def test_another_grid_is_one_step(old, now, varied):
    old["frame"] = "another"
    old["settings"]["grid"]["cell_m"] = 4000.0
    content = compare(old, now, varied)
    element = content["elements"]["dy"]
    assert [step["over"] for step in element["metal_t"]["steps"]] == [["frame"]]
    assert element["causes"] == {"frame": ["[grid]"], "lifted": ["[grid]"]}
    assert "one step" in element["reason"]["en"]
    assert content["class_moves_km2"] == {}
    assert_adds_up(content)


def test_a_core_taken_away_is_the_way_back(now, varied):
    new = with_core(now, varied, 1.8)
    there, back = compare(now, new, varied), compare(new, now, varied)
    one, other = there["elements"]["dy"]["closed_form"], back["elements"]["dy"]["closed_form"]
    assert one["added"]["metal_t"] == pytest.approx(other["before"]["metal_t"], rel=1e-10)
    assert other["removed"]["metal_t"] == pytest.approx(one["before"]["metal_t"], rel=1e-10)
    assert any("One core was removed: NEW." in line["en"] for line in back["summary"])
    assert any("コア1本が除かれました：NEW。" in line["ja"] for line in back["summary"])


def test_edited_cores_and_cores_read_differently_are_told_apart(old, now):
    core, other, *_ = now["cores"]
    new = copy.deepcopy(now)
    for name in (core, other):
        new["cores"][name]["sha256"]["dy_ppm"] = "changed"
    new["inputs"][now["cores"][core]["file"]] = {"sha256": "edited", "rows": 1}
    new["cores"][other]["file"] = "cores/second.csv"
    for kept in (old, new):
        kept["cores"][other]["file"] = "cores/second.csv"
        kept["inputs"]["cores/second.csv"] = {"sha256": "same", "rows": 8}
    found = differences(old, new).cores
    assert (found.edited, found.read_differently) == ([core], [other])


def test_a_filled_density_that_follows_the_others_is_no_edit(old, now):
    core = now["composites"]["core_id"][0]
    for kept in (old, now := copy.deepcopy(now)):
        kept["composites"]["density_supplied_share"][0] = 0.5
    now["composites"]["dy_g_m3"][0] *= 1.001
    found = differences(old, now).cores
    assert (found.refilled, found.changed) == ([core], [])


def test_a_renamed_file_is_no_new_data(old, now):
    new = copy.deepcopy(now)
    (name,) = [name for name in now["inputs"] if name.startswith("cores/") and name.endswith(".csv")]
    new["inputs"]["cores/renamed.csv"] = new["inputs"].pop(name)
    for core in new["cores"].values():
        core["file"] = "cores/renamed.csv"
    found = differences(old, new)
    assert found.files["cores"]["renamed"] == [{"from": name, "to": "cores/renamed.csv", "rows": now["inputs"][name]["rows"]}]
    assert not found.cores.any_data
    assert not found.cores.changed


def test_classes_move_from_one_to_another_and_every_square_metre_is_kept(old, now, varied):
    import base64
    import zlib

    codes = np.frombuffer(zlib.decompress(base64.b64decode(now["classes"])), dtype=np.uint8).copy()
    moved = np.flatnonzero(codes == codes.max())[:3]
    codes[moved] = 1 if codes.max() > 1 else 0
    old["classes"] = base64.b64encode(zlib.compress(codes.tobytes(), 9)).decode()
    content = compare(old, now, varied)
    assert any(step["change"] for stored in content["class_areas_km2"].values() for step in stored["steps"])
    total = sum(area for row in content["class_moves_km2"].values() for area in row.values())
    # Cells that neither build estimates are in the table only where an estimated one left or came.
    whole = np.nansum(varied.seafloor.region_share) * varied.seafloor.grid.cell_area_m2 * 1e-6
    assert total <= whole * (1 + 1e-9)
    assert_adds_up(content)


def test_every_section_that_acts_on_tonnes_is_one_of_the_settings():
    assert {section for sections in ACTS_ON.values() for section in sections} <= set(SECTIONS)
    assert set(words.STEPS) == set(ACTS_ON) == set(words.STEP_NOTES)


def test_titles_and_colours_are_no_change(now):
    assert not {"assessment", "maps"} & now["settings"].keys()
    assert set(now["settings"]) == set(SECTIONS) - {"assessment", "maps"}


# ------------------------------------------------------------------ the history


def test_without_a_history_it_is_the_first_build(made):
    content = made().content
    assert content["state"] == "first build"
    assert "First build" in content["summary"][0]["en"]
    assert "最初のビルド" in content["summary"][0]["ja"]


def test_the_same_build_again_keeps_its_comparison(made, tmp_path):
    out = tmp_path / "delta.json"
    made().write(out)
    changed = ProgramFiles({"pipeline/stages/grade.py": "2"})
    made(History.beside(out), changed).write(out)
    told, kept = out.read_bytes(), (tmp_path / HISTORY).read_bytes()
    for _ in range(2):
        made(History.beside(out), changed).write(out)
        assert (out.read_bytes(), (tmp_path / HISTORY).read_bytes()) == (told, kept)
    assert Delta.read(out).content["changed"]["program"] == ["pipeline/stages/grade.py"]
    made(History.beside(out)).write(out)
    assert Delta.read(out).content["changed"]["kinds"] == ["program"]


@pytest.mark.parametrize("dies_at", ["history", "delta"])
def test_a_build_that_dies_in_between_loses_no_comparison(made, tmp_path, monkeypatch, dies_at):
    out, sound = tmp_path / "processed" / "delta.json", tmp_path / "sound" / "delta.json"
    changed = ProgramFiles({"pipeline/stages/grade.py": "2"})
    for path in (out, sound):
        made().write(path)
    made(History.beside(sound), changed).write(sound)
    before = {path.name: path.read_bytes() for path in (out, out.parent / HISTORY)}

    def dies(*_):
        raise KeyboardInterrupt

    from pipeline.artefacts import changes as artefacts

    with monkeypatch.context() as patched:
        patched.setattr(artefacts, "write_whole" if dies_at == "history" else "write_json", dies)
        with pytest.raises(KeyboardInterrupt):
            made(History.beside(out), changed).write(out)
    assert out.read_bytes() == before["delta.json"]
    if dies_at == "history":
        assert (out.parent / HISTORY).read_bytes() == before["history.json"]
    made(History.beside(out), changed).write(out)
    assert out.read_bytes() == sound.read_bytes()
    assert (out.parent / HISTORY).read_bytes() == (sound.parent / HISTORY).read_bytes()


DAMAGE = {
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda _: b"",
    "no JSON": lambda _: b"\xff\xfe\x00",
    "a digit changed": lambda text: text.replace(b"0.5", b"0.6", 1),
    "another shape": lambda _: b"[]",
    "nothing in it": lambda _: b"{}",
    "deep": lambda _: b"[" * 100_000,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_history_is_said_and_counts_as_a_first_build(made, tmp_path, damage):
    out = tmp_path / "delta.json"
    made().write(out)
    path = tmp_path / HISTORY
    text = path.read_bytes()
    path.write_bytes(DAMAGE[damage](text))
    assert path.read_bytes() != text
    found = made(History.beside(out))
    assert found.content["state"] == "first build"
    assert "counts as a first build" in found.content["summary"][0]["en"]
    assert "最初のビルドとして扱います" in found.content["summary"][0]["ja"]
    assert found.warnings
    found.write(out)
    assert path.read_bytes() == text


def test_a_history_of_another_format_is_said(made, tmp_path):
    from pipeline.artefacts.changes import _digest

    out = tmp_path / "delta.json"
    made().write(out)
    kept = json.loads((tmp_path / HISTORY).read_text())
    kept["content"]["format"] = 0
    kept["sha256"] = _digest(kept["content"])
    (tmp_path / HISTORY).write_text(json.dumps(kept))
    assert "another version" in made(History.beside(out)).content["summary"][0]["en"]


def test_a_build_that_lacks_what_is_asked_for_stops_nothing(made, now):
    lacking = {name: value for name, value in now.items() if name != "headline"}
    found = made(History(lacking))
    assert found.content["state"] == "first build"
    assert "another version" in found.content["summary"][0]["en"]
    assert found.history.current["headline"]


def test_something_else_in_the_place_of_the_history_stops_nothing(made, tmp_path):
    (tmp_path / ".history").write_text("a note of somebody")
    out = tmp_path / "delta.json"
    made(History.beside(out)).write(out)
    assert Delta.read(out).content["state"] == "first build"
    assert (tmp_path / ".history").read_text() == "a note of somebody"


# ------------------------------------------------------------------ the page


def test_the_page_says_what_delta_says(now, varied):
    content = {**varied.composites.marks.tags(), **compare(now, with_core(now, varied, 3.0), varied)}
    page = changes.run(Delta(json.loads(json.dumps(content))), varied.settings.assessment).html
    for line in content["summary"]:
        assert line["en"] in page
        assert line["ja"] in page
    assert page == changes.run(Delta(json.loads(json.dumps(content))), varied.settings.assessment).html


def test_names_that_people_gave_stay_text(now, varied):
    from html import unescape

    from pipeline.changes.words import short

    new = copy.deepcopy(now)
    for number, text in enumerate(payloads().values()):
        new = {**new, "cores": {**new["cores"], text: {**new["cores"]["C00"], "file": f"cores/{text}.csv"}}}
        new["inputs"][f"cores/{text}.csv"] = {"sha256": str(number), "rows": 1}
    content = {"data_kind": "measured", "rows_left_out": "0", **compare(now, new, varied)}
    page = changes.run(Delta(json.loads(json.dumps(content))), varied.settings.assessment).html
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert "onerror=" not in page.replace("&#34;", "").split("<body>")[0]
    shown = unescape(page)
    names = [core["core_id"] for core in content["changed"]["cores"]["added"][:40]]
    assert len(names) == 40
    for text in names:
        assert short(text) in shown
