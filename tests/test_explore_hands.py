"""What hands do to an exploration: what is set, seen, spoken and left behind, on a page without Jupyter."""
import itertools
import json

import numpy as np
import pytest
from conftest import SHOTS, show, stop_clock

from nnnotes.similarity import class_weight_matrix, similarity_from_distance

KINDS = ("GradCheck", "Infogain", "Momentum", "Saturation")
GROUPS = {"GradCheck": 2, "Infogain": 1, "Momentum": 2, "Saturation": 1}  # of radio buttons, in each view
DISTANCES = [[0, 1, 4], [1, 0, 4], [4, 4, 0]]
RECORD = """(handle) => { // where it is drawn, and what it says, in every frame from now on
  const seen = (window.seen = { places: [], told: [] });
  const step = () => {
    seen.places.push(Number(handle.getAttribute("transform").match(/[-.\\d]+/)[0]));
    seen.told.push(Number(handle.getAttribute("aria-valuenow")));
    requestAnimationFrame(step);
  };
  step();
}"""
CONTROLS = """(states) => { // what is below the sentence, and where it is, in every one of these states
  const places = () => [...document.querySelectorAll(".nnotes :is(button, label, .nn-track)")].map((one) => {
    const box = one.getBoundingClientRect();
    return [box.left, box.top, box.height].join();
  }).join(" ");
  return states.reduce(async (found, state) => {
    const seen = await found;
    for (const [name, value] of Object.entries(state)) model.set(name, value);
    await new Promise(requestAnimationFrame);
    return seen.add(places());
  }, Promise.resolve(new Set())).then((seen) => seen.size);
}"""
SPOKEN = "[...document.querySelectorAll('[aria-live]')].filter((one) => one.textContent).length"
LOOK = "one => ['borderTopColor', 'borderTopWidth'].map((name) => getComputedStyle(one)[name])"
HEAP = """async ([values, rounds]) => {
  for (let i = 0; i < rounds; i++) {
    await show({ ...values }, "light");
    document.querySelector("style").remove();
    await end();
  }
}"""


def centre(node):
    """The middle of a node on the page."""
    box = node.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def value(handle):
    """Where a handle is."""
    return float(handle.get_attribute("aria-valuenow"))


def drag(page, root, name, by=60):
    """Drag a knob to the right, pixel by pixel at the pace of the screen: it never goes back."""
    knob = root.get_by_role("slider", name=name)
    knob.scroll_into_view_if_needed()
    x, y = centre(knob.locator(".nn-knob"))
    page.mouse.move(x, y)
    page.mouse.down()
    knob.evaluate(RECORD)
    for step in range(60):
        page.mouse.move(x + (step + 1) / 60 * by, y)
        page.wait_for_timeout(16)
    page.mouse.up()
    pause(page, 500)
    places = page.evaluate("seen.places")
    assert places == sorted(places) and places[-1] - places[0] == pytest.approx(by, abs=3)


def pause(page, time):
    """Milliseconds by the page's clock: what it had set for an earlier time has happened, on a busy machine, too."""
    page.evaluate("time => new Promise((done) => setTimeout(done, time))", time)


def get(page, name):
    """A parameter, once the model has heard of it."""
    pause(page, 150)
    return page.evaluate("name => model.get(name)", name)


def finger(page, points):
    """A finger goes down, along these points, and up."""
    touch = page.context.new_cdp_session(page)
    kinds = ["touchStart", *["touchMove"] * (len(points) - 1), "touchEnd"]
    for kind, at in zip(kinds, [*points, None], strict=True):
        spots = [] if at is None else [{"x": at[0], "y": at[1]}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})
        page.wait_for_timeout(20)


# ---- what is set ----


def test_what_comes_before_a_picture_has_glided_to_its_place_starts_from_what_was_set(open_page):
    page = open_page()
    root = show(page, "Infogain", {})
    root.get_by_role("radio", name="the asker").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert get(page, "reading") == "expected distance"
    assert get(page, "matrix") == DISTANCES
    page.evaluate("end()")
    root = show(page, "Saturation", {})
    root.get_by_role("button", name="LeCun").click()
    root.get_by_role("button", name="±0.9").click()
    assert [get(page, name) for name in ("a", "b", "target")] == [1.7159, 2 / 3, 0.9]


