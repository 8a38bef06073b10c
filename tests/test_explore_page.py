"""The explorations on a page without Jupyter: numbers, labels, keys, fingers, themes, widths, and what axe says."""
import itertools
import json
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, SHOTS, show, stop_clock

from nnnotes import widgets
from nnnotes.activations import scaled_tanh
from nnnotes.losses import expected_distance_value_and_grad, infogain_losses, infogain_value_and_grad, softmax
from nnnotes.similarity import similarity_from_distance

FORMULAS = (ROOT / "nnnotes/static/formulas.js").read_text(encoding="utf-8")
COMPUTE = """async ([text, calls]) => {
  const formulas = await load(text);
  const columns = (call) => call.args[0].map((_, i) => formulas[call.name](...call.args.map((column) => column[i])));
  return JSON.stringify(JSON.parse(calls).map(columns));
}"""
TEXTS = """(root) => { // every line of text that is seen, and the bars that notes stand beside
  const inked = (node) => getComputedStyle(node).visibility === "visible" && !node.closest(".nn-hidden");
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const parent = text.parentElement.closest("text, p, span, b, button, label");
    if (!parent || !inked(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) if (box.width > 1) found.push([text.textContent, box]);
  }
  const bars = [...root.querySelectorAll("svg .nn-bar")].filter((bar) => bar.getAttribute("d"));
  const pieces = bars.flatMap((bar) => bar.getAttribute("d").match(/M[^M]+/g).map((piece) => {
    const [x0, y, x1] = piece.match(/[-.\\d]+/g).map(Number);
    const { left, top } = bar.ownerSVGElement.getBoundingClientRect();
    return ["bar", { left: left + x0, right: left + x1, top: top + y - 3, bottom: top + y + 3 }];
  }));
  return [...found, ...pieces].map(([text, box]) => [text, box.left, box.top + 3, box.right, box.bottom - 3]);
}"""
FOCUS_SEEN = """(handle) => {
  const ring = handle.querySelector(".nn-ring");
  return ring ? getComputedStyle(ring).stroke !== "rgba(0, 0, 0, 0)" : getComputedStyle(handle).outlineStyle !== "none";
}"""
SIMILAR = similarity_from_distance([[0, 1, 4], [1, 0, 4], [4, 4, 0]]).tolist()
STATES = {
    "GradCheck": {
        "opening": ({}, "Step h"),
        "rounded away": ({"dtype": "float32"}, "Step h"),
        "pedestal": ({"function": "offset", "x": -1.23, "exponent": -5.55}, "Step h"),
        "saturated": ({"function": "tanh", "x": 4, "exponent": -5}, "Point x"),
        "pole": ({"function": "bell", "x": 0, "exponent": 0}, "Step h"),
        "flat": ({"x": 0, "exponent": -13.7}, "Step h"),
        "beside": ({"function": "abs", "x": -0.01, "exponent": -1}, "Step h"),
        "kink": ({"function": "abs", "x": 0, "exponent": 0}, "Point x"),
    },
    "Infogain": {
        "opening": ({}, "Prediction"),
        "similarities": ({"reading": "similarity", "matrix": SIMILAR, "prediction": [0.1, 0.2, 0.7]}, "Prediction"),
        "expected": ({"reading": "expected distance", "label": "dog"}, "Probability of dog"),
        "identity": ({"reading": "similarity", "matrix": np.eye(3).tolist(), "label": "car"}, "Row car, column car"),
        "empty": ({"reading": "similarity", "matrix": np.zeros((3, 3)).tolist()}, "Prediction"),
    },
    "Momentum": {
        "opening": ({}, "Rate and momentum"),
        "best": ({"rate": 2.6716, "momentum": 0.4026, "runs": "several"}, "Start"),
        "look ahead": ({"rate": 1.2, "momentum": 0.6, "condition": 5, "overlay": "nesterov"}, "Rate and momentum"),
        "falling": ({"rate": 0.1, "momentum": 0.95, "overlay": "inside", "runs": "noisy"}, "Step at which"),
        "weight": ({"rate": 0.3, "momentum": 0.6, "overlay": "weight"}, "Condition number"),
        "divergent": ({"rate": 3.9, "momentum": 0.3, "condition": 1, "runs": "noisy"}, "Rate and momentum"),
        "corner": ({"rate": 4, "momentum": 0.99, "condition": 1000, "overlay": "nesterov", "runs": "several"}, "Start"),
    },
    "Saturation": {
        "opening": ({}, "Input x"),
        "uphill": ({"x": 4, "target": -1.7159, "a": 1.7159, "b": 2 / 3, "overlay": "factor"}, "Target t"),
        "no square": ({"x": -2.5, "a": 1.7159, "b": 2 / 3, "overlay": "slope"}, "Height a of the curve"),
        "beyond": ({"x": 30, "target": 2, "a": 0.5, "b": 1.2}, "Input x"),
    },
}
VECTORS = ("infogain_grad", "infogain_best", "expected_distance_grad", "step")  # formulas that return three numbers


