"""JupyterLab as `make lab` opens it, in a real browser: pages render, every cell runs, nothing leaves the machine."""
from urllib.parse import urlsplit

import pytest
from conftest import PANEL, SHOTS, run_all


def test_lab_opens_on_the_index(lab, page):
    assert urlsplit(lab).path == "/lab/tree/nbs/index.ipynb" and "token=" in lab
    page.goto(lab)
    page.locator(f"{PANEL} h1").first.wait_for(timeout=60_000)
    shoot(page, "index")
    assert page.trouble == []


@pytest.mark.parametrize("name", ["index", "03_losses"])
def test_every_cell_runs(lab, page, name):
    run_all(page, lab, name)
    shoot(page, name)
    assert page.trouble == []


def shoot(page, name):
    """A picture of the notebook's top, as a reader sees it when the mathematics is set."""
    page.wait_for_timeout(2000)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
