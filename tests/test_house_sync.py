"""What is generated equals its source; notebooks are clean; the linter and the type checker are content."""
import configparser
import re
import subprocess
import sys
import time

import nbformat
import notebooks
import pytest
from conftest import ROOT, SLOW
from nbformat.v4 import new_code_cell, new_notebook, new_output
from packaging.requirements import Requirement
from readme import README, readme_files


@pytest.fixture(scope="module")
def exported(copy):
    """A copy in which an exploration was run and saved, and then everything exported and cleaned."""
    path = copy / "nbs/explore/saturation.ipynb"
    notebook = nbformat.read(path, 4)
    view = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}})
    next(cell for cell in notebook.cells if cell.cell_type == "code").outputs.append(view)
    notebook.metadata["widgets"] = {}
    nbformat.write(notebook, path)
    subprocess.run([sys.executable, "tools/notebooks.py", "export"], cwd=copy, check=True)
    return copy


def changed(folder, name):
    """The files below `name` that differ between the project and the copy in `folder`, or that only one has."""

    def contents(top):
        paths = [path for path in (top / name).rglob("*") if path.suffix in (".py", ".ipynb", ".js")]
        files = {path.relative_to(top).as_posix(): path.read_bytes() for path in paths}
        return {path: content for path, content in files.items() if "/." not in path}

    ours, theirs = contents(ROOT), contents(folder)
    assert ours
    return sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))


def test_package_is_what_the_notebooks_export(exported):
    assert changed(exported, "nnnotes") == [], "run: python make.py export"


def test_notebooks_are_clean(exported):
    assert changed(exported, "nbs") == [], "run: python make.py export"


def prints_formulas(folder, name, said):
    """A notebook whose stored output is a formula, printed in the name of the notebook `said`."""
    text = f"```javascript\n// Printed by SymPy in nbs/{said}.ipynb. Do not edit.\n\nexport {name}\n```"
    cell = new_code_cell(outputs=[new_output("display_data", {"text/markdown": text})])
    path = folder / f"nbs/{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[cell]), path)


def test_formulas_of_chapters_and_appendices_reach_the_browser(monkeypatch, tmp_path):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "FORMULAS", tmp_path / "formulas.js")
    for name in ("03_losses", "appendix/fast_losses", "engine/javascript"):
        prints_formulas(tmp_path, name, said=name)
    notebooks.write_formulas()
    assert re.findall("^export (.+)", notebooks.FORMULAS.read_text(), re.M) == ["03_losses", "appendix/fast_losses"]
    prints_formulas(tmp_path, "appendix/fast_losses", said="fast_losses")
    with pytest.raises(SystemExit, match="nbs/appendix/fast_losses.ipynb prints formulas in the name of another"):
        notebooks.write_formulas()


def test_readme_is_what_the_index_makes():
    made = readme_files(ROOT)
    kept = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in ROOT.glob("nbs/images/index_*")}
    assert made == {README: (ROOT / README).read_bytes(), **kept}, "run: python make.py refresh index"


def complaints(*command):
    """What a checker prints where it is not content."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def test_lint():
    said = complaints("ruff", "check", ".")
    assert not said, said


def test_types():
    said = complaints("mypy")
    assert not said, said


def test_tests_that_are_called_slow_are_there():
    files = {name: (ROOT / "tests" / name.partition("::")[0]).read_text(encoding="utf-8") for name in SLOW}
    assert [name for name, text in files.items() if f"\ndef {name.partition('::')[2]}" not in text] == []


def test_every_requirement_is_pinned():
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    asked = [settings["DEFAULT"][name] for name in settings["DEFAULT"] if name.endswith("requirements")]
    locks = [(ROOT / name).read_text(encoding="utf-8") for name in ("constraints.txt", "constraints-peers.txt")]
    pins = [Requirement(line) for line in "\n".join(locks).splitlines() if line and not line.startswith("#")]
    here = {pin.name: str(pin.specifier)[2:] for pin in pins if pin.marker is None or pin.marker.evaluate()}
    wanted = [Requirement(word) for word in " ".join(asked).split()]
    pinned = [one for one in wanted if one.name in here and here[one.name] in one.specifier]
    assert [str(one) for one in wanted if one not in pinned] == [], "python make.py lock"


def test_each_clone_has_workspaces_of_its_own(monkeypatch):
    """Or the first `make lab` opens the tabs that another clone had open."""
    import make

    monkeypatch.setenv("JUPYTERLAB_WORKSPACES_DIR", "somewhere")
    assert make.environment()["JUPYTERLAB_WORKSPACES_DIR"] == str(make.VENV / "workspaces")


def test_lab_opens_at_once_and_what_runs_beside_it_ends_with_it(monkeypatch, tmp_path):
    """Here JupyterLab is a process that waits until a notebook was tried, and the trial one that goes on."""
    import make

    server = "import pathlib, sys, time\nwhile not pathlib.Path('tried').exists(): time.sleep(0.01)\nsys.exit(3)"
    trial = "import pathlib, time\nfor _ in range(6000): pathlib.Path('tried').write_text(''); time.sleep(0.01)"
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/notebooks.py").write_text(trial)
    monkeypatch.setattr(make, "setup", lambda: None)
    monkeypatch.setattr(make, "ROOT", tmp_path)
    monkeypatch.setattr(make, "lab_command", lambda folder: [sys.executable, "-c", server])
    monkeypatch.setattr(make, "has_display", lambda: True)
    monkeypatch.setattr(make.signal, "signal", lambda *_: None)
    assert make.lab() == 3
    (tmp_path / "tried").unlink()
    time.sleep(0.5)
    assert not (tmp_path / "tried").exists()
