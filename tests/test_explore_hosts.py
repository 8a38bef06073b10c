"""The explorations in Notebook 7 and in Voilà: open, drag, keys, a preset, two views, a narrow window, dark."""
import itertools

import pytest
from conftest import ALL_RAN, PANEL, SHOTS
from test_explore_hands import drag, pause, value
from test_explore_page import TEXTS, overlap

STEPS = {  # a knob to drag, a handle, what keys make of it, a button and what it makes of it, in words
    "gradcheck": ("Step h", "Step h", {"Home": -16, "ArrowRight": -15.9, "Shift+ArrowUp": -14.9}, "near a pole",
                  "h 1,"),
    "momentum": ("Rate and momentum", "Rate and momentum", {"Home": 0.01, "ArrowRight": 0.02, "Shift+ArrowRight": 0.12},
                 "plain descent", "rate 1, momentum 0;"),
    "saturation": ("Input x", "Input x", {"Home": -32, "ArrowRight": -31.9, "Shift+ArrowUp": -30.9}, "at rest",
                   "x 0.00,"),
    "infogain": ("Prediction", "Row cat, column dog", {"Home": 0, "Shift+ArrowUp": 1, "ArrowLeft": 0.9}, "identity",
                 "0"),
}  # fmt: skip
THEIR_OWN = {  # what their pages complain of without any exploration; Voilà's asks a network for icons and formulas
    "notebook": ("reading 'schema'",),
    "voila": ("fontawesome", "mathjax", "Failed to load resource", "#RUNTIME-012"),
}
CELLS = f"{PANEL} .jp-Notebook .jp-Cell"


def open_in_notebook(page, address, name):
    """Open a notebook of nbs/explore/ in Notebook 7 and run it."""
    page.goto(address.replace("/tree", f"/notebooks/nbs/explore/{name}.ipynb"))
    page.locator(CELLS).first.wait_for(timeout=60_000)
    page.locator(".jp-KernelName", has_text="Python 3").wait_for(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(ALL_RAN, timeout=180_000)


def open_in_voila(page, address, name, theme="light"):
    """Open a notebook of nbs/explore/ in Voilà, which runs it."""
    page.goto(address.replace("/tree", f"/voila/render/nbs/explore/{name}.ipynb") + f"&theme={theme}")
    page.locator(".nnotes").last.wait_for(timeout=60_000)


def view(page, index):
    """An exploration on the page, scrolled to."""
    root = page.locator(".nnotes").nth(index)
    root.scroll_into_view_if_needed()
    return root


def narrow(page, root, host, name):
    """In a window of 390 pixels no text lies on another, or outside of the exploration."""
    page.set_viewport_size({"width": 390, "height": 1600})
    root.scroll_into_view_if_needed()
    pause(page, 500)
    page.screenshot(path=SHOTS / f"{host}_{name}_390.png")
    found, box = root.evaluate(TEXTS), root.bounding_box()
    assert found and all(box["x"] <= left and right <= box["x"] + box["width"] + 0.5 for _, left, _, right, _ in found)
    assert [(p[0], q[0]) for p, q in itertools.combinations(found, 2) if overlap(p[1:], q[1:])] == []


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("host", ["notebook", "voila"])
def test_smoke(notebook7, page, host, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    knob, label, keys, button, made = STEPS[name]
    (open_in_notebook if host == "notebook" else open_in_voila)(page, notebook7, name)
    drag(page, view(page, 0), knob)
    if name == "saturation":
        view(page, 0).locator(".nn-counted strong").first.wait_for()  # the kernel's answer
    drag(page, view(page, 2), knob)
    states = [view(page, index).get_by_role("slider", name=knob).get_attribute("aria-valuetext") for index in (1, 2)]
    assert states[0] == states[1]

    root = view(page, 0)
    handle = root.get_by_role("slider", name=label)
    handle.focus()
    for key, expected in keys.items():
        page.keyboard.press(key)
        pause(page, 100)
        assert value(handle) == pytest.approx(expected), key
    page.screenshot(path=SHOTS / f"{host}_{name}.png")
    if host == "notebook":
        state = f"[...document.querySelectorAll('{CELLS}')].map((cell) => cell.classList.contains('jp-mod-active'))"
        cells = page.evaluate(state)
        for key in ("ArrowDown", "ArrowUp", "b", "x", "d", "d", "a", "Enter"):
            page.keyboard.press(key)
        assert page.evaluate(state) == cells and True in cells
        assert handle.evaluate("handle => handle === document.activeElement")
        with page.expect_request(lambda request: request.method == "PUT" and "/api/contents/" in request.url):
            page.keyboard.press("Control+s")
    root.get_by_role("button", name=button).click()
    root.locator("[aria-pressed=true]", has_text=button).wait_for()
    assert handle.get_attribute("aria-valuetext").startswith(made)
    narrow(page, root, host, name)
    assert [one for one in page.trouble if not any(word in one for word in THEIR_OWN[host])] == []
    page.set_viewport_size({"width": 1280, "height": 1600})
    if host == "notebook":
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.locator(".lm-Menu-itemLabel", has_text="Theme").first.hover()
        page.locator(".lm-Menu-itemLabel", has_text="JupyterLab Dark").first.click()
        page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    else:
        open_in_voila(page, notebook7, name, "dark")
    pause(page, 500)
    page.screenshot(path=SHOTS / f"{host}_{name}_dark.png")
    look = [view(page, 0).evaluate(f"one => getComputedStyle(one).{name}") for name in ("backgroundColor", "color")]
    ground, ink = map(brightness, look)
    assert ground < 60 < 200 < ink


def brightness(colour):
    """The mean of red, green and blue."""
    return sum(map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])) / 3
