"""The commands of this project: `python make.py VERB`, or `make VERB`.

This file needs nothing but Python 3.11 or newer. The verbs stand first, what they are made of below them.
"""
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
OLDEST = ROOT / ".venv-oldest"
IN_FOLDER = "Scripts/python.exe" if os.name == "nt" else "bin/python"
PYTHON, OLDEST_PYTHON = VENV / IN_FOLDER, OLDEST / IN_FOLDER
READY = VENV / "ready.txt"  # written when a set-up is complete: what it was made with and made of
LAB_DEFAULTS = VENV / "share/jupyter/lab/settings/overrides.json"
NO_NEWS = '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}\n'
EXTRAS = "notebooks,dev"
SOURCES = ("constraints.txt", "pyproject.toml", "settings.ini", "setup.py")
ON_ALL_CORES = ("-n", "logical", "--maxprocesses", "4", "--no-loadscope-reorder")  # each process loads all peers
OFFLINE_WORDS = (
    "newconnectionerror", "name resolution", "dns error", "connecttimeout", "proxyerror", "sending request",
)  # fmt: skip
ENVIRONMENT = {
    "PIP_REQUIRE_VIRTUALENV": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "JUPYTER_PREFER_ENV_PATH": "1",
    "JUPYTERLAB_WORKSPACES_DIR": str(VENV / "workspaces"),  # or the first start opens what another clone had open
}  # fmt: skip


class Stop(Exception):
    """Something is missing that the user can fix; the message says what."""


def lab():
    """Set up, open JupyterLab on nbs/index.ipynb, and meanwhile execute a copy of every notebook."""
    setup()
    print("JupyterLab is starting. Meanwhile every notebook runs once. Press Ctrl-C twice to stop both.", flush=True)
    server = subprocess.Popen([*lab_command(ROOT), *([] if has_display() else ["--no-browser"])], **in_project())
    trial = subprocess.Popen([str(PYTHON), "tools/notebooks.py", "try"], start_new_session=True, **in_project())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C asks JupyterLab, which answers
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    code = server.wait()
    trial.terminate()
    trial.wait()
    return code


def test(*arguments):
    """Set up and check everything: notebooks, tests, doctests, export, lint, types, wheel. Arguments go to pytest."""
    setup()
    return run(PYTHON, "-m", "pytest", *(arguments or ON_ALL_CORES), check=False)


def quick(*arguments):
    """Set up and check what takes seconds: all that `test` does, except notebooks, browser, wheel and long proofs."""
    setup()
    return run(PYTHON, "-m", "pytest", *ON_ALL_CORES, "-m", "not slow", *arguments, check=False)


def export():
    """Write nnnotes/*.py from the notebooks and clean the notebooks' metadata."""
    setup()
    run(PYTHON, "tools/notebooks.py", "export")


def refresh(*names):
    """Export, execute, store outputs (all notebooks, or those NAMEd), clean, write README.md."""
    setup()
    run(PYTHON, "tools/notebooks.py", "refresh", *names)


def oldest(*arguments):
    """Run the tests of numbers and proofs with the oldest versions that settings.ini allows, in .venv-oldest."""
    wanted, ready = oldest_versions(), OLDEST / "ready.txt"
    if not ready.exists() or ready.read_text(encoding="utf-8") != " ".join(wanted):
        print(f"Setting up {OLDEST}; this takes a few minutes ...", flush=True)
        new_environment(OLDEST)
        attempt(OLDEST_PYTHON, "-m", "pip", "install", "--quiet", *wanted)
        ready.write_text(" ".join(wanted), encoding="utf-8")
    left_out = [f"--ignore-glob=*/test_{kind}_*" for kind in ("house", "explore")]
    return run(OLDEST_PYTHON, "-m", "pytest", *left_out, *(arguments or ON_ALL_CORES), check=False)


def peers():
    """Install what tests compare with (PyTorch, JAX) or try (Notebook 7, Voilà), as constraints-peers.txt pins it."""
    setup()
    print("Installing the peers ...", flush=True)
    with_pip("-c", "constraints-peers.txt", *read_setting("peers_requirements"))


def lock():
    """Pin all versions again in constraints.txt, for Python 3.11 and later together (needs uv)."""
    if not command_works("uv"):
        raise Stop("make lock needs uv: install it first.")
    extras = [word for extra in EXTRAS.split(",") for word in ("--extra", extra)]
    run("uv", "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", "3.11", "setup.py", *extras,
        "--no-annotate", "--custom-compile-command", "python make.py lock", "--output-file", "constraints.txt")


def setup():
    """Make .venv, or update it to constraints.txt; do nothing if it is up to date."""
    made_with = f"{VENV}\n{sys.version}\n"
    made_of = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in SOURCES)).hexdigest()
    ready = READY.read_text(encoding="utf-8") if READY.exists() else ""
    if ready == made_with + made_of:
        return
    READY.unlink(missing_ok=True)
    if not ready.startswith(made_with):  # none, another Python's, another folder's, or one that was interrupted
        print(f"Setting up {VENV} (Python {sys.version.split()[0]}); this takes a few minutes ...", flush=True)
        new_environment()
    install("setuptools")
    install("--no-build-isolation", "--editable", f".[{EXTRAS}]")
    LAB_DEFAULTS.parent.mkdir(parents=True, exist_ok=True)
    LAB_DEFAULTS.write_text(NO_NEWS, encoding="utf-8")
    READY.write_text(made_with + made_of, encoding="utf-8")


