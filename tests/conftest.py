"""What tests share: `peer("torch")` for a library that we compare with, the fixture `browser`, and `ROOT`."""
import importlib
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]  # make.py and tools/*.py are checked as they stand
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


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


@pytest.fixture(scope="session")
def browser():
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
def copy(tmp_path_factory):
    """A copy of the project that a test may write to."""
    folder = tmp_path_factory.mktemp("copy") / "nnnotes"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist"))
    return folder