@pytest.mark.parametrize("matrix", [np.eye(3), class_weight_matrix([1, 1, 3]), similarity_from_distance(DISTANCES)])
def test_a_matrix_that_was_turned_into_distances_and_back_is_what_it_was(open_page, matrix):
    page = open_page()
    root = show(page, "Infogain", {"reading": "similarity", "matrix": matrix})
    for reading in ("the asker", "the repair", "similarities", "the repair", "similarities"):
        root.get_by_role("radio", name=reading).check()
    assert get(page, "matrix") == matrix.tolist()


def test_a_matrix_that_was_changed_in_between_is_turned_as_it_is(open_page):
    page = open_page()
    root = show(page, "Infogain", {"reading": "similarity", "matrix": np.eye(3)})
    root.get_by_role("radio", name="the asker").check()
    root.get_by_role("slider", name="Row cat, column dog").focus()
    page.keyboard.press("Shift+ArrowLeft")
    root.get_by_role("radio", name="similarities").check()
    assert get(page, "matrix")[0] == [1, pytest.approx(np.exp(-3)), 0]
    root.get_by_role("radio", name="the asker").check()
    root.get_by_role("button", name="the asker").click()
    root.get_by_role("radio", name="similarities").check()
    assert get(page, "matrix") == [pytest.approx(row) for row in np.exp(-np.array(DISTANCES)).tolist()]


def test_a_handle_never_goes_back_while_a_hand_moves_it_on(open_page):
    page = open_page()
    handle = show(page, "Saturation", {}, echo=120).get_by_role("slider", name="Input x")
    drag(page, page.locator(".nnotes"), "Input x", 300)
    assert get(page, "x") == pytest.approx(value(handle), rel=1e-5)


def test_keys_count_from_the_last_one_whatever_the_kernel_repeats(open_page):
    page = open_page()
    handle = show(page, "Saturation", {"x": 0}, echo=60).get_by_role("slider", name="Input x")
    handle.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(15)
    assert get(page, "x") == pytest.approx(2)
    page.evaluate("frame()")
    assert value(handle) == 2


def test_python_moves_what_no_hand_holds(open_page):
    page = open_page()
    handle = show(page, "Saturation", {}).get_by_role("slider", name="Input x")
    page.mouse.move(*centre(handle.locator(".nn-knob")))
    page.mouse.down()
    page.evaluate("model.set('target', -1); model.set('x', 2)")
    page.mouse.up()
    page.evaluate("frame()")
    values = [page.get_by_role("slider", name=name).get_attribute("aria-valuenow") for name in ("Input x", "Target t")]
    assert values == ["2", "-1"]


@pytest.mark.parametrize(
    "kind, name",
    [
        ("GradCheck", "Step h"), ("Saturation", "Input x"), ("Infogain", "Row cat, column dog"),
        ("Momentum", "Rate and momentum"),
    ],
)
def test_a_gesture_that_is_cancelled_is_undone(open_page, kind, name):
    page = open_page()
    handle = show(page, kind, {}).get_by_role("slider", name=name)
    before = handle.get_attribute("aria-valuenow")
    x, y = centre(handle)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    pause(page, 150)
    assert handle.get_attribute("aria-valuenow") != before
    handle.dispatch_event("pointercancel")
    page.evaluate("frame()")
    assert handle.get_attribute("aria-valuenow") == before
    page.mouse.move(x + 80, y, steps=4)
    page.evaluate("frame()")
    assert handle.get_attribute("aria-valuenow") == before and get(page, "matrix") in (None, DISTANCES)


# ---- fingers ----


def test_a_finger_drags_the_knob(open_page):
    page = open_page(390, has_touch=True)
    knob = show(page, "Saturation", {}).get_by_role("slider", name="Input x")
    x, y = centre(knob.locator(".nn-knob"))
    finger(page, [(x + 8 * i, y) for i in range(9)])
    assert value(knob) > -1


def test_a_finger_on_the_matrix_scrolls_or_edits_but_never_both(open_page):
    page = open_page(390, has_touch=True)
    entry = show(page, "Infogain", {}).get_by_role("slider", name="Row cat, column dog")
    entry.scroll_into_view_if_needed()
    scrolled, (x, y) = page.evaluate("scrollY"), centre(entry)
    finger(page, [(x + 1.5 * i, y - 12 * i) for i in range(12)])
    assert page.evaluate("scrollY") > scrolled + 50
    assert get(page, "matrix") == DISTANCES and page.evaluate("told.length") == 0
    x, y = centre(entry)
    finger(page, [(x + 6 * i, y) for i in range(6)])
    assert get(page, "matrix")[0][1] > 1.3


# ---- keys ----


