"""Who imports whom: chapters import lower ones only, numbers need NumPy only, and nothing loads before it is used."""
import ast
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import resolve_name

import pytest
from conftest import ROOT

import nnnotes

NUMERIC = {"numpy", "scipy"}
ALLOWED = {  # what a module may import beside these and its siblings: each library in the one place made for it
    "engine": {"sympy", "flint"},
    "proof": {"sympy", "flint", "IPython"},
    "plotting": {"matplotlib", "IPython", "PIL"},
    "widgets": {"ipywidgets", "anywidget", "traitlets"},
    "interop": {"torch", "jax"},
}
SHARED = {"engine": 0.4, "appendix": 0.6}  # floors of many modules, which may import each other, but not in a circle
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "nnnotes").rglob("*.py"))
    if path.name not in ("__init__.py", "_modidx.py")
}


def imported(module):
    """The modules that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(FILES[module])):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), module.rpartition(".")[0])
            names = [f"{source}.{alias.name}" for alias in node.names]
            yield from (name if name in FILES else source for name in names)


def floor(module):
    """The number of the notebook that exports a module; the engine and the appendices lie between 00 and 01."""
    notebook = re.search(r"File to edit: \S*nbs/(\S+)\.ipynb", FILES[module])[1]
    folder = notebook.rpartition("/")[0]
    return SHARED[folder] if folder else int(notebook[:2])


def may_import(module, other):
    """Whether a module may import another one of the project."""
    return floor(other) < floor(module) or floor(other) == floor(module) in SHARED.values()


@pytest.mark.parametrize("module", FILES)
def test_imports_lower_floors_only(module):
    siblings = [name for name in imported(module) if name.startswith("nnnotes")]
    assert [name for name in siblings if name not in FILES] == []
    assert [name for name in siblings if not may_import(module, name)] == []


def test_what_an_appendix_exports_is_imported():
    """By the chapter that it stands below, or by another appendix: nobody else may use a private module."""
    used = {name for module in FILES for name in imported(module)}
    assert [module for module in FILES if floor(module) == SHARED["appendix"] and module not in used] == []


def test_no_cycles():
    TopologicalSorter({module: set(imported(module)) & set(FILES) for module in FILES}).prepare()


def foreign(module):
    """The packages that a module imports and that neither Python nor this project has."""
    return {name.partition(".")[0] for name in imported(module)} - set(sys.stdlib_module_names) - {"nnnotes"}


@pytest.mark.parametrize("module", FILES)
def test_imports_only_its_own_libraries(module):
    assert foreign(module) <= NUMERIC | ALLOWED.get(module.split(".")[1], set())


def python(code):
    """What a new Python prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout


def loaded_by(statement):
    """The packages that a statement loads into a new Python."""
    show = "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    return set(json.loads(python(f"import json, sys; before = set(sys.modules); {statement}; {show}")))


def test_the_package_alone_loads_nothing():
    assert loaded_by("import nnnotes") == {"nnnotes"}


@pytest.mark.parametrize("module", [module for module in FILES if foreign(module) <= NUMERIC])
def test_a_numeric_module_loads_numbers_only(module):
    third_party = loaded_by(f"import {module}") - set(sys.stdlib_module_names)
    assert {name for name in third_party if not name.startswith("_")} <= {"nnnotes", "numpy"} | foreign(module)


def test_modules_load_on_first_use():
    public = {module.split(".")[1] for module in FILES if not module.startswith("nnnotes._")}
    assert set(nnnotes.__all__) == public - {"engine"}
    for name in nnnotes.__all__:
        assert name in dir(nnnotes)
        assert getattr(nnnotes, name) is sys.modules[f"nnnotes.{name}"]
    with pytest.raises(AttributeError, match="'nnnotes' has no attribute 'nothing'"):
        nnnotes.nothing  # noqa: B018


@pytest.mark.parametrize("name", nnnotes.__all__)
def test_a_module_shows_what_it_exports_and_nothing_else(name):
    module = getattr(nnnotes, name)
    assert sorted(dir(module)) == sorted(module.__all__)


TAB = """
from IPython.core.completer import IPCompleter, provisionalcompleter
import nnnotes.{name}
completer = IPCompleter(namespace={{"nnnotes": nnnotes}}, use_jedi={jedi})
with provisionalcompleter():
    text = "nnnotes.{name}."
    print(*(one.text.lstrip(".") for one in completer.completions(text, len(text))))
"""


@pytest.mark.parametrize("name", nnnotes.__all__)
@pytest.mark.parametrize("jedi", [False, True])
def test_the_tab_key_shows_the_same(name, jedi):
    assert set(python(TAB.format(name=name, jedi=jedi)).split()) == set(getattr(nnnotes, name).__all__)


EXTRAS = [(module, package) for module in FILES for package in sorted(foreign(module) - NUMERIC)]


@pytest.mark.parametrize("module, package", EXTRAS)
def test_a_missing_package_names_the_extra(module, package):
    said = python(
        f"import sys; sys.modules[{package!r}] = None\ntry: import {module}\nexcept ImportError as error: print(error)"
    )
    name = {"flint": "python-flint", "PIL": "pillow"}.get(package, package)
    assert re.search(rf'needs {name}: in your clone .* pip install "\.\[\w+\]"', said)
