"""Runs the notebooks: python tools/notebooks.py try|export|refresh [NAME ...]. `make.py` and the tests use it."""
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
RAN_FILE = Path(sys.prefix) / "ran.txt"  # what `try` executed here already
VERBS = ("try", "export", "refresh")
TIMEOUT = 300  # seconds for one cell
ENCRYPTED = Config(KernelManager={"transport_encryption": "auto"})  # without it each kernel warns
VIEW = "application/vnd.jupyter.widget-view+json"
FORMULAS = ROOT / "nnnotes/static/formulas.js"


class NotebookFailed(Exception):
    """A notebook cannot be read, or a cell of it failed; the message says which, and what was wrong."""


def notebooks(names=()):
    """All notebooks of the project in reading order, or those whose path contains one of the names."""
    found = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "nbs").rglob("*.ipynb")}
    visible = {name: path for name, path in sorted(found.items()) if not re.search(r"(^|/)(\.|_\w+/)", name)}
    missed = [part for part in names if not any(part in name for name in visible)]
    if missed:
        sys.exit(f"No path of a notebook contains {' or '.join(map(repr, missed))}. For example: refresh losses")
    return [path for name, path in visible.items() if not names or any(part in name for part in names)]


def read(path):
    """The notebook at `path`. If the file is not a valid notebook, say what to do: a merge may have broken it."""
    name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8", errors="replace")
    marker = re.search(r"^\W*(<{7}|>{7}) ", text, re.M)
    if marker:
        line = text.count("\n", 0, marker.start(1)) + 1
        raise NotebookFailed(
            f"{name}, line {line}: a merge left conflict markers ({marker[1]}). Take one side (git checkout --ours "
            f"{name}, or --theirs) or edit the file as text, then run the same command again."
        )
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises many kinds
        why = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        raise NotebookFailed(
            f"{name} is not a valid notebook ({why}). Fix it, or go back to the last commit (git restore {name}), then "
            "run the same command again."
        ) from None
    return notebook


def execute(path, notebook=None):
    """The notebook at `path`, or one in its place, run from top to bottom in a kernel of its own; the file stays."""
    notebook = notebook or read(path)
    client = NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", config=ENCRYPTED)
    with tempfile.TemporaryDirectory() as profile:
        environment = {**os.environ, "IPYTHONDIR": profile}  # a user's own start-up files stay out
        with client.setup_kernel(cwd=str(path.parent), env=environment):
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type == "code" and not re.search(r"^#\|\s*eval:\s*false", cell.source, re.M):
                    execute_cell(client, cell, index, path)
    drop_widgets(notebook)
    return notebook


def execute_cell(client, cell, index, path):
    """Execute one cell; a failure names notebook and cell (counted from 1, as an editor does)."""
    try:
        client.execute_cell(cell, index)
    except (CellExecutionError, CellControlSignal, DeadKernelError, TimeoutError) as error:
        trace = re.sub(r"\x1b\[[\d;]*m", "", str(error))
        raise NotebookFailed(f"{path.relative_to(ROOT).as_posix()}, cell {index + 1}: {trace}") from None


def drop_widgets(notebook):
    """Keep no widgets: their ids and states change at every run, and a reader without a kernel has the figures.

    Returns whether there were any.
    """
    found = notebook.metadata.pop("widgets", None) is not None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kept = [output for output in cell.outputs if VIEW not in output.get("data", {})]
            found |= len(kept) < len(cell.outputs)
            cell.outputs = kept
    return found


def refresh(path):
    """Execute a notebook and store its outputs so that a second run changes no byte."""
    from nbdev.clean import nbdev_clean

    nbformat.write(execute(path), path)
    nbdev_clean(str(path))
    write_formulas()


def write_formulas():
    """Collect what chapters and appendices print for the browser, from their stored outputs."""
    printed = []
    for path in sorted([*(ROOT / "nbs").glob("[0-9]*.ipynb"), *(ROOT / "nbs/appendix").glob("*.ipynb")]):
        name = path.relative_to(ROOT).as_posix()
        cells = read(path).cells
        data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
        texts = [kinds["text/markdown"] for kinds in data if "text/markdown" in kinds]
        fences = [text for text in texts if text.startswith("```javascript\n// Printed by SymPy in ")]
        if [text for text in fences if not text.startswith(f"```javascript\n// Printed by SymPy in {name}.")]:
            sys.exit(f"{name} prints formulas in the name of another notebook: pass its own to `module`.")
        printed += [text.removeprefix("```javascript\n").removesuffix("```") for text in fences]
    FORMULAS.write_text("\n".join(printed), encoding="utf-8")


def run_once(path):
    """Execute a notebook, unless its code ran here before with the same package and versions."""
    package = [module.read_text(encoding="utf-8") for module in sorted((ROOT / "nnnotes").rglob("*.py"))]
    code = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    versions = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    mark = hashlib.sha256(json.dumps([path.name, versions, package, code]).encode()).hexdigest()
    if RAN_FILE.exists() and mark in RAN_FILE.read_text(encoding="utf-8"):
        return "ran before"
    execute(path)
    with RAN_FILE.open("a", encoding="utf-8") as ran:
        ran.write(mark + "\n")
    return None


def run_each(action, paths):
    """Do something with each notebook, with a line of progress; the failures are listed again at the end."""
    failed = []
    for count, path in enumerate(paths, 1):
        name, start = path.relative_to(ROOT).as_posix(), time.perf_counter()
        try:
            said = action(path) or f"{time.perf_counter() - start:5.1f} s"
        except NotebookFailed as failure:
            failed.append(name)
            said = f"failed\n{failure}"
        print(f"[{count:2}/{len(paths)}] {name:36} {said}", flush=True)
    if failed:
        print(f"{len(failed)} of {len(paths)} notebooks failed, see above: {', '.join(failed)}", flush=True)
    return len(failed)


def export():
    """Write the package and the browser's formulas from the notebooks, and clean their metadata."""
    from nbdev.clean import nbdev_clean
    from nbdev.doclinks import nbdev_export

    found = {path: read(path) for path in notebooks()}  # nothing is written where one of them is broken
    for path, notebook in found.items():
        if drop_widgets(notebook):
            nbformat.write(notebook, path)
    nbdev_export()
    nbdev_clean()
    write_formulas()


def main(verb="", *names):
    """Carry out one verb of the command line."""
    if verb not in VERBS:
        sys.exit(f"tools/notebooks.py has no verb {verb!r}: use {', '.join(VERBS[:-1])} or {VERBS[-1]}.")
    chosen = notebooks(names)  # a misspelled name stops here, before anything is written
    os.chdir(ROOT)
    if verb == "try":
        if hasattr(os, "nice"):
            os.nice(10)  # JupyterLab runs beside it
        failed = run_each(run_once, chosen)
        if not failed:
            print("Every notebook ran from top to bottom.", flush=True)
        return failed
    export()
    if verb == "refresh":
        failed = run_each(refresh, chosen)
        from readme import write_readme

        write_readme(ROOT)
        return failed
    return 0


if __name__ == "__main__":
    try:
        sys.exit(bool(main(*sys.argv[1:])))
    except NotebookFailed as failure:
        sys.exit(str(failure))
