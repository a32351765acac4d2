"""The engine as a library: its public names, what is written about them, and the examples of docs/geostatistics.md."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline.geostatistics as library

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pipeline" / "geostatistics"
PAGE = (ROOT / "docs" / "geostatistics.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

# What a function gives back; it is not called by anyone else and needs no example.
RESULTS = {
    "Accuracy", "Applicability", "Association", "Block", "BlockFields", "ContactProfile", "CoregionalisationFit", "CrossValidation", "Declustering",
    "Difference", "Estimate", "Experimental", "Fit", "Gain", "GradeTonnage", "LagVariogram", "LayerStatistics", "LikelihoodFit", "Score",
}  # fmt: skip
DOCUMENTED = [name for name in library.__all__ if name != "POINT"]


def named(docstring, section):
    """Names at the margin of a section: ``data_m, values : …`` are two."""
    found = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    lines = [line for line in (found[1] if found else "").splitlines() if line and not line.startswith(" ")]
    return [name.strip().lstrip("*") for line in lines for name in line.partition(" : ")[0].split(",")]


def test_the_names_are_one_list_for_readers_type_checkers_and_the_machine():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    for_checkers = {alias.name: node.module for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    for_the_machine = {name: f"pipeline.geostatistics.{module}" for name, module in library._MODULE_OF.items()}
    assert for_checkers == for_the_machine
    assert sorted(library.__all__) == sorted(for_checkers)


@pytest.mark.parametrize("name", library.__all__)
def test_each_name_is_what_its_module_calls_by_it(name):
    module = importlib.import_module(f"pipeline.geostatistics.{library._MODULE_OF[name]}")
    assert getattr(library, name) is getattr(module, name)
    assert name in dir(library)


def test_an_unknown_name_is_an_error_and_a_module_is_none():
    with pytest.raises(AttributeError, match="has no attribute 'kriege'"):
        _ = library.kriege
    with pytest.raises(ImportError, match="kriege"):
        from pipeline.geostatistics import kriege  # noqa: F401
    from pipeline.geostatistics import scores

    assert inspect.ismodule(scores)


def test_the_package_alone_loads_no_library():
    program = "import sys, pipeline.geostatistics as library; dir(library); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "scipy", "numba", "pandas", "shapely"} & set(loaded) == set()


@pytest.mark.parametrize("name", DOCUMENTED)
def test_each_name_says_what_it_takes_and_gives_and_shows_it(name):
    thing = getattr(library, name)
    docstring = inspect.getdoc(thing) or ""
    taken = [parameter for parameter in inspect.signature(thing).parameters if not parameter.startswith("_")]
    missing = set(taken) - set(named(docstring, "Parameters"))
    # A result of many fields may speak of them in groups; a function may not.
    assert not missing, f"{name} does not say what {missing} is"
    if inspect.isfunction(thing):
        assert named(docstring, "Returns"), f"{name} does not say what it returns"
    if name not in RESULTS:
        assert ">>> " in docstring, f"{name} has no example"


def test_the_blocks_of_the_page_run_and_give_what_they_say(capsys):
    assert len(BLOCKS) == PAGE.count("```") // 2, "a block that is no Python"
    space, values = {}, 0
    for block in BLOCKS:
        lines = block.splitlines()
        for node in ast.parse(block).body:
            text = ast.get_source_segment(block, node)
            if not isinstance(node, ast.Expr):
                exec(compile(text, "docs/geostatistics.md", "exec"), space)
                continue
            _, said, comment = lines[node.end_lineno - 1].rpartition("  # ")
            assert said, f"{text} says no value"
            assert repr(eval(text, space)) == comment, text
            values += 1
    assert values > 15
    assert not capsys.readouterr().out


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_example_of_the_readme_runs(name):
    (block,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    space = {}
    exec(compile(block, name, "exec"), space)
    assert 420.0 < space["block"].value[0] < 610.0


def test_the_page_names_only_what_there_is():
    text = re.sub(r"^```python\n.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    modules = {path.stem: importlib.import_module(f"pipeline.geostatistics.{path.stem}") for path in PACKAGE.glob("[!_]*.py")}
    spans = [span for line in text.splitlines() for span in re.findall(r"`([^`]+)`", line)]
    for module in {span for span in spans if re.fullmatch(r"\w+\.py", span)}:
        assert module.removesuffix(".py") in modules, module
    known = {"make", "pipeline", *modules} | {name for module in modules.values() for name in vars(module)}
    known |= {name for thing in map(library.__getattr__, DOCUMENTED) for name in [*vars(thing), *inspect.signature(thing).parameters]}
    # A word with an underscore, or one that is called.
    said = {name for span in spans if "/" not in span for name in re.findall(r"[A-Za-z]\w*_\w+|[A-Za-z]\w*(?=\()", span)}
    assert len(said) > 20
    assert not said - known, sorted(said - known)
