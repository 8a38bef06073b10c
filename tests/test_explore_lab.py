"""The explorations in a real JupyterLab: hand, keyboard, a slider and Python move one picture, and nothing else."""
import pytest
from conftest import PANEL, SHOTS, run_all
from test_explore_hands import drag, pause, value
from test_explore_page import faults

BOX = "import ipywidgets, nnnotes.widgets; ipywidgets.HBox([neuron, nnnotes.widgets.Infogain()])"
OPENING = {  # the code of the first exploration in each notebook
    "gradcheck": "slope = GradCheck()",
    "infogain": "asked = Infogain()",
    "momentum": "valley = Momentum()",
    "saturation": "neuron = Saturation()",
}
CELLS = f"{PANEL} .jp-Notebook .jp-Cell"


@pytest.fixture
def notebook(lab, page, request):
    """A notebook of nbs/explore/, run from top to bottom."""
    name = request.param
    run_all(page, lab, f"explore/{name}")
    yield page
    in_view(page, OPENING[name])
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"lab_{name}.png")
    assert page.trouble == []


def in_view(page, text):
    """The cell with this code, scrolled until JupyterLab has drawn the exploration below it."""
    cell = page.locator(CELLS, has=page.locator(".jp-InputArea-editor", has_text=text)).first
    cell.scroll_into_view_if_needed()
    cell.locator(".nnotes .nn-says").scroll_into_view_if_needed()
    return cell


def run_cell(page, code):
    """Run code in a new cell at the end of the notebook."""
    page.locator(CELLS).last.locator(".jp-InputPrompt").click()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()
    return page.locator(CELLS, has_text=code).last.locator(".jp-OutputArea-output")


def keys(page, handle, moves):
    """Press keys on a handle; each moves it to where it should be, and none reaches JupyterLab."""
    cells = page.locator(CELLS).count()
    handle.focus()
    for key, expected in moves.items():
        page.keyboard.press(key)
        pause(page, 100)
        assert value(handle) == expected, key
    page.keyboard.press("a")  # JupyterLab's command to insert a cell
    assert handle.evaluate("handle => handle === document.activeElement")
    assert page.locator(CELLS).count() == cells


@pytest.mark.parametrize("notebook", ["saturation"], indirect=True)
def test_saturation(notebook):
    page = notebook
    cell = in_view(page, OPENING["saturation"])
    x, says = cell.get_by_role("slider", name="Input x"), cell.locator(".nn-says")
    assert value(x) == -4  # as the figure above it
    assert faults(page) == []
    cell.locator(".nn-counted", has_text="2\u202f033 steps").wait_for()  # the kernel's answer
    keys(page, x, {"ArrowRight": -3.9, "Shift+ArrowLeft": -4.9, "Home": -32, "End": 32})
    page.keyboard.press("Home")
    said = says.inner_text()
    drag(page, cell, "Input x", 200)
    assert -6 < value(x) < 0 and says.inner_text() != said
    assert float(run_cell(page, "print(neuron.x)").inner_text()) == pytest.approx(value(x), rel=1e-5)

    run_cell(page, "second.x, second.target = -2.5, 0.5")
    below = in_view(page, "VBox([slider, second])")
    x, target = (below.locator(f"[aria-label='{label}']") for label in ("Input x", "Target t"))
    assert (value(x), value(target)) == (-2.5, 0.5)
    below.locator(".widget-readout", has_text="\u22122.50").wait_for()
    below.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    pause(page, 200)
    assert value(x) == -2.4
    drag(page, below, "Input x")  # with a slider that is linked to it
    moved = value(x)
    shown = float(below.locator(".widget-readout").inner_text().replace("\u2212", "-"))  # in steps of 0.1
    assert moved > -2 and abs(shown - moved) < 0.06
    above = in_view(page, "second = Saturation(")
    assert value(above.get_by_role("slider", name="Input x")) == moved

    boxed = run_cell(page, BOX)
    boxed.locator(".nn-infogain .nn-says").scroll_into_view_if_needed()
    widths = [boxed.locator(kind).bounding_box()["width"] for kind in (".nn-saturation", ".nn-infogain")]
    assert min(widths) > 400 and max(widths) - min(widths) < 5
    page.screenshot(path=SHOTS / "lab_box.png")


