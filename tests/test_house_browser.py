"""JupyterLab as `make lab` opens it, in a real browser: pages render, every cell runs, nothing leaves the machine."""
import contextlib
import os
import re
import shutil
import subprocess
import time
from urllib.parse import urlsplit

import pytest
from conftest import ROOT

import make

SHOTS = ROOT / "build" / "screenshots"  # to be looked at; git ignores them
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
PROMPTS = f"[...document.querySelectorAll('{PANEL} .jp-CodeCell .jp-InputPrompt')]"
ALL_RAN = f"() => {PROMPTS}.every(prompt => /[0-9]/.test(prompt.textContent))"  # neither [ ] nor [*] is left


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab on a copy of nbs/, started by the command of `make lab`, with settings of its own."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "nbs", folder / "nbs")
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = {**os.environ, **{name: str(folder / name.lower()) for name in own}}
    said = folder / "said.txt"
    command = [*make.lab_command(folder), "--no-browser", "--ServerApp.port=0"]
    with said.open("w") as log:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    with contextlib.ExitStack() as stack:
        stack.callback(server.wait, 30)
        stack.callback(server.terminate)
        yield address(server, said)


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


def test_lab_opens_on_the_index(lab, page):
    assert urlsplit(lab).path == "/lab/tree/nbs/index.ipynb" and "token=" in lab
    page.goto(lab)
    page.locator(f"{PANEL} h1").first.wait_for(timeout=60_000)
    shoot(page, "index")
    assert page.trouble == []


@pytest.mark.parametrize("name", ["index", "03_losses"])
def test_every_cell_runs(lab, page, name):
    page.goto(lab.replace("index.ipynb", f"{name}.ipynb").replace("?", "?reset&"))
    page.locator(f"{PANEL} .jp-Notebook").wait_for(timeout=60_000)
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)  # else Lab asks for a kernel
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(ALL_RAN, timeout=180_000)
    shoot(page, name)
    for kind in ("error", "stderr"):
        assert page.locator(f"{PANEL} [data-mime-type='application/vnd.jupyter.{kind}']").all_inner_texts() == []
    assert page.trouble == []


def shoot(page, name):
    """A picture of the notebook's top, as a reader sees it when the mathematics is set."""
    page.wait_for_timeout(2000)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
