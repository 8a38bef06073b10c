"""How notebooks are built: the order of their parts, one definition per export, short cells, small outputs."""
import ast
import json
import re

import pytest
from conftest import ROOT
from notebooks import notebooks, read

NAMES = {path.relative_to(ROOT / "nbs").with_suffix("").as_posix(): path for path in notebooks()}
CELLS = {name: read(path).cells for name, path in NAMES.items()}
CODE = {name: [cell for cell in cells if cell.cell_type == "code"] for name, cells in CELLS.items()}
FIRST = {name: re.match(r"#\| default_exp (\S+)$", cells[0].source) for name, cells in CODE.items()}
MODULES = {name: match[1] for name, match in FIRST.items() if match}
CHAPTERS = [name for name in MODULES if re.match(r"(0[1-9]|[1-7]\d|)_", name)]
APPENDICES = [name for name in NAMES if name.startswith("appendix/")]
LAST = ["What was shown", "Exercises", "Sources"]

exporting = pytest.mark.parametrize("name", MODULES)
chapters = pytest.mark.parametrize("name", CHAPTERS)
titled = pytest.mark.parametrize("name", [*MODULES, *(name for name in APPENDICES if name not in MODULES)])
every = pytest.mark.parametrize("name", NAMES)


def directive(cell, word):
    """Whether a code cell carries `#| word`."""
    return cell.cell_type == "code" and re.search(rf"^#\|\s*{word}\b", cell.source, re.M) is not None


def statements(cell):
    """The statements of a code cell; IPython's own commands are no Python."""
    return ast.parse(re.sub(r"^[%!].*$", "pass", cell.source, flags=re.M)).body


def definitions(cell):
    """The functions and classes that a code cell defines."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [statement.name for statement in statements(cell) if isinstance(statement, kinds)]


def imports_only(statement):
    """Whether a statement imports and does nothing else, be it for types only or with an answer to a failure."""
    if isinstance(statement, (ast.Try, ast.If)):
        return all(imports_only(inner) for inner in statement.body)
    return isinstance(statement, (ast.Import, ast.ImportFrom))


def length(cell):
    """The lines of a code cell, without docstrings and empty ones."""
    source = re.sub(r'^[ \t]*[rR]?""".*?"""[ \t]*\n?', "", cell.source, flags=re.M | re.S)
    return sum(bool(line.strip()) for line in source.splitlines())


def headings(name, level):
    """The headings of one level, in order."""
    prose = [cell.source for cell in CELLS[name] if cell.cell_type == "markdown"]
    text = re.sub(r"^```.*?^```", "", "\n".join(prose), flags=re.M | re.S)
    return re.findall(rf"^{'#' * level} (.+)$", text, re.M)


def module(name):
    """The module that a notebook exports: public and named like it, but for the notation and the appendices.

    `_chapter` is the pattern of a chapter: it is held to all that is asked of one, but not exported.
    """
    folder, _, stem = name.rpartition("/")
    if folder == "appendix":
        return f"_{stem}"
    named = {"00_notation": "_validation", "_chapter": "length"}
    return named.get(name, name.replace("/", ".") if folder else re.sub(r"^\d\d_", "", stem))


@exporting
def test_first_cell_names_the_module(name):
    assert CELLS[name][0] is CODE[name][0]
    assert MODULES[name] == module(name)


@titled
def test_title_and_one_sentence(name):
    cell = CELLS[name][1 if name in MODULES else 0]
    assert cell.cell_type == "markdown"
    assert re.match(r"# [^\n]+\n+> [^\n]+\.(\n\n|\n*$)", cell.source), "expected # Title, then > One full sentence."
    assert len(headings(name, 1)) == 1


@exporting
def test_imports_stand_alone(name):
    assert [cell.source for cell in CODE[name] if len({imports_only(one) for one in statements(cell)}) > 1] == []


@exporting
def test_exported_imports_stand_first(name):
    importing = [any(map(imports_only, statements(cell))) for cell in CODE[name] if directive(cell, "export")]
    assert not any(importing[1:]), "what the module imports stands in one cell, the first that is exported"


@exporting
def test_one_definition_per_exported_cell(name):
    exported = [definitions(cell) for cell in CODE[name] if directive(cell, "export")]
    assert [names for names in exported if len(names) > 1] == []


@exporting
def test_a_folded_export_says_what_it_defines(name):
    """On its first line, which is all that a reader sees of it."""
    folded = [cell for cell in CODE[name] if cell.metadata.get("jupyter", {}).get("source_hidden")]
    exported = [cell.source for cell in folded if directive(cell, "export")]
    assert [source for source in exported if not re.match(r"#\| (defines \w+|imports$)", source, re.M)] == []


@exporting
def test_an_example_or_check_within_three_cells_of_every_export(name):
    unshown = []
    for index, cell in enumerate(CODE[name]):
        near = [other.source for other in CODE[name][index + 1 : index + 4] if not directive(other, "export")]
        for defined in definitions(cell) if directive(cell, "export") else ():
            mentions = near if defined.startswith("_") else [one for one in near if re.search(rf"\b{defined}\b", one)]
            unshown += [] if mentions else [defined]
    assert unshown == []


@exporting
def test_cells_are_short(name):
    assert max(map(length, CODE[name])) <= 30, "no cell has more than 30 lines"


@chapters
def test_a_chapter_is_read_in_half_an_hour(name):
    assert len(CODE[name]) <= 60, "longer is two chapters, or a chapter and an appendix"


@chapters
def test_last_sections(name):
    assert headings(name, 2)[-3:] == LAST


@chapters
def test_statements_say_how_they_are_known(name):
    prose = "\n".join(cell.source for cell in CELLS[name] if cell.cell_type == "markdown")
    section = prose.partition("## What was shown")[2].partition("\n## ")[0]
    assert re.search(r"\b(proved|matched|probed)\b", section, re.I)


@every
def test_outputs_are_small(name):
    assert sum(len(json.dumps(cell.outputs)) for cell in CODE[name]) <= 150 * 1024


@every
def test_outputs_hold_no_path_and_no_failure(name):
    outputs = [output for cell in CODE[name] for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []
    pictureless = [{**output, "data": {**output.get("data", {}), "image/png": ""}} for output in outputs]
    assert re.findall(r"/home/|/tmp/|/root/|site-packages|[A-Z]:\\\\\\\\Users", json.dumps(pictureless)) == []


@every
def test_pictures_carry_words(name):
    pictures = [output for cell in CODE[name] for output in cell.outputs if "image/png" in output.get("data", {})]
    assert [output.metadata for output in pictures if not output.metadata.get("image/png", {}).get("alt")] == []


@every
def test_links_lead_somewhere(name):
    prose = "\n".join(cell.source for cell in CELLS[name] if cell.cell_type == "markdown")
    targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", prose)
    assert [target for target in targets if not (NAMES[name].parent / target).exists()] == []


def test_every_module_has_a_notebook():
    stems = {path.relative_to(ROOT / "nnnotes").with_suffix("").as_posix().replace("/", ".") for path in
             (ROOT / "nnnotes").rglob("*.py") if path.name not in ("__init__.py", "_modidx.py")}  # fmt: skip
    assert stems == {exported for name, exported in MODULES.items() if name != "_chapter"}