def neurons(curves, inputs, seed=0):
    """Parameters, inputs and targets all over their bounds: inputs for each curve, saturated ends among them."""
    random = np.random.default_rng(seed)
    traits = widgets.Saturation.class_traits()
    shape = {"a": (curves, 1), "b": (curves, 1), "x": (curves, inputs), "target": (curves, inputs)}
    a, b, x, t = (random.uniform(traits[name].min, traits[name].max, size) for name, size in shape.items())
    x[:, :10] *= 10.0 ** random.uniform(-12, 0, (curves, 10))
    x[:, 10:12] = -32, 32
    return a, b, x, t


def rounded_up(values, dtype):
    """The smallest numbers of this dtype that are not below these."""
    nearest = np.asarray(values).astype(dtype)
    return np.where(nearest >= values, nearest, np.nextafter(nearest, dtype(np.inf)))


def test_neurons_in_the_browser_are_those_of_numpy(open_page):
    a, b, x, t = neurons(100, 100)
    each = [scaled_tanh(*pair) for pair in zip(a[:, 0], b[:, 0], strict=True)]
    y = np.array([f(inputs) for f, inputs in zip(each, x, strict=True)])
    slope = np.array([f.derivative(inputs) for f, inputs in zip(each, x, strict=True)])
    a, b = np.broadcast_to(a, x.shape), np.broadcast_to(b, x.shape)
    wanted = {
        "scaled_tanh": ((a, b, x), y),
        "slope": ((a, b, x), slope),
        "delta": ((t, y, slope), (t - y) * slope),
        "thread_slope": ((a, b, x), a * b * 2 / (1 + np.exp(2 * b * x))),
        "thread_factor": ((a, b, y), b * (a - y**2)),
        "times_slower": ((b, x), np.cosh(b * x) ** 2),
    }
    agree(open_page(), wanted)


def test_floats_saturate_in_the_browser_where_numpy_says(open_page):
    a, b = (parameter[:, 0] for parameter in neurons(500, 12)[:2])
    a[:4] = 0.5, 1, 2, np.nextafter(1, 2)
    single = (np.float32(a).astype(float), np.float32(b).astype(float))
    args = [(*single, np.full(500, 24.0)), (a, b, np.full(500, 53.0))]
    both = compute(open_page(), [("saturates_from", columns) for columns in args])
    for found, dtype in zip(both, (np.float32, np.float64), strict=True):
        wanted = np.array([scaled_tanh(*pair).saturation(dtype).value[1] for pair in zip(a, b, strict=True)])
        np.testing.assert_allclose(rounded_up(found, dtype), wanted, rtol=1e-12 if dtype is np.float64 else 1e-7)


def answers(count, seed=0):
    """Probabilities, some of them next to a corner or an edge, and rows of a matrix, some with zeros."""
    random = np.random.default_rng(seed)
    p, h = random.dirichlet([1, 1, 1], count), random.uniform(0, 4, (count, 3))
    p[:2000] = random.permuted(random.dirichlet([0.01, 0.1, 1], 2000), axis=1)
    p = np.maximum(p, 1e-300)
    h[1000:3000] *= random.integers(0, 2, (2000, 3))
    h[:3] = np.eye(3)
    h[~h.any(1)] = 1
    return p / p.sum(1, keepdims=True), h


def test_losses_in_the_browser_are_those_of_numpy(open_page):
    p, h = answers(10_000)
    p, rows = softmax(np.log(p)), np.arange(len(p))
    _, grad = infogain_value_and_grad(np.log(p), rows, h, normalization="none")
    _, apart = expected_distance_value_and_grad(np.log(p), rows, h, normalization="none")
    wanted = {
        "infogain": ((p, h), infogain_losses(np.log(p), rows, h)),
        "infogain_grad": ((p, h), grad),
        "infogain_best": ((h,), h / h.sum(1, keepdims=True)),
        "expected_distance": ((p, h), np.vecdot(p, h)),
        "expected_distance_grad": ((p, h), apart),
        "step": ((p, grad, np.full((len(p), 1), 0.3)), softmax(np.log(p) - 0.3 * grad)),
        "similarity": ((h[:, :1],), np.exp(-h[:, 0])),
        "distance": ((p[:, :1],), -np.log(p[:, 0])),
    }
    agree(open_page(), {name: ([*np.hstack(args).T], value) for name, (args, value) in wanted.items()})


def compute(page, calls):
    """What the browser makes of formulas, each a name and columns of arguments. (As JSON, which is much faster.)"""
    calls = [{"name": name, "args": [np.ravel(column).tolist() for column in columns]} for name, columns in calls]
    return json.loads(page.evaluate(COMPUTE, [FORMULAS, json.dumps(calls)]))