@pytest.mark.parametrize("notebook", ["infogain"], indirect=True)
def test_infogain(notebook):
    page = notebook
    cell = in_view(page, OPENING["infogain"])
    cat, says = cell.get_by_role("slider", name="Probability of cat"), cell.locator(".nn-says")
    assert value(cat) == pytest.approx(1 / 3, abs=1e-6)  # as in the figure above it
    assert "best answer to cat is 80\u00a0% car and 20\u00a0% dog: the loss asks for a mistake" in says.inner_text()
    assert faults(page) == []
    entry = cell.get_by_role("slider", name="Row cat, column car")
    keys(page, entry, {"ArrowLeft": 3.9, "Shift+ArrowLeft": 2.9, "Home": 0, "End": 4})
    drag(page, cell, "Prediction", 60)
    assert value(cat) == pytest.approx(1 / 3, abs=0.01)
    assert float(run_cell(page, "print(asked.prediction[2])").inner_text()) > 0.4
    cell = in_view(page, OPENING["infogain"])
    cell.get_by_label("similarities in").check()
    says.filter(has_text="best answer to cat is 72\u00a0% cat").wait_for()
    assert run_cell(page, "print(asked.reading, asked.matrix[0][0])").inner_text().strip() == "similarity 1.0"

    run_cell(page, "second.label, second.rate = 'cat', 1")
    below = in_view(page, "VBox([slider, second])")
    below.locator(".widget-readout", has_text="1.00").wait_for()
    below.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    above = in_view(page, "second = Infogain(")
    above.locator(".nn-says", has_text="The next step raises cat").wait_for()
    assert run_cell(page, "print(second.label, round(second.rate, 9))").inner_text().strip() == "cat 1.01"


@pytest.mark.parametrize("notebook", ["gradcheck"], indirect=True)
def test_gradcheck(notebook):
    page = notebook
    cell = in_view(page, OPENING["gradcheck"])
    step, says = cell.get_by_role("slider", name="Step h"), cell.locator(".nn-says")
    assert value(step) == -8
    assert faults(page) == []
    keys(page, step, {"ArrowRight": -7.9, "Shift+ArrowLeft": -8.9, "Home": -16, "End": 0})
    page.keyboard.press("Home")
    said = says.inner_text()
    drag(page, cell, "Step h", 200)
    assert -14 < value(step) < -8 and says.inner_text() != said
    assert float(run_cell(page, "print(slope.exponent)").inner_text()) == pytest.approx(value(step), rel=1e-5)
    cell = in_view(page, OPENING["gradcheck"])
    cell.get_by_label("|x|").check()
    cell.get_by_role("slider", name="Point x").focus()
    says.filter(has_text="The complex step is refused").wait_for()
    assert run_cell(page, "print(slope.function, slope.x)").inner_text().strip() == "abs 0.7"

    run_cell(page, "second.function, second.exponent = 'offset', -2")
    below = in_view(page, "VBox([slider, second])")
    below.locator(".widget-readout", has_text="\u22122.00").wait_for()
    below.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    above = in_view(page, "second = GradCheck(")
    above.locator(".nn-says", has_text="With h = 0.013").wait_for()
    assert run_cell(page, "print(round(second.exponent, 9))").inner_text().strip() == "-1.9"


@pytest.mark.parametrize("notebook", ["momentum"], indirect=True)
def test_momentum(notebook):
    page = notebook
    cell = in_view(page, OPENING["momentum"])
    disc, says = cell.get_by_role("slider", name="Rate and momentum"), cell.locator(".nn-says")
    assert value(disc) == 0.3  # as the long memory in the figure above it
    assert faults(page) == []
    keys(page, disc, {"ArrowRight": 0.31, "Shift+ArrowLeft": 0.21, "ArrowUp": 0.91, "Home": 0.01, "End": 4})
    page.keyboard.press("Home")
    said = says.inner_text()
    drag(page, cell, "Rate and momentum", 100)
    assert value(disc) > 0.1 and says.inner_text() != said
    assert float(run_cell(page, "print(valley.rate)").inner_text()) == pytest.approx(value(disc), rel=1e-5)
    cell = in_view(page, OPENING["momentum"])
    cell.get_by_label("Nesterov").check()
    says.filter(has_text="look-ahead").wait_for()
    assert run_cell(page, "print(valley.overlay, valley.runs)").inner_text().strip() == "nesterov one"

    run_cell(page, "second.rate, second.momentum = 3.5, 0.5")
    below = in_view(page, "VBox([slider, second])")
    below.locator(".widget-readout", has_text="0.50").wait_for()
    below.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    above = in_view(page, "second = Momentum(")
    above.locator(".nn-says", has_text="= 3.02").wait_for()
    assert run_cell(page, "print(round(second.momentum, 9))").inner_text().strip() == "0.51"
