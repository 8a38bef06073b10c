"""CPU time to import the package, beside Python alone and NumPy: python benchmarks/imports.py [RUNS]"""
import os
import statistics
import subprocess
import sys

PROGRAMS = {
    "Python alone": "pass",
    "import nnnotes": "import nnnotes",
    "import numpy": "import numpy",
    "first use of nnnotes.losses": "import nnnotes; nnnotes.losses.softmax([1.0, 2.0])",
}
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
CLOCK = "import time; start = time.process_time(); {}; print(time.process_time() - start)"


def cpu_times(runs):
    """Milliseconds of CPU for each program, each run in a new Python, the programs taking turns."""
    times = {name: [] for name in PROGRAMS}
    for _ in range(runs):
        for name, program in PROGRAMS.items():
            command = [sys.executable, "-c", CLOCK.format(program)]
            printed = subprocess.run(command, check=True, capture_output=True, env=COMPILED).stdout
            times[name].append(1000 * float(printed))
    return times


def main(runs=30):
    cpu_times(1)  # compiles
    times = cpu_times(int(runs))
    middle = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:28} median {middle[name]:7.2f} ms   least {min(values):7.2f} ms")
    numpy, losses = times["import numpy"], times["first use of nnnotes.losses"]
    ratios = [ours / theirs for ours, theirs in zip(losses, numpy, strict=True)]
    print(f"import nnnotes: {middle['import nnnotes'] - middle['Python alone']:.2f} ms over Python alone (at most 5)")
    print(f"first use of a numeric module: {statistics.median(ratios):.3f} of import numpy (at most 1.05)")


if __name__ == "__main__":
    main(*sys.argv[1:])