def test_a_notebook_hears_of_no_key_that_an_exploration_uses(open_page):
    """Lab listens on the way back, Notebook 7 on the way here, where it spares what carries its attribute."""
    page = open_page()
    handle = show(page, "Saturation", {}).get_by_role("slider", name="Input x")
    page.evaluate("""() => {
      window.heard = { here: [], back: [] };
      const spared = (event) => event.target.hasAttribute("data-lm-suppress-shortcuts");
      document.addEventListener("keydown", (event) => spared(event) || heard.here.push(event.key), true);
      document.addEventListener("keydown", (event) => heard.back.push(event.key));
      document.addEventListener("keydown", (event) => event.ctrlKey && event.preventDefault());
    }""")
    handle.focus()
    for key in ("ArrowDown", "b", "x", "d", "d", "Shift+ArrowUp", "Home", "Enter"):
        page.keyboard.press(key)
    for key in ("Shift+Enter", "Control+s", "Escape"):
        page.keyboard.press(key)
    for heard in page.evaluate("[heard.here, heard.back]"):
        assert [key for key in heard if key != "Shift"] == ["Enter", "Control", "s", "Escape"]


def test_every_arrow_key_tells_the_prediction_s_new_value(open_page):
    page = open_page()
    point = show(page, "Infogain", {}).get_by_role("slider", name="Prediction")
    point.focus()
    signs = {"ArrowUp": 1, "ArrowDown": -1, "ArrowRight": 1, "ArrowLeft": -1, "PageUp": 1, "PageDown": -1}
    for key, sign in signs.items():
        page.keyboard.press(key)
        page.evaluate("frame()")
        old = value(point)
        page.keyboard.press(key)
        page.evaluate("frame()")
        low, new, high = (float(point.get_attribute(f"aria-value{what}")) for what in ("min", "now", "max"))
        assert sign * (new - old) > 0.5 and low <= new <= high, key
        assert (point.get_attribute("aria-orientation") == "vertical") == ("Up" in key or "Down" in key)


def test_every_control_belongs_to_a_named_group(open_page):
    page = open_page()
    for kind in KINDS:
        root = show(page, kind, {})
        for control in root.locator("button, input").all():
            group = control.locator("xpath=ancestor::*[@role][1]")
            assert group.get_attribute("role") in ("group", "radiogroup") and group.get_attribute("aria-label")
            assert "nnotes" not in group.get_attribute("class").split(), "the whole exploration is no group of its own"
        page.evaluate("end()")


# ---- what is seen ----


def states(kind):
    """States all over the bounds, those of the presets among them."""
    if kind == "GradCheck":
        functions, points = ("cube", "offset", "exp", "tanh", "bell", "abs"), (-4, -0.01, 0, 1e-9, 0.7, 4)
        parts = itertools.product(functions, points, ("float32", "float64"), (-16, -7.77, -3, 0))
        return [{"function": f, "x": x, "dtype": dtype, "exponent": e} for f, x, dtype, e in parts]
    if kind == "Momentum":
        settings = (0.3, 0.9, 20), (3.4, 0.6, 2), (2, 0, 1), (0.01, 0.99, 1000), (3.98, 0.99, 1), (0.1, 0.95, 50)
        overlays, runs = ("none", "nesterov", "inside", "weight"), ("one", "several", "noisy")
        parts = itertools.product(settings, overlays, runs, (1, 99))
        names = ("rate", "momentum", "condition", "overlay", "runs", "fall")
        return [dict(zip(names, (*setting, *rest), strict=True)) for setting, *rest in parts]
    if kind == "Saturation":
        inputs, curves = (-32, -9.5, -4, -1, 0, 2, 9.5, 32), ((1, 1), (1.7159, 2 / 3), (0.5, 0.2), (1.2345, 1.2))
        parts = itertools.product(inputs, (-1.7159, -0.9, 1, 0.123), ("none", "slope", "factor"), curves)
        return [{"x": x, "target": t, "overlay": overlay, "a": a, "b": b} for x, t, overlay, (a, b) in parts]
    odd = [[0.1, 1.23, 4], [1.11] * 3, [0.01, 0.02, 0.03]]
    matrices = (DISTANCES, np.eye(3).tolist(), np.zeros((3, 3)).tolist(), odd)
    points = ([1 / 3] * 3, [0.9, 0.05, 0.05], [0.998, 0.001, 0.001], [0.28, 0.28, 0.44])
    parts = itertools.product(matrices, ("similarity", "distance", "expected distance"), ("cat", "car"), points)
    return [{"matrix": m, "reading": reading, "label": label, "prediction": p} for m, reading, label, p in parts]


