"""The explorations on a page without Jupyter: numbers, labels, keys, fingers, themes, widths, and what axe says."""
import itertools

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, SHOTS

from nnnotes import widgets
from nnnotes.activations import scaled_tanh

PAGE = (ROOT / "tests/explore.html").read_text(encoding="utf-8")
FORMULAS = (ROOT / "nnnotes/static/formulas.js").read_text(encoding="utf-8")
COMPUTE = """async ([text, calls]) => {
  const formulas = await load(text);
  const columns = (call) => call.args[0].map((_, i) => formulas[call.name](...call.args.map((column) => column[i])));
  return calls.map(columns);
}"""
LABELS = """() => {
  const texts = [...document.querySelectorAll("svg .nn-label, svg .nn-note")].filter((text) => text.textContent);
  const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]).filter(([, box]) => box.width);
  return boxes.map(([text, box]) => [text, box.left, box.top + 2, box.right, box.bottom - 2]);
}"""
STATES = {
    "Saturation": {
        "opening": ({}, "Input x"),
        "uphill": ({"x": 4, "target": -1.7159, "a": 1.7159, "b": 2 / 3, "overlay": "factor"}, "Target t"),
        "no square": ({"x": -2.5, "a": 1.7159, "b": 2 / 3, "overlay": "slope"}, "Height a of the curve"),
        "beyond": ({"x": 30, "target": 2, "a": 0.5, "b": 1.2}, "Input x"),
    },
}
VIEWS = [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")]
VECTORS = ()  # formulas that return several numbers
CASES = [(kind, state, *view) for kind, states in STATES.items() for index, state in enumerate(states)
         for view in (VIEWS[2:] if index else VIEWS)]  # fmt: skip


@pytest.fixture
def open_page(browser):
    """Open the page of tests/explore.html at some width; it serves nothing else, and nothing may go wrong on it."""
    trouble, contexts = [], []

    def opened(width=1280, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: message.type != "error" or trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("http://127.0.0.1/", "blob:", "data:"))
                or trouble.append(request.url))  # fmt: skip
        page.route("http://127.0.0.1/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page.goto("http://127.0.0.1/")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert trouble == []


def show(page, kind, traits, theme="light"):
    """The root of an exploration with these traits."""
    state = getattr(widgets, kind)(**traits).get_state()
    state = {name: value for name, value in state.items() if name not in ("comm", "layout", "tabbable", "tooltip")}
    page.evaluate("([values, theme]) => show(values, theme)", [state, theme])
    return page.locator(".nnotes")


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
    calls = [{"name": "saturates_from", "args": [column.tolist() for column in columns]} for columns in args]
    for found, dtype in zip(open_page().evaluate(COMPUTE, [FORMULAS, calls]), (np.float32, np.float64), strict=True):
        wanted = np.array([scaled_tanh(*pair).saturation(dtype).value[1] for pair in zip(a, b, strict=True)])
        np.testing.assert_allclose(rounded_up(found, dtype), wanted, rtol=1e-12 if dtype is np.float64 else 1e-7)


def agree(page, wanted):
    """Every formula gives in the browser what NumPy gives, to 1e-12; vectors relative to their norm."""
    calls = [{"name": name, "args": [column.ravel().tolist() for column in args]} for name, (args, _) in wanted.items()]
    for (name, (_, value)), found in zip(wanted.items(), page.evaluate(COMPUTE, [FORMULAS, calls]), strict=True):
        found = np.reshape(found, value.shape)
        scale = np.linalg.norm(value, axis=-1, keepdims=True) if name in VECTORS else np.abs(value)
        assert (np.abs(found - value) <= 1e-12 * scale).all(), name


@pytest.mark.parametrize("kind, state, width, theme", CASES)
def test_looks(open_page, kind, state, width, theme):
    """Nothing overlaps or leaves the page, before and after a key; pictures of it are kept to be looked at."""
    traits, focus = STATES[kind][state]
    page = open_page(width)
    root = show(page, kind, traits, theme)
    shot = f"{kind}_{state}_{width}_{theme}".lower().replace(" ", "_")
    SHOTS.mkdir(parents=True, exist_ok=True)
    for when, key in (("", None), ("_key", "ArrowLeft")):
        drawn = root.locator("svg").first.inner_html()
        if key:
            root.get_by_role("slider", name=focus).focus()
            page.keyboard.press(f"Shift+{key}")
            page.evaluate("frame()")
            assert root.locator("svg").first.inner_html() != drawn
        labels = page.evaluate(LABELS)
        assert labels and all(0 <= left and right <= width for _, left, _, right, _ in labels)
        assert [(p[0], q[0]) for p, q in itertools.combinations(labels, 2) if overlap(p[1:], q[1:])] == []
        page.screenshot(path=SHOTS / f"{shot}{when}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


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
        assert handle.get_attribute("aria-valuetext") and handle.locator(".nn-hit").bounding_box()["width"] >= 44
    handles.first.evaluate("handle => handle.removeAttribute('aria-label')")
    assert faults(page) != [], "axe would not see a fault"


@pytest.mark.parametrize("kind", STATES)
def test_every_handle_is_reached_by_tab_and_obeys_all_keys(open_page, kind):
    page = open_page()
    root = show(page, kind, {})
    handles = root.get_by_role("slider").all()
    for handle in handles:
        page.keyboard.press("Tab")
        assert handle.evaluate("handle => handle === document.activeElement")
        assert handle.locator(".nn-ring").evaluate("ring => getComputedStyle(ring).stroke") != "rgba(0, 0, 0, 0)"
        low, high = (float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max"))
        seen = [low]
        for key, above in (("Home", None), ("ArrowRight", 1), ("Shift+ArrowUp", 1), ("ArrowLeft", -1), ("End", 1)):
            page.keyboard.press(key)
            page.evaluate("frame()")
            seen.append(float(handle.get_attribute("aria-valuenow")))
            assert above is None or (seen[-1] - seen[-2]) * above > 0, key
        assert seen[1] == low and seen[-1] == high


def test_a_finger_drags_the_knob(open_page):
    page = open_page(390, has_touch=True)
    knob = show(page, "Saturation", {}).get_by_role("slider", name="Input x")
    box = knob.locator(".nn-knob").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    points = [[{"x": x, "y": y}], *([{"x": x + 8 * i, "y": y}] for i in range(1, 9)), []]
    for kind, at in zip(["touchStart", *["touchMove"] * 8, "touchEnd"], points, strict=True):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
        page.evaluate("frame()")
    assert float(knob.get_attribute("aria-valuenow")) > -1


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_presets_move_only_for_those_who_want_it(open_page, motion):
    page = open_page(reduced_motion=motion)
    root = show(page, "Saturation", {})
    root.get_by_role("button", name="at rest").click()
    page.evaluate("frame()")
    assert (page.evaluate("model.get('x')") == 0) == (motion == "reduce")
    page.wait_for_function("model.get('x') === 0")


def test_a_view_leaves_nothing_behind(open_page):
    page = open_page()
    root = show(page, "Saturation", {})
    page.evaluate("end()")
    page.evaluate("model.set('x', 1)")
    page.evaluate("frame()")
    assert root.count() == 0
