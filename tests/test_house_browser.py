"""JupyterLab as `make lab` opens it, in a real browser: pages render, the index runs, nothing leaves the machine."""
from urllib.parse import urlsplit

import pytest
from conftest import PANEL, SHOTS, open_notebook, run_all


def test_lab_opens_on_the_index(lab, page):
    assert urlsplit(lab).path == "/lab/tree/nbs/index.ipynb" and "token=" in lab
    page.goto(lab)
    page.locator(f"{PANEL} h1").first.wait_for(timeout=60_000)
    assert page.trouble == []


def test_every_cell_of_the_index_runs(lab, page):
    run_all(page, lab, "index")
    shoot(page, "index")
    assert page.trouble == []


@pytest.mark.parametrize("name", ["02_activations", "03_losses"])
def test_a_chapter_opens_as_it_is_stored(lab, page, name):
    """That its cells run and show the same is what test_house_notebooks sees."""
    open_notebook(page, lab, name)
    page.locator(f"{PANEL} mjx-container").first.wait_for(timeout=60_000)
    shoot(page, name)
    assert page.locator(f"{PANEL} mjx-merror").all_inner_texts() == []
    assert page.trouble == []


def shoot(page, name):
    """A picture of the notebook's top, as a reader sees it when the mathematics is set."""
    page.wait_for_timeout(2000)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