@pytest.mark.parametrize("width", [1280, 390, 294])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_moves_away_from_the_next_click(open_page, kind, width):
    page = open_page(width)
    root = show(page, kind, {})
    assert page.evaluate(CONTROLS, states(kind)) == 1
    if kind == "Saturation":  # nor when the kernel answers
        pause(page, 400)
        place = root.get_by_role("button").first.bounding_box()
        page.evaluate("""model.tell({ ...asked, here: null, rest: 1234, limit: 10000, rate: 0.123, close: 0.1 })""")
        page.evaluate("frame()")
        assert "more than 10\u202f000 steps" in root.locator(".nn-counted").first.inner_text()
        assert root.get_by_role("button").first.bounding_box() == place


def test_an_answer_to_an_older_question_stays_grey(open_page):
    page = open_page()
    root = show(page, "Saturation", {})
    reply = "(question) => model.tell({ ...question, here: 5, rest: 6, limit: 10000, rate: 0.1, close: 0.1 })"
    page.wait_for_function("window.asked")
    first = page.evaluate("asked")
    page.evaluate(reply, first)
    root.get_by_text("takes 5 steps").wait_for()
    assert root.locator(".nn-counted .nn-stale").count() == 0
    page.evaluate("model.set('x', 1)")
    page.evaluate("frame()")
    page.evaluate(reply, first)
    page.evaluate("frame()")
    assert root.locator(".nn-counted .nn-stale").count() == 1
    page.wait_for_function("id => asked.id !== id", arg=first["id"])
    page.evaluate(reply, page.evaluate("asked"))
    page.evaluate("frame()")
    assert root.locator(".nn-counted .nn-stale").count() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_elements_are_unique_on_the_page(open_page, kind):
    page = open_page()
    show(page, kind, {}, views=2)
    show(page, kind, {}, views=2)
    ids = page.locator("main [id]").evaluate_all("all => all.map((one) => `url(#${one.id})`)")
    used = page.locator("main [clip-path]").evaluate_all("all => all.map((one) => one.getAttribute('clip-path'))")
    radios = page.locator("main [type=radio]").evaluate_all("all => all.map((one) => one.name)")
    assert len(ids) >= 4 and len(set(ids)) == len(ids) and sorted(used) == sorted(ids)
    assert len(set(radios)) == 4 * GROUPS[kind]


def test_each_curve_stays_in_its_plot(open_page):
    page = open_page()
    root = show(page, "Saturation", {"a": 1.7159, "b": 1.2, "overlay": "slope", "x": -3})
    top, bottom = (root.locator("svg clipPath").nth(i).evaluate("one => one.firstChild.getBBox().y") for i in (0, 1))
    heights = root.locator("svg clipPath rect").evaluate_all("all => all.map((one) => one.height.baseVal.value)")
    assert top + heights[0] < bottom
    wrong = root.locator(".nn-curve.c-wrong")
    assert wrong.evaluate("one => one.getBBox().y") < bottom  # it would be drawn into the other plot
    inside = "one => document.querySelector(one.closest('[clip-path]').getAttribute('clip-path').slice(4, -1))"
    assert wrong.evaluate(f"one => ({inside})(one).firstChild.getBBox().y") == bottom


def test_a_handle_is_reached_where_another_one_lies_beside_it(open_page):
    page = open_page()
    root = show(page, "Saturation", {"x": 32})
    x, target = (root.get_by_role("slider", name=name) for name in ("Input x", "Target t"))
    assert centre(target.locator(".nn-knob"))[0] - centre(x.locator(".nn-knob"))[0] >= 14  # neither covers the other
    for handle, other in ((target, x), (x, target)):
        values = [value(one) for one in (handle, other)]
        left, top = centre(handle.locator(".nn-knob"))
        page.mouse.move(left, top)
        page.mouse.down()
        page.mouse.move(left - 60, top + 60, steps=5)
        page.evaluate("frame()")
        assert value(handle) < values[0]
        assert value(other) == values[1]
        page.mouse.up()
        page.evaluate("model.set('x', 32); model.set('target', 1)")
        page.evaluate("frame()")


