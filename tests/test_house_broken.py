"""A notebook that a merge left broken: each command names it and says what to do, and nothing is half written."""
import subprocess
import sys

import notebooks
import pytest
from conftest import ROOT

NAME = "nbs/03_losses.ipynb"
CONFLICT = """  "cells": [
<<<<<<< HEAD
   {"id": "one"},
=======
   {"id": "two"},
>>>>>>> other
"""
BROKEN = {
    "conflict": (lambda text: text.replace(' "cells": [\n', CONFLICT, 1), "line 3: a merge left conflict markers"),
    "conflict in a cell": (lambda text: text.replace('"# ', '"<<<<<<< HEAD\\n", "# ', 1), "left conflict markers"),
    "half": (lambda text: text[: len(text) // 2], "is not a valid notebook (NotJSONError"),
    "empty": (lambda text: "", "is not a valid notebook (NotJSONError"),
    "no notebook": (lambda text: "{}", "is not a valid notebook ("),
    "no type": (lambda text: text.replace('"cell_type"', '"kind"', 1), "is not a valid notebook ("),
}


def contents(folder):
    """All files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def half_merged(copy):
    """A copy in which one notebook is broken, and one before it waits to be exported."""
    first, broken = copy / "nbs/00_notation.ipynb", copy / NAME
    waiting = first.read_text(encoding="utf-8").replace("#| export\\n", "#| export\\n# new\\n")
    first.write_text(waiting, encoding="utf-8")
    broken.write_text(BROKEN["conflict"][0](broken.read_text(encoding="utf-8")), encoding="utf-8")
    return copy


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_wrong_is_said(how, monkeypatch, tmp_path):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    break_, message = BROKEN[how]
    text = (ROOT / NAME).read_text(encoding="utf-8")
    assert break_(text) != text
    (tmp_path / "nbs").mkdir()
    (tmp_path / NAME).write_text(break_(text), encoding="utf-8")
    with pytest.raises(notebooks.NotebookFailed) as said:
        notebooks.read(tmp_path / NAME)
    assert str(said.value).startswith(NAME) and message in str(said.value)
    assert str(said.value).endswith("then run the same command again.")


@pytest.mark.parametrize("verb", ["export", "try"])
def test_a_command_ends_before_it_writes(half_merged, verb):
    before = contents(half_merged)
    command = [sys.executable, "tools/notebooks.py", verb, *(["03_losses"] if verb == "try" else [])]
    done = subprocess.run(command, cwd=half_merged, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{NAME}, line 3: a merge left conflict markers" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert verb == "export" or done.stdout.endswith("1 of 1 notebooks failed, see above: nbs/03_losses.ipynb\n")
    assert contents(half_merged) == before


def test_pytest_names_it_too(half_merged):
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_house_anatomy.py"]
    done = subprocess.run(command, cwd=half_merged, capture_output=True, text=True)
    assert done.returncode
    assert f"{NAME}, line 3: a merge left conflict markers" in done.stdout


@pytest.mark.parametrize("verb", ["tst", ""])
def test_an_unknown_verb_is_no_success(half_merged, verb):
    before = contents(half_merged)
    done = subprocess.run([sys.executable, "tools/notebooks.py", verb], cwd=half_merged, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"tools/notebooks.py has no verb {verb!r}: use try, export or refresh.\n"
    assert contents(half_merged) == before


def test_make_names_an_unknown_verb():
    done = subprocess.run([sys.executable, "make.py", "tst"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "make.py has no verb 'tst'.\n"
    assert done.stdout.startswith("usage: python make.py VERB\n")


def test_a_misspelled_name_is_not_dropped():
    names = [path.name for path in notebooks.notebooks(["losses", "similarity"])]
    assert "03_losses.ipynb" in names and "04_similarity.ipynb" in names
    with pytest.raises(SystemExit, match="^No path of a notebook contains 'simlarity'. For example: refresh losses$"):
        notebooks.notebooks(["losses", "simlarity"])
