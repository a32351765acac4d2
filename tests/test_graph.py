"""The graph: each stage has a rule, imports point one way, and a change rebuilds what depends on it and nothing else."""

import ast
import os
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import core_changes
import pytest

from pipeline.files import TEMPORARY_PREFIX

ROOT = Path(__file__).parent.parent
SETTINGS = "[region]\nwest_deg = 153.0\neast_deg = 153.4\nsouth_deg = 22.0\nnorth_deg = 22.4\n"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LINKS"))}

VARIOGRAMS = {"variogram_dy.json", "variogram_gd.json", "variogram_density.json"}
COMPARED = {"coregionalisation.json", "cross_validation.json"}
GRADES = {"grade_dy.tif", "grade_gd.tif"}
MAPS = {"grade_dy.html", "grade_gd.html", "index.html", "report.html"}
PER_CELL = {f"{kind}_{element}.tif" for kind in ("percentiles", "probability") for element in ("dy", "gd")}
SIMULATED = {
    "totals.parquet",
    "classes.tif",
    "simulation.json",
    "squares.nc",
    "recoverable_totals.parquet",
    "panels.parquet",
    "simulated_columns.nc",
} | PER_CELL
RECOVERABLE = {"recoverable.csv", "recoverable_sensitivity.csv"}
PRODUCTION = {"production.csv", "start_panels.csv", "start_panels.tif", "supply.csv"}
NEXT_CORES = {"next_cores.json", "next_cores.csv", "next_cores_dy.tif", "next_cores_gd.tif"}
TABLE1 = {"table1.json", "table1.schema.json"}
PUBLISHED_METHOD = {"published_method.json", "published_method.csv"}
CHANGES = {"delta.json", "changes.html"}
SUMMARIES = (
    SIMULATED
    | NEXT_CORES
    | {"tonnage.csv", "block_model.nc", "validation.json", "provenance.json"}
    | RECOVERABLE
    | PRODUCTION
    | TABLE1
    | CHANGES
    | PUBLISHED_METHOD
)
FROM_COMPOSITES = {"composites.parquet", "density.tif"} | VARIOGRAMS | COMPARED | GRADES | NEXT_CORES | SUMMARIES | MAPS
FROM_CORES = {"samples.parquet", "rejected.csv"} | FROM_COMPOSITES
EVERYTHING = {"seafloor.tif"} | FROM_CORES


