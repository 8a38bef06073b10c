"""What type checkers say to those who use the package: they accept what works and refuse what does not."""
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, peer

SCRIPT = ROOT / "tests" / "users_script.py"
REFUSED = """
import numpy as np
from nnnotes.activations import scaled_tanh, tanh
from nnnotes.losses import infogain, softmax
from nnnotes.similarity import identity_matrix, similarity_from_tree
from nnnotes.networks import MLP, Replicas
from nnnotes.proof import ulp_error

tanh("x")
tanh(["x"])
tanh(None)
tanh.derivative({"x": 1.0})
scaled_tanh("2")
tanh.saturation(np.int32)
tanh.saturation("float16")
ulp_error(tanh, np.ones(1), dtype=np.int32)
softmax("x")
softmax([1, 2], axis="last")
infogain([[1, 2]], [0], "identity")
infogain([[1, 2]], ["cat"], np.eye(2))
infogain([[1, 2]], [0], np.eye(2), normalization="mean")
infogain([[1, 2]], [0], np.eye(2), ignore_label="none")
identity_matrix(2, dtype=np.int64)
similarity_from_tree("tree")
MLP([4, 7])
MLP([4, 7], np.tanh, rng=0)
MLP([4, 7], rng=None)
MLP([4, 7], rng=0, dtype="float16")
MLP([4, 7], rng=0).forward("x")
MLP.from_arrays([], [], orientation="pytorch")
Replicas([4, 7], rng="seed")
"""
CHECKERS = {"mypy": ["--cache-dir", "/dev/null"], "basedpyright": ["--pythonpath", sys.executable]}


@pytest.mark.parametrize("checker", CHECKERS)
def test_what_works_is_accepted_and_what_does_not_is_refused(checker, tmp_path):
    peer(checker)
    wrong = tmp_path / "wrong.py"
    wrong.write_text(REFUSED, encoding="utf-8")
    command = [sys.executable, "-m", checker, *CHECKERS[checker], str(SCRIPT), str(wrong)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    found = {(name, int(line)) for name, line in re.findall(r"(\w+\.py):(\d+):.*\berror\b", said)}
    lines = REFUSED.splitlines()
    assert found == {(wrong.name, line) for line in range(lines.index('tanh("x")') + 1, len(lines) + 1)}, said


def test_what_is_accepted_runs():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # `make oldest` installs what the package needs, not itself
    done = subprocess.run([sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