def new_environment(folder=VENV):
    """An empty environment with pip in it."""
    shutil.rmtree(folder, ignore_errors=True)
    python = getattr(sys, "_base_executable", sys.executable)  # not the one in .venv, where that one runs this file
    if command_works("uv"):
        return attempt("uv", "venv", "--quiet", "--seed", "--python", python, folder)
    if not command_works(python, "-c", "import ensurepip, venv"):
        raise Stop(
            f"{python} cannot make virtual environments: it lacks the module venv or ensurepip. Install the module "
            "(Debian and Ubuntu: apt install python3-venv), install uv, or choose another Python: "
            "make PYTHON=python3.12 ..."
        )
    return attempt(python, "-m", "venv", folder)


def install(*what):
    """Install at the locked versions: by uv where there is one, else by pip. Both compile, or every start would."""
    if not command_works("uv"):
        return with_pip(*what)
    options = ("--quiet", "--compile-bytecode", "--python", PYTHON, "-c", "constraints.txt")
    return attempt("uv", "pip", "install", *options, *what)


def with_pip(*what):
    """Install at the locked versions by pip."""
    return attempt(PYTHON, "-m", "pip", "install", "--quiet", "-c", "constraints.txt", *what)


def read_setting(name):
    """The words of an entry of settings.ini."""
    import configparser

    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    return settings["DEFAULT"][name].split()


def oldest_versions():
    """What the package and its notebooks need, each at its lower bound if it has one, and the tools that run tests."""
    (python,) = read_setting("min_python")
    if python != "{}.{}".format(*sys.version_info):
        oldest_python = f"Python {python}, the oldest that settings.ini allows"
        raise Stop(f"make oldest needs {oldest_python}: make oldest PYTHON=python{python}")
    runs_tests = [word for word in read_setting("dev_requirements") if word.startswith(("pytest", "hypothesis"))]
    asked = read_setting("requirements") + read_setting("notebooks_requirements")
    return [*(word.replace(">=", "==") for word in asked), *runs_tests]


def lab_command(folder, start="nbs/index.ipynb"):
    """JupyterLab on `folder`: loopback only, its token on, and no request that leaves the machine."""
    return [
        str(PYTHON), "-m", "jupyterlab", "--log-level=WARN",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}", f"--LabApp.default_url=/lab/tree/{start}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly", "--KernelManager.transport_encryption=auto",
        "--ContentsManager.pre_save_hook=nbdev.clean.clean_jupyter",  # or a notebook that is only looked at changes
        *(["--allow-root"] if is_root() else []),
    ]  # fmt: skip


def is_root():
    """Whether this is root, as in a container: Jupyter then starts only if it is told to."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def has_display():
    """Whether a browser window can open here."""
    return os.name == "nt" or sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def environment():
    """The environment of everything that is started: .venv first on PATH, no other Python's settings."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    path = os.pathsep.join([str(PYTHON.parent), os.environ.get("PATH", os.defpath)])
    return {**inherited, **ENVIRONMENT, "PATH": path}


def in_project():
    """How processes are started: in the project's folder, with its environment."""
    return {"cwd": ROOT, "env": environment()}


def run(*command, check=True):
    """Run in the project's folder; stop with its exit code where it fails."""
    process = subprocess.Popen([str(word) for word in command], **in_project())
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reached it too: pytest says what failed so far and closes the browser and JupyterLab
        raise
    if code and check:
        sys.exit(code)
    return code


def command_works(*command):
    """Whether a command answers. Being on PATH is not enough: it may be a shim that only fails."""
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    try:
        return not subprocess.call(command if len(command) > 1 else [*command, "--version"], **silent)
    except OSError:
        return False


def attempt(*command):
    """A step of the set-up: quiet; where it fails, say why in a few lines."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode:
        if any(word in done.stderr.lower() for word in OFFLINE_WORDS):
            raise Stop("No network: the package index cannot be reached. This set-up needs it.")
        why = done.stderr.strip().splitlines()[-8:]
        raise Stop("\n".join([*why, "", "The set-up failed; the lines above say why."]))


VERBS = {verb.__name__: verb for verb in (lab, test, quick, export, refresh, setup, peers, oldest, lock)}


def main(verb="", *arguments):
    """Carry out one verb; what a user can fix is said in plain words."""
    if verb not in VERBS:
        unknown = verb not in ("", "help", "-h", "--help")
        if unknown:
            print(f"make.py has no verb {verb!r}.", file=sys.stderr, flush=True)
        print("usage: python make.py VERB", *(f"  {name:8} {known.__doc__}" for name, known in VERBS.items()), sep="\n")
        return unknown
    try:
        return VERBS[verb](*arguments)
    except Stop as stop:
        print(stop, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit(f"nnnotes needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}.")
    sys.exit(main(*sys.argv[1:]))