class Assessment:
    """Three folders and Make, told to touch products instead of making them: only the graph is at work."""

    def __init__(self, folder):
        self.raw, self.processed, self.maps, self.links = folder / "生 raw", folder / "生 processed", folder / "生 maps", folder / "links"
        (self.raw / "cores").mkdir(parents=True)
        (self.raw / "assessment.toml").write_text(SETTINGS)
        for name in ("a", "b"):
            (self.raw / "cores" / f"{name}.csv").write_text(f"{name}\n")
        for name in ("bathymetry/depth.tif", "published/grade.csv", "truth/survey.json"):
            (self.raw / name).parent.mkdir()
            (self.raw / name).write_text(name)

    def make(self, *flags):
        folders = ["--raw", self.raw, "--processed", self.processed, "--maps", self.maps, "--links", self.links]
        command = [sys.executable, "-m", "pipeline", "scan", *folders, "--", "make", *flags, "products"]
        done = subprocess.run(command, cwd=ROOT, env=CLEAN, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def built(self):
        self.make("--touch")
        assert self.make() == "up to date\n"
        return self

    def dirty(self):
        # Not a dry run: GNU Make 4.3 forgets in one that a grouped target was remade.
        before = self.stamps()
        self.make("--touch")
        return {name for name, stamp in self.stamps().items() if before.get(name) != stamp}

    def stamps(self):
        folders = [folder for folder in (self.processed, self.maps) if folder.is_dir()]
        return {path.name: path.stat().st_mtime_ns for folder in folders for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def assessment(tmp_path):
    return Assessment(tmp_path).built()


def change_setting(assessment, section, line):
    (assessment.raw / "assessment.toml").write_text(f"{SETTINGS}[{section}]\n{line}\n")


def test_a_first_build_makes_everything(tmp_path):
    assert Assessment(tmp_path).dirty() == EVERYTHING


@pytest.mark.parametrize("change", core_changes.ALL)
def test_a_changed_core_rebuilds_what_depends_on_it(assessment, change):
    change(assessment.raw / "cores")
    assert assessment.dirty() == FROM_CORES


def test_a_touched_core_rebuilds_nothing(assessment):
    (assessment.raw / "cores" / "a.csv").touch()
    assert assessment.dirty() == set()


@pytest.mark.parametrize(
    ("section", "line", "rebuilt"),
    [
        ("maps", 'colour_map = "lipari"', MAPS),
        ("cutoffs", "dy_ppm = [0, 50]", SUMMARIES | MAPS),
        ("simulation", "realisations = 100", NEXT_CORES | SUMMARIES | MAPS),
        ("next_cores", "count = 3", NEXT_CORES | TABLE1 | MAPS | CHANGES | {"provenance.json"}),
        ("classes", "confidence = 0.8", SUMMARIES | MAPS),
        ("recoverable", "max_slope_deg = 5.0", SUMMARIES | MAPS),
        ("published_method", "power = 1.0", PUBLISHED_METHOD | CHANGES | {"provenance.json", "report.html"} | TABLE1 | {"index.html"}),
        ("cross_validation", "folds = 4", {"cross_validation.json"} | GRADES | NEXT_CORES | SUMMARIES | MAPS),
        ("variogram", "", set()),
    ],
)
def test_a_setting_rebuilds_what_reads_it(assessment, section, line, rebuilt):
    change_setting(assessment, section, line)
    assert assessment.dirty() == rebuilt


def test_a_title_is_no_change_of_the_assessment(assessment):
    (assessment.raw / "assessment.toml").write_text(f'title = "Another"\n{SETTINGS}')
    assert assessment.dirty() & CHANGES == {"changes.html"}


def test_published_figures_reach_pages_the_checklist_and_the_supply_lens_only(assessment):
    (assessment.raw / "published" / "grade.csv").write_text("new figure")
    assert assessment.dirty() == MAPS | TABLE1 | CHANGES | PUBLISHED_METHOD | {"supply.csv", "provenance.json"}


def test_domains_reach_what_can_be_lifted_and_the_maps(assessment):
    (assessment.raw / "domains").mkdir()
    (assessment.raw / "domains" / "no_go.geojson").write_text("{}")
    assert assessment.dirty() == SUMMARIES | MAPS


def test_the_truth_reaches_no_estimate(assessment):
    (assessment.raw / "truth" / "survey.json").write_text("another truth")
    assert assessment.dirty() == {"validation.json", "provenance.json", "index.html", "report.html"} | TABLE1


REMADE = ("grade_dy.tif", "density.tif", "samples.parquet", "rejected.csv", "totals.parquet", "probability_gd.tif", "squares.nc", "next_cores_gd.tif")


@pytest.mark.parametrize("name", REMADE)
def test_a_deleted_product_is_made_again(assessment, name):
    (assessment.processed / name).unlink()
    assert name in assessment.dirty()
    assert assessment.make() == "up to date\n"


def test_an_element_less_leaves_no_product_of_it(assessment):
    change_setting(assessment, "elements", 'assessed = ["dy"]')
    assert not any("_gd" in name for name in assessment.dirty())
    assert not list(assessment.processed.glob("*_gd.*")) + list(assessment.maps.glob("*_gd.*"))


def test_realisations_are_kept_on_request_and_once(assessment):
    def simulates(*flags):
        return "pipeline simulation" in assessment.make("--dry-run", *flags)

    assert not simulates()
    assert simulates("KEEP=1")
    # A folder stands for them all: made anew with the totals, it is newer than what they are made from.
    (assessment.processed / "realisations.zarr").mkdir()
    assert not simulates("KEEP=1")


def test_a_clock_that_went_back_does_not_make_builds_endless(assessment):
    ahead = time.time() + 86400
    for path in (*assessment.processed.rglob("*"), *assessment.maps.iterdir()):
        if path.is_file():
            os.utime(path, (ahead, ahead))
    assert assessment.make() == "up to date\n"
    assert max(assessment.stamps().values()) <= time.time_ns()
    core_changes.replaced(assessment.raw / "cores")
    assert assessment.dirty() == FROM_CORES
    assert assessment.make() == "up to date\n"


# ------------------------------------------------------------------ the program


def test_each_stage_has_a_rule_and_each_rule_a_stage():
    rules = re.findall(r"(?m)^\t\$\(call run,(\w+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    stages = [path.stem for path in (ROOT / "pipeline" / "stages").glob("[!_]*.py")]
    assert sorted(rules) == sorted(stages)


def test_each_rule_depends_on_its_own_program():
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    for rule, stage in re.findall(r"^(\S.*)\n\t\$\(call run,(\w+)", text, re.MULTILINE):
        assert f"$L/program_{stage}.json" in rule, stage


def test_each_section_of_the_settings_is_known_to_the_graph():
    from pipeline.config import SECTIONS

    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^SETTINGS := \$\(patsubst %,\$S/%.json,(.*)\)$", text, re.MULTILINE)
    assert found is not None
    assert set(found.group(1).split()) == set(SECTIONS)


LAYERS = (
    {"__main__"},
    {"doctor", "explain", "export"},
    {"new_assessment"},
    {"make"},
    {"scan", "reference_survey", "new_core", "stages"},
    {"fine_grid"},
    {"simulation_checks", "deposit_in_domains"},
    {"deposit", "contacts"},
    {"changes", "checklist", "map_page", "report_page"},
    {"coring", "provenance"},
    {"published_comparison", "published_method", "mining"},
    {"bathymetry", "core_columns", "intake", "field", "horizon", "realisations", "tiled_kriging"},  # what several stages share
    {"domains"},
    {"artefacts", "tiles"},
    {"config", "geostatistics", "web", "number_ids", "units", "grid", "files", "progress", "machine"},
    {"domain_polygons"},
    {"text", "region_rings"},
    {"errors", "bootstrap", "installation"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imports(path):
    """Modules of the program that a file imports when it runs; imports for type checkers only bind nothing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield node.module
            if node.module in ("pipeline", "pipeline.stages"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").rglob("*.py")), ids=lambda path: path.relative_to(ROOT / "pipeline").as_posix())
def test_imports_point_one_way(path):
    own = path.relative_to(ROOT / "pipeline").with_suffix("").parts[0]
    if own in ("__init__", "bootstrap"):
        assert not [name for name in imports(path) if name.startswith("pipeline")]
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "pipeline" or len(parts) == 1:
            continue
        within = parts[1] == own and own != "stages"  # a stage never imports a stage
        assert within or RANK[parts[1]] > RANK[own], f"{own} imports {name}"


def test_a_part_of_some_stages_is_imported_by_no_other():
    from pipeline.scan import PARTS_OF_STAGES

    package, known_imports = ROOT / "pipeline", cache(lambda path: tuple(imports(path)))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in package.rglob("*.py")}

    def reached(module, seen):
        if module in modules and module not in seen:
            seen.add(module)
            for name in known_imports(modules[module]):
                reached(name, seen)
                reached(name.rpartition(".")[0], seen)
        return seen

    for path in (package / "stages").glob("[!_]*.py"):
        found = {f"{module.replace('.', '/')}.py" for module in reached(f"pipeline.stages.{path.stem}", set())}
        for part, stages in PARTS_OF_STAGES.items():
            assert path.stem in stages or not [name for name in found if name.startswith(part.removesuffix("/"))], f"{path.stem} imports {part}"


# ------------------------------------------------------------------ what builds leave behind


def test_the_history_is_no_product_and_is_cleaned_away(tmp_path):
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert '"$$p"/.history' in text.partition("\nclean:")[2].partition("\n\n")[0]
    processed = Assessment(tmp_path).built().processed
    (processed / ".history").mkdir()
    stale = processed / ".history" / f"{TEMPORARY_PREFIX}history-x.json"
    stale.write_text("{")
    assert subprocess.run(
        [sys.executable, "-m", "pipeline", "scan", "--raw", tmp_path / "生 raw", "--processed", processed, "--maps", tmp_path / "生 maps"],
        cwd=ROOT, env=CLEAN, check=False,
    ).returncode == 0  # fmt: skip
    assert not stale.exists()
