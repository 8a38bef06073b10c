"""Every notebook runs from top to bottom, and shows what it stores. Each is executed once.

What is stored came from `make.py refresh`, which runs the cells as they stand. Here the cells of a chapter or an
appendix run on the objects that ship: after each exported cell its names are bound to those of the package. So every
proof and every check of a chapter is made of the package itself, and both have to show the same. A second run, of the
cells as they stand, would say nothing new: test_house_sync sees that the package has the same text, `refresh` that a
reader's run gets to the end. What differs between the two objects is what their modules hold besides, such as a
constant that only the notebook redefines, and that is what a run on the package sees.

One thing is lost: where a cell calls an exported function whose own helper is defined further down, a reader's run
stops, and this one does not. Who edits a notebook meets it in `refresh`.
"""
import ast
import re
import struct
from base64 import b64decode

import pytest
from conftest import ROOT
from notebooks import NotebookFailed, execute, notebooks, read

SHIPPED = re.compile(r"(0[02-9]|[1-7]\d)_|appendix/")  # the engine and the proofs have tests of their own in tests/


@pytest.mark.parametrize("name", [path.relative_to(ROOT / "nbs").as_posix() for path in notebooks()])
def test_notebook(name):
    path = ROOT / "nbs" / name
    try:
        stored = read(path)
        fresh = execute(path, on_the_package(read(path)) if SHIPPED.match(name) else None)
    except NotebookFailed as failure:
        pytest.fail(str(failure), pytrace=False)
    for number, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True), start=1):
        assert shown(old) == shown(new), f"cell {number} does not show what it stores: make.py refresh {path.stem}"


def on_the_package(notebook):
    """The notebook, with the names of each exported cell bound to the objects that ship once the cell has run."""
    exports = re.match(r"#\| default_exp (.+)", notebook.cells[0].source)
    if exports is None:  # an appendix that only measures: it imports the package
        return notebook
    module = f"nnnotes.{exports[1]}"
    for cell in notebook.cells:
        cell.source = cell.source.replace('"__main__.', f'"{module}.')
        names = [*defined(cell)] if re.match(r"(#\|.*\n)?#\| export\n", cell.source) else []
        if names:
            cell.source += f"\nfrom {module} import {', '.join(names)}"
    return notebook


def defined(cell):
    """The functions, classes and constants of a cell."""
    for part in ast.parse(cell.source).body:
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            yield part.name
        elif isinstance(part, (ast.Assign, ast.AnnAssign)):
            yield from (node.id for node in ast.walk(part) if isinstance(getattr(node, "ctx", None), ast.Store))


def shown(cell):
    """What a code cell displays: printed text, then each output by its kinds."""
    outputs = cell.get("outputs", [])
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    rich = [output.data for output in outputs if "data" in output]
    return [printed, *({kind: seen(kind, content) for kind, content in data.items()} for data in rich)]


def seen(kind, content):
    """What a reader sees: of a picture its size, of text all but memory addresses."""
    if kind == "image/png":
        return struct.unpack(">II", b64decode(content)[16:24])
    if kind == "image/svg+xml":
        return re.findall(r'\b(?:width|height|viewBox)="[^"]*"', re.search("<svg[^>]*>", content)[0])
    return re.sub(r" at 0x[0-9a-fA-F]+", "", content) if isinstance(content, str) else content