@pytest.mark.parametrize("box", ["flex", "inline-flex", "inline-block", "grid; grid-template-columns: auto auto"])
def test_boxes_leave_it_room(open_page, box):
    page = open_page()
    page.evaluate("box => document.querySelector('main').style = `display: ${box}`", box)
    roots = show(page, "Saturation", {}, views=2)
    widths = [root.bounding_box()["width"] for root in roots.all()]
    assert min(widths) >= 230 and (max(widths) - min(widths) < 2)


# ---- what is spoken, what is left behind ----


@pytest.mark.parametrize("focus", [None, 0, 1])
def test_one_of_two_views_speaks(open_page, focus):
    page = open_page()
    root = show(page, "Infogain", {}, views=2)
    if focus is not None:
        root.nth(focus).get_by_role("slider", name="Prediction").focus()
    page.evaluate("model.set('label', 'dog')")
    page.wait_for_function(f"{SPOKEN} > 0")
    pause(page, 200)
    assert page.evaluate(SPOKEN) == 1
    assert "dog" in root.nth(focus or 0).locator("[aria-live]").first.text_content()


def test_two_views_ask_the_kernel_once(open_page):
    page = open_page()
    show(page, "Saturation", {}, views=2)
    page.wait_for_function("window.asked")
    first = page.evaluate("asked.id")
    page.evaluate("model.set('x', 1)")
    page.wait_for_function("id => asked.id !== id", arg=first)
    pause(page, 400)
    assert page.evaluate("asked.id") == first + 1


def test_a_hand_in_one_view_stops_what_glides_in_the_other(open_page):
    page = open_page(1280)
    root = show(page, "Saturation", {}, views=2)
    x = [view.get_by_role("slider", name="Input x") for view in root.all()]

    def places(after):
        page.clock.run_for(after)  # milliseconds
        return [one.get_attribute("transform") for one in x]

    stop_clock(page)
    first = places(100)
    root.nth(1).get_by_role("button", name="at rest").click()
    assert places(100) != first
    target = root.nth(0).get_by_role("slider", name="Target t")
    target.scroll_into_view_if_needed()
    page.mouse.move(*centre(target))
    page.mouse.down()
    assert places(50) == places(1000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_exploration_is_released(open_page, kind):
    from nnnotes import widgets

    page = open_page()
    values = {name: value for name, value in getattr(widgets, kind)().get_state().items() if name != "layout"}
    tools = page.context.new_cdp_session(page)

    def heap(rounds):
        page.evaluate(HEAP, [json.loads(json.dumps(values)), rounds])
        for _ in range(3):
            tools.send("HeapProfiler.collectGarbage")
        return tools.send("Runtime.getHeapUsage")["usedSize"]

    first = heap(5)
    assert (heap(20) - first) / 20 < 40_000  # bytes; an exploration's code is more than that


# ---- forced colours ----


def test_what_is_chosen_focused_and_filled_is_seen_in_forced_colours(open_page):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page = open_page(forced_colors="active")
    for kind in KINDS:
        root = show(page, kind, {})
        pause(page, 100)
        page.screenshot(path=SHOTS / f"{kind.lower()}_forced_colours.png", full_page=True)
        for handle in root.get_by_role("slider").all():
            calm = picture(page, handle)
            page.keyboard.press("Tab")
            handle.focus()
            page.evaluate("frame()")
            assert picture(page, handle) != calm, handle.get_attribute("aria-label")
        looks = [root.locator(f"button[aria-pressed={pressed}]").last.evaluate(LOOK) for pressed in ("true", "false")]
        assert looks[0][:2] != looks[1][:2]
        page.evaluate("end()")
    show(page, "Infogain", {})
    bars = page.get_by_role("slider", name="Probability of car"), page.get_by_role("slider", name="Row dog, column cat")
    before = [picture(page, one) for one in bars]
    page.evaluate("model.set('prediction', [0.1, 0.2, 0.7]); model.set('matrix', [[0, 1, 4], [1.04, 0, 4], [4, 4, 0]])")
    page.evaluate("model.set('matrix', [[0, 1, 4], [3, 0, 4], [4, 4, 0]])")
    page.evaluate("frame()")
    for one in bars:
        one.evaluate("one => [...one.querySelectorAll('span')].forEach((text) => (text.textContent = ''))")
    assert all(picture(page, one) != old for one, old in zip(bars, before, strict=True))


def picture(page, handle):
    """What is on the screen where a handle is, and a little around it."""
    box = handle.bounding_box()
    clip = {"x": box["x"] - 6, "y": box["y"] - 6, "width": box["width"] + 12, "height": box["height"] + 12}
    return page.screenshot(clip=clip)
