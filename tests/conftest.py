"""What tests share: `peer("torch")` for a library that we compare with, a browser, JupyterLab in it, numbers."""
import contextlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHOTS = ROOT / "build" / "screenshots"  # to be looked at; git ignores them
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]  # make.py and tools/*.py are checked as they stand
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
PROMPTS = f"[...document.querySelectorAll('{PANEL} .jp-CodeCell .jp-InputPrompt:not(.jp-Placeholder-prompt)')]"
SLOW = (  # what `make quick` leaves out and `make test` begins with, the longest first: how the names of tests begin
    "test_house_notebooks.py",
    "test_engine_points.py::test_random_",
    "test_engine_points.py::test_bound_",
    "test_engine_points.py::test_infogain_gradient",
    "test_engine_points.py::test_weak_engine",
    "test_proof_scale.py",
    "test_losses_accuracy.py",
    "test_proof_losses.py::test_infogain",
    "test_proof_losses.py::test_expected_distance",
    "test_gradcheck.py::test_random_smooth",
    "test_gradcheck.py::test_many_coordinates",
    "test_gradcheck.py::test_traps",
    "test_networks_proof.py",
    "test_optimizers_peers.py",
    "test_training.py::test_interrupted_at_every",
    "test_training.py::test_real_signals",
    "test_explore_page.py",
    "test_explore_hands.py",
    "test_explore_gradcheck.py",
    "test_explore_momentum.py",
    "test_explore_hosts.py",
    "test_explore_lab.py",
    "test_house_browser.py",
    "test_wrong_variants.py",
    "test_types.py",
    "test_house_wheel.py",
    "test_engine_field.py::test_field_and_sympy",
    "test_engine_field.py::test_random_",
    "test_engine_field.py::test_deep_formula",
    "test_house_broken.py::test_a_command",
    "test_house_broken.py::test_pytest",
    "test_activations.py::test_derivative_of_every_float32",
)
ALL_RAN = f"() => {PROMPTS}.every(prompt => /[0-9]/.test(prompt.textContent))"  # neither [ ] nor [*] is left


def pytest_collection_modifyitems(items):
    """Mark what is slow, and begin with it: where two processes share the tests, what comes last should be short."""
    rank = {item: next((n for n, name in enumerate(SLOW) if item.nodeid.startswith(f"tests/{name}")), len(SLOW))
            for item in items}  # fmt: skip
    for item in items:
        if rank[item] < len(SLOW) or calls_peer(item):
            item.add_marker("slow")
    items.sort(key=rank.get)


def calls_peer(item):
    """Whether a test calls `peer`: PyTorch and JAX take seconds to load."""
    code = getattr(getattr(item, "function", None), "__code__", None)
    return code is not None and "peer" in code.co_names


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A process gets whole files, since their tests share what is costly to make; but notebooks one by one."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return nodeid if "test_house_notebooks" in nodeid else super()._split_scope(nodeid)

    return Files(config, log)


def missing(what):
    """Something optional is not installed: a visible skip, and a failure on the machine that must have everything."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: must be there when CI=true", pytrace=False)
    pytest.skip(what, allow_module_level=True)


def peer(name):
    """Import a library that we compare with: `torch = peer("torch")` at the top of a test file, or in a test."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return missing(f"{name} is not installed (python make.py peers)")


@pytest.fixture(params=["plain", "fast"])
def way(request, monkeypatch):
    """Both ways through the infogain loss, which takes one or the other by the size of the batch."""
    monkeypatch.setattr("nnnotes.losses.FAST_SIZE", {"plain": 1 << 62, "fast": 0}[request.param])
    return request.param


@contextlib.contextmanager
def started_browser():
    """A headless Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing("no Chromium on PATH (Debian and Ubuntu: apt install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=OPTIONS.split())
        yield started
        started.close()


@pytest.fixture(scope="session")
def browser():
    """The browser that all tests share."""
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project that the tests of a file may write to."""
    folder = tmp_path_factory.mktemp("copy") / "nnnotes"
    left_out = (".*", "__pycache__", "*.egg-info", "build", "dist", "node_modules")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    return folder