def agree(page, wanted):
    """Every formula gives in the browser what NumPy gives, to 1e-12; vectors relative to their largest part."""
    found = compute(page, [(name, args) for name, (args, _) in wanted.items()])
    for (name, (_, value)), given in zip(wanted.items(), found, strict=True):
        scale = np.abs(value).max(-1, keepdims=True) if name in VECTORS else np.abs(value)
        assert (np.abs(np.reshape(given, value.shape) - value) <= 1e-12 * scale).all(), name


@pytest.mark.parametrize("width", [1280, 390, 294, 268])  # the page has a margin of 16
@pytest.mark.parametrize("kind", STATES)
def test_looks(open_page, kind, width):
    """Nothing overlaps or leaves the page, before and after a key; pictures of it are kept to be looked at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page = open_page(width)
    for index, (state, (traits, focus)) in enumerate(STATES[kind].items()):
        for theme in ("light", "dark")[: 1 if index else 2]:
            name = f"{kind} {state} {width} {theme}".lower().replace(" ", "_")
            root = show(page, kind, traits, theme)
            look(page, root, width, name)
            drawn = root.locator("svg").first.inner_html()
            root.get_by_role("slider", name=focus).focus()
            page.keyboard.press("Shift+ArrowLeft")
            page.evaluate("frame()")
            assert root.locator("svg").first.inner_html() != drawn or state == "empty", name
            look(page, root, width, f"{name}_key")
            page.evaluate("end()")


def look(page, root, width, name):
    """Keep a picture; no text leaves the page or lies on another, and nothing is wider than the page."""
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    found = root.evaluate(TEXTS)
    assert found and all(0 <= left and right <= width for _, left, _, right, _ in found), name
    assert [(p[0], q[0]) for p, q in itertools.combinations(found, 2) if overlap(p[1:], q[1:])] == [], name
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def overlap(p, q):
    """Whether two boxes (left, top, right, bottom) share area."""
    return p[0] < q[2] and q[0] < p[2] and p[1] < q[3] and q[1] < p[3]


def faults(page):
    """What axe finds serious, or worse."""
    found = Axe().run(page, context=".nnotes").response["violations"]
    return [(fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", STATES)
def test_accessible(open_page, kind, theme):
    page = open_page()
    handles = show(page, kind, {}, theme).get_by_role("slider")
    assert faults(page) == []
    for handle in handles.all():
        assert handle.get_attribute("aria-valuetext")
        box = handle.bounding_box()
        assert max(box["width"], box["height"]) > 43.9 and min(box["width"], box["height"]) >= 24
    handles.first.evaluate("handle => handle.removeAttribute('aria-label')")
    assert faults(page) != [], "axe would not see a fault"


@pytest.mark.parametrize("kind", STATES)
def test_every_handle_is_reached_by_tab_and_obeys_all_keys(open_page, kind):
    page = open_page()
    root = show(page, kind, {})
    handles = root.get_by_role("slider").all()
    for handle in handles:
        page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.tagName") == "BUTTON":  # they stand between the matrix's rows
            page.keyboard.press("Tab")
        assert handle.evaluate("handle => handle === document.activeElement")
        assert handle.evaluate(FOCUS_SEEN)
        seen = []
        for key in ("Home", "ArrowRight", "Shift+ArrowRight", "ArrowLeft", "End"):
            page.keyboard.press(key)
            page.evaluate("frame()")
            low, now, high = (float(handle.get_attribute(f"aria-value{what}")) for what in ("min", "now", "max"))
            seen.append((now - low) / (high - low))
        assert seen[0] == pytest.approx(0, abs=0.01) and seen[-1] == pytest.approx(1, abs=0.01)
        assert seen[0] < seen[1] < seen[2] > seen[3] < seen[4]


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_preset_is_set_at_once_and_the_picture_glides_there_for_those_who_want_it(open_page, motion):
    page = open_page(reduced_motion=motion)
    x = show(page, "Saturation", {}).get_by_role("slider", name="Input x")
    stop_clock(page)
    page.get_by_role("button", name="at rest").click()
    places = []
    for _ in range(25):
        page.clock.run_for(20)
        assert x.get_attribute("aria-valuenow") == "0"
        places.append(float(re.search(r"[-.\d]+", x.get_attribute("transform"))[0]))
    assert places == sorted(places) and (len(set(places)) > 10) == (motion == "no-preference")


def test_the_kernel_is_told_once_for_many_changes(open_page):
    page = open_page()
    show(page, "Saturation", {}).get_by_role("slider", name="Input x").focus()
    for _ in range(5):
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("told.at(-1) < 32")
    assert page.evaluate("told.length") < 10 and page.evaluate("told.at(-1)") == pytest.approx(31.9)


def test_a_view_leaves_nothing_behind(open_page):
    page = open_page()
    root = show(page, "Saturation", {})
    page.evaluate("model.set('x', 2)")
    root.get_by_role("slider", name="Input x").focus()
    page.keyboard.press("End")
    page.evaluate("end()")
    assert page.evaluate("told") == [32]  # before it is too late
    page.evaluate("model.set('x', 1)")
    page.evaluate("frame()")
    assert root.count() == 0
