"""Every notebook runs from top to bottom, and shows what it stores. Each is executed once, two at a time."""
import ast
import re
import struct
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from conftest import ROOT
from notebooks import NotebookFailed, execute, notebooks

NUMERIC = ("00_notation", "02_activations", "03_losses")


@pytest.fixture(scope="module")
def runs(request):
    """The runs of those notebooks that were chosen, under way."""
    chosen = [item for item in request.session.items if "runs" in getattr(item, "fixturenames", ())]
    pool = ThreadPoolExecutor(max_workers=2)
    yield {item.callspec.params["path"]: pool.submit(execute, item.callspec.params["path"]) for item in chosen}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.relative_to(ROOT / "nbs").as_posix())
def test_notebook(path, runs):
    try:
        fresh = runs[path].result()
    except NotebookFailed as failure:
        pytest.fail(str(failure), pytrace=False)
    stored = nbformat.read(path, as_version=4)
    for number, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True), start=1):
        assert shown(old) == shown(new), f"cell {number} does not show what it stores: make.py refresh {path.stem}"


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


def shipped(notebook, module):
    """The notebook with each exported definition replaced by an import of the object that ships."""
    for cell in notebook.cells:
        cell.source = cell.source.replace('"__main__.', f'"{module}.')
        if cell.source.startswith("#| export\n"):
            parts = ast.parse(cell.source).body
            names = [part.name for part in parts if isinstance(part, (ast.FunctionDef, ast.ClassDef))]
            names += [name.id for part in parts if isinstance(part, ast.Assign) for name in part.targets]
            if names:
                cell.source = f"from {module} import {', '.join(names)}"
    return notebook


@pytest.mark.parametrize("path", notebooks(NUMERIC), ids=lambda path: path.stem)
def test_the_objects_that_ship_pass_every_check_of_their_chapter(path):
    notebook = nbformat.read(path, as_version=4)
    (name,) = re.findall(r"^#\| default_exp (.+)$", notebook.cells[0].source, re.M)
    try:
        execute(path, shipped(notebook, f"nnnotes.{name}"))
    except NotebookFailed as failure:
        pytest.fail(str(failure), pytrace=False)
