"""What type checkers say to those who use the package: they accept what works and refuse what does not."""
import re
import subprocess
import sys

import pytest
from conftest import ROOT, peer

PROGRAM = """
import numpy as np
from nnnotes.activations import Saturation, leaky_relu, scaled_tanh, tanh
from nnnotes.proof import ulp_error

number: float = tanh(0.5)
number = tanh.derivative(1)
single: np.float32 = tanh.inverse(np.float32(0.5))
array: np.ndarray = tanh([1.0, 2])
array = tanh.second_derivative([[1, 2.5], [3, 4]])
array = tanh.derivative_from_output([np.zeros(2), np.ones(2)])
array = tanh(np.zeros(3, np.float32))
array = tanh(np.asarray([1, 2]))
array = scaled_tanh(2, b=1)(np.array([1j]))
low, high = leaky_relu(0.1).preimage([1.0])
ends: Saturation = tanh.saturation(np.float32)
for ends in (tanh.saturation("float64"), tanh.saturation(np.dtype("float32")), tanh.saturation(np.zeros(1).dtype)):
    pass
ulp_error(tanh, np.ones(1), dtype=np.float32)

tanh("x")  # refused
tanh(["x"])  # refused
tanh(None)  # refused
tanh.derivative({"x": 1.0})  # refused
scaled_tanh("2")  # refused
tanh.saturation(np.int32)  # refused
tanh.saturation("float16")  # refused
ulp_error(tanh, np.ones(1), dtype=np.int32)  # refused
"""
REFUSED = [line for line, text in enumerate(PROGRAM.splitlines(), start=1) if text.endswith("# refused")]


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_checker_refuses_what_does_not_work_and_nothing_else(checker, tmp_path):
    peer(checker)
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    options = {"mypy": ["--cache-dir", str(tmp_path)], "pyright": ["--pythonpath", sys.executable]}[checker]
    command = [sys.executable, "-m", checker, *options, str(path)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    lines = {int(line) for line in re.findall(r"program\.py:(\d+):.*\berror\b", said)}
    assert sorted(lines) == REFUSED, said
