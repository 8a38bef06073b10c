"""The built wheel, installed in an empty environment and used there."""
import json
import subprocess
import sys
import zipfile
from math import exp, log

import pytest
from conftest import ROOT, missing

import make
import nnnotes

USE = """
import importlib.metadata, json, sys
import numpy as np
import nnnotes as nn

try:
    nn.proof
except ImportError as error:
    lacking = str(error)
print(json.dumps({
    "version": importlib.metadata.version("nnnotes"),
    "loss": float(nn.losses.infogain(np.array([[2.0, 1.0, -1.0]]), [0], np.eye(3))),
    "lacking": lacking,
}))
"""


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def wheel(copy, tmp_path_factory):
    """The wheel, built from a copy of the project."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, copy)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    kinds = (".py", ".pyi", ".typed", ".js", ".css", ".txt")
    package = [path for path in (ROOT / "nnnotes").rglob("*") if path.suffix in kinds]
    info = f"nnnotes-{nnnotes.__version__}.dist-info"
    assert {name for name in names if not name.startswith(info)} == {str(path.relative_to(ROOT)) for path in package}
    assert f"{info}/licenses/LICENSE" in names


def test_wheel_works_in_an_empty_environment(wheel, tmp_path):
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "empty", check=True)
    python = tmp_path / "empty" / make.PYTHON.relative_to(make.VENV)
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "-c", ROOT / "constraints.txt", wheel)
    installed = run(*pip)
    if any(word in installed.stderr.lower() for word in make.OFFLINE_WORDS):
        missing("no network to install NumPy from, beside the wheel")
    assert installed.returncode == 0, installed.stderr
    used = run(python, "-c", USE, cwd=tmp_path)
    assert used.returncode == 0, used.stderr
    said = json.loads(used.stdout)
    assert said["version"] == nnnotes.__version__
    assert said["loss"] == pytest.approx(log(1 + exp(-1) + exp(-3)), rel=1e-15)
    assert 'pip install ".[notebooks]"' in said["lacking"]