@contextlib.contextmanager
def started_lab(folder, *command):
    """The address of a JupyterLab on a copy of nbs/, started by the command of `make lab`, with settings of its own.

    Another `command` starts another server.
    """
    import make

    shutil.copytree(ROOT / "nbs", folder / "nbs")
    own = (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
    )  # fmt: skip
    environment = {**os.environ, **{name: str(folder / name.lower()) for name in own}}
    said = folder / "said.txt"
    command = [*(command or make.lab_command(folder)), "--no-browser", "--ServerApp.port=0"]
    with said.open("w") as log:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    with contextlib.ExitStack() as stack:
        stack.callback(server.wait, 30)
        stack.callback(server.terminate)
        yield address(server, said)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab that all tests share."""
    with started_lab(tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="session")
def notebook7(tmp_path_factory):
    """The address of a Notebook 7 with Voilà in it, on a copy of nbs/."""
    import make

    for name in ("notebook", "voila"):
        peer(name)
    folder = tmp_path_factory.mktemp("notebook7")
    lab = make.lab_command(folder)
    command = [*lab[:2], "notebook", *(option for option in lab[3:] if "--LabApp" not in option)]
    with started_lab(folder, *command) as found:
        yield found


def address(server, said, seconds=60):
    """What JupyterLab prints for the user to open, once it does."""
    for _ in range(10 * seconds):
        found = re.search(r"http://127\.0\.0\.1:\S+", said.read_text())
        if found:
            return found[0]
        assert server.poll() is None, said.read_text()
        time.sleep(0.1)
    raise TimeoutError(said.read_text())


@pytest.fixture
def page(browser):
    """A page that notes what it asks other machines for, and what its console calls an error."""
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    page.trouble = []
    page.on("request", lambda request: urlsplit(request.url).hostname in ("127.0.0.1", None)
            or page.trouble.append(f"request to {request.url}"))  # fmt: skip
    page.on("console", lambda message: message.type != "error" or page.trouble.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: page.trouble.append(f"page: {error}"))
    yield page
    page.close()


def open_notebook(page, lab, name):
    """Open a notebook of nbs/ and wait for its kernel."""
    page.goto(lab.replace("index.ipynb", f"{name}.ipynb").replace("?", "?reset&"))
    page.locator(f"{PANEL} .jp-Notebook").wait_for(timeout=60_000)
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)  # else Lab asks for a kernel


def run_all(page, lab, name):
    """Open a notebook of nbs/ and run it from top to bottom; no cell may fail or complain."""
    open_notebook(page, lab, name)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(ALL_RAN, timeout=180_000)
    for kind in ("error", "stderr"):
        assert page.locator(f"{PANEL} [data-mime-type='application/vnd.jupyter.{kind}']").all_inner_texts() == []


@pytest.fixture
def open_page(browser):
    """Open the page of tests/explore.html at some width; it serves nothing else, and nothing may go wrong on it."""
    content = (ROOT / "tests/explore.html").read_text(encoding="utf-8")
    trouble, contexts = [], []

    def opened(width=1280, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: message.type != "error" or trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("http://127.0.0.1/", "blob:", "data:"))
                or trouble.append(request.url))  # fmt: skip
        page.route("http://127.0.0.1/", lambda route: route.fulfill(body=content, content_type="text/html"))
        page.goto("http://127.0.0.1/")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert trouble == []


def stop_clock(page):
    """From now on the page's time moves by `page.clock.run_for` only, however busy the machine is."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)


def show(page, kind, traits, theme="light", **options):
    """The root of an exploration with these traits; `views` and `echo` as in tests/explore.html."""
    from nnnotes import widgets

    state = getattr(widgets, kind)(**traits).get_state()
    state = {name: value for name, value in state.items() if name not in ("comm", "layout", "tabbable", "tooltip")}
    page.evaluate("([values, theme, options]) => show(values, theme, options)", [state, theme, options])
    return page.locator(".nnotes")
