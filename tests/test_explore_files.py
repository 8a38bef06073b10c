"""The files of the explorations: bundles of their sources, nothing from a network, licences of what is inside."""
import hashlib
import json
import re

import pytest
from conftest import ROOT

from nnnotes import widgets

SOURCES = sorted(path for path in (ROOT / "js").iterdir() if re.search(r"\.m?js$|^package.*\.json$", path.name))
STATIC = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "nnnotes/static").iterdir()}
NAMESPACES = ("1999/xhtml", "1999/xlink", "2000/svg", "2000/xmlns/", "XML/1998/namespace")
BUNDLES = sorted(name for name in STATIC if name.endswith(".js") and name != "formulas.js")
EXPLORATIONS = {name.removesuffix(".js") for name in BUNDLES if name != "loader.js"}


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_is_built_from_its_sources(name):
    content = hashlib.sha256(b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in SOURCES))
    assert STATIC[name].startswith(f"// sources {content.hexdigest()};"), "run: cd js && npm ci && node build.mjs"


def test_every_exploration_has_a_bundle_and_a_notebook():
    classes = {name.lower() for name in vars(widgets) if name in widgets.__all__}
    notebooks = {path.stem for path in (ROOT / "nbs/explore").glob("*.ipynb")}
    assert classes == notebooks == EXPLORATIONS


@pytest.mark.parametrize("name", STATIC)
def test_nothing_comes_from_a_network(name):
    if name != "LICENSES.txt":
        assert set(re.findall(r"\w+://[\w./]+", STATIC[name])) <= {f"http://www.w3.org/{name}" for name in NAMESPACES}
        assert re.findall(r"@import|\burl\((?!#)|^import\b.*\bfrom\b", STATIC[name], re.M) == []


def test_licences_of_what_is_inside():
    locked = json.loads((ROOT / "js/package-lock.json").read_text(encoding="utf-8"))["packages"]
    inside = {name.removeprefix("node_modules/"): lock["version"] for name, lock in locked.items()
              if name and not lock.get("dev")}  # fmt: skip
    found = dict(re.findall(r"^([\w-]+) (\d+\.\d+\.\d+)\n\n(?:Copyright|ISC|BSD)", STATIC["LICENSES.txt"], re.M))
    assert found and found.items() <= inside.items()
    assert {"d3-axis", "d3-scale", "d3-selection", "d3-shape"} <= set(found)
