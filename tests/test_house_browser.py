"""JupyterLab as `make lab` opens it, in a real browser: pages render, the index runs, nothing leaves the machine."""
import contextlib
import shutil
import time
from urllib.parse import urlsplit

import pytest
from conftest import PANEL, ROOT, SHOTS, open_notebook, run_all, started_lab


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


def test_looking_at_a_notebook_and_saving_it_changes_nothing(tmp_path, browser):
    """JupyterLab notes the kernel's name and version in all that it saves, and it saves by itself."""
    shutil.copy(ROOT / "settings.ini", tmp_path)
    with started_lab(tmp_path) as lab, contextlib.closing(browser.new_page()) as page:
        for name in ("index", "explore/infogain"):
            stored = tmp_path / f"nbs/{name}.ipynb"
            before, looked = stored.read_bytes(), stored.stat().st_mtime_ns
            open_notebook(page, lab, name)
            page.keyboard.press("Control+s")
            page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
            while stored.stat().st_mtime_ns == looked:
                time.sleep(0.1)
            assert stored.read_bytes() == before
