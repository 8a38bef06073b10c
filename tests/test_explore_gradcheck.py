"""The exploration of the step: the browser's numbers are NumPy's, and what it says of them is true at every setting."""
import itertools
import json
import re

import numpy as np
import pytest
from conftest import show
from test_explore_hands import centre, finger
from test_explore_page import FORMULAS, agree, compute

from nnnotes._step_errors import (
    EXAMPLES,
    central_error,
    central_step,
    complex_error,
    estimates,
    forward_error,
    forward_step,
    stuck_below,
)

BASIC = ("cube", "offset", "bell", "abs")  # made of + - × ÷: every float of theirs is the same everywhere
BITS = {"float32": 24, "float64": 53}
RAISED = "\u2212\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
PLAIN = str.maketrans(RAISED, "--0123456789")
COMPUTE = """async ([text, dtype, calls]) => {
  const formulas = await load(text);
  const r = dtype === "float32" ? Math.fround : (number) => number;
  const one = ({ name, args }, i) => formulas[name](...args.map((column) => column[i] ?? NaN), r);
  const columns = (call) => call.args[0].map((_, i) => one(call, i));
  const told = (number) => (Number.isFinite(number) ? number : String(number));
  return JSON.stringify(JSON.parse(calls).map((call) => columns(call).map(told)));
}"""
SEE = """(states) => states.reduce(async (found, state) => { // what each of these states says and shows
  const seen = await found;
  for (const [name, value] of Object.entries(state)) model.set(name, value);
  await new Promise(requestAnimationFrame);
  const text = (name) => [...document.querySelectorAll(name)].map((one) => one.textContent);
  const place = (one) => one.getAttribute("display") === null && one.cy.baseVal.value;
  const dots = [...document.querySelectorAll(".nn-dot")].map(place);
  return [...seen, { says: text(".nn-says")[0], cells: text(".nn-digits span + span"), dots }];
}, Promise.resolve([]))"""


def settings(dtype, count=10_000, seed=0):
    """Points and steps all over their bounds, in floats of this type; zeros and whole numbers among the points."""
    random = np.random.default_rng(seed)
    x, h = random.uniform(-4, 4, count), 10.0 ** random.uniform(-16, 0, count)
    x[:20], x[20:500], h[:2000:10] = 0, random.integers(-4, 5, 480), 1
    return x.astype(dtype), h.astype(dtype)


def rounded(page, dtype, calls):
    """What the browser makes of formulas that round each step, as floats of this type."""
    calls = [{"name": name, "args": [np.asarray(one, float).tolist() for one in args]} for name, args in calls]
    found = json.loads(page.evaluate(COMPUTE, [FORMULAS, dtype, json.dumps(calls).replace("NaN", "null")]))
    return [np.array(one, float) for one in found]


def in_browser(page, dtype, name, x, h):
    """The three estimates, put together from the browser's formulas."""
    right, left = rounded(page, dtype, [("shifted", (x, h)), ("shifted", (x, -h))])
    here, above, below = rounded(page, dtype, [(f"value_{name}", (one,)) for one in (x, right, left)])
    secants = [("secant", (x, right, here, above)), ("secant", (left, right, below, above))]
    forward, central = rounded(page, dtype, secants)
    if EXAMPLES[name].imaginary is None:
        return forward, central, np.full_like(forward, np.nan)
    (part,) = rounded(page, dtype, [(f"imaginary_{name}", (x, h))])
    return forward, central, *rounded(page, dtype, [("quotient", (part, h))])


@pytest.mark.parametrize("dtype", BITS)
@pytest.mark.parametrize("name", BASIC)
def test_estimates_in_the_browser_are_those_of_numpy_bit_for_bit(open_page, name, dtype):
    x, h = settings(dtype)
    page = open_page()
    for given, wanted in zip(in_browser(page, dtype, name, x, h), estimates(EXAMPLES[name], x, h), strict=True):
        assert wanted.dtype == dtype
        np.testing.assert_array_equal(given, wanted.astype(float))


def largest(function, start, end):
    """The largest modulus of each derivative between two numbers, value first."""
    between = start + (end - start) * np.linspace(0, 1, 65)[:, None]
    return [np.abs(one).max(0) * 1.001 for one in (function.value(between), *function.derivatives(between))]


@pytest.mark.parametrize("dtype", BITS)
@pytest.mark.parametrize("name", ["exp", "tanh"])
def test_estimates_by_two_libraries_are_both_within_the_stated_errors(open_page, name, dtype):
    """A library is allowed an error of two spacings, and each quotient three roundings of its own."""
    example, eps = EXAMPLES[name], float(np.finfo(dtype).eps)
    x, h = settings(dtype)
    left, right = ((x + side * h).astype(float) for side in (-1, 1))
    both = in_browser(open_page(), dtype, name, x, h), estimates(example, x, h)
    x, h = x.astype(float), h.astype(float)
    f, f1, f2, b3 = largest(example, left, right)
    f3 = largest(example, x, x + 1j * h)[3]
    moved, apart, slope = right - x, (right - left) / 2, example.derivatives(x)[0]
    with np.errstate(divide="ignore"):
        forward = forward_error(moved, f, f2, 2 * eps)
        uneven = np.abs(moved - (x - left)) / 2 * f2  # the two steps that are taken
        central = np.maximum(moved, x - left) ** 2 * b3 / 6 + uneven + 2 * eps * f / apart
    stated = [forward + 1.5 * eps * f1, central + 1.5 * eps * f1, complex_error(h, slope, f3, 8 * eps)]
    for found in both:
        errors = [np.abs(one.astype(float) - slope) for one in found]
        for error, bound in zip(errors, stated, strict=True):
            assert (error <= bound)[np.isfinite(error)].all()
        assert np.nanmax((errors[0] / stated[0])[h < 2 * np.sqrt(eps)]) > 0.1  # where rounding prevails, too


def test_derivatives_and_predictions_in_the_browser_are_those_of_numpy(open_page):
    x, h = settings("float64")
    x[x == 0] = 0.5
    eps = np.full_like(x, 2.0**-52)
    wanted, page = {}, open_page()
    for name, example in EXAMPLES.items():
        slopes = np.array(np.broadcast_arrays(*example.derivatives(x)))
        found = np.array(compute(page, [(f"derivatives_{name}", (x,))])[0]).T
        assert (np.abs(found - slopes) <= 1e-12 * np.abs(slopes).max(0)).all(), name
    f, (f1, f2, f3) = np.tanh(x), EXAMPLES["tanh"].derivatives(x)
    wanted = {
        "forward_error": ((h, f, f2, eps), forward_error(h, f, f2, eps)),
        "central_error": ((h, f, f3, eps), central_error(h, f, f3, eps)),
        "complex_error": ((h, f1, f3, eps), complex_error(h, f1, f3, eps)),
        "forward_step": ((f, f2, eps), forward_step(f, f2, eps)),
        "central_step": ((f, f3, eps), central_step(f, f3, eps)),
        "error": ((f1, f2), np.abs(f1 - f2)),
        "step_length": ((np.log10(h),), h),
    }
    with np.errstate(divide="ignore"):
        given = np.where(h > 1e-12, f1 * (1 + h), f1 * 1.25)
        count = np.log10(np.abs(f1) / np.abs(given - f1))
    clear = np.abs(count % 1 - 0.5) < 0.499999  # not at the border of two counts
    wanted["right_digits"] = (given[clear], f1[clear]), np.floor(count[clear])
    agree(page, wanted)


@pytest.mark.parametrize("dtype", BITS)
def test_where_floats_take_no_step(open_page, dtype):
    x, _ = settings(dtype)
    (found,) = compute(open_page(), [("stuck_below", (x, np.full(len(x), BITS[dtype])))])
    moved = x != 0
    np.testing.assert_array_equal(np.array(found)[moved], stuck_below(x)[moved].astype(float))
    assert (np.array(found)[~moved] == 0).all()


# ---- what is said and shown ----


def states():
    """States all over the bounds."""
    points = (-4, -1, -0.01, 0, 0.01, 0.7, 1.23, 4)
    exponents = (-16, -15.6, -12.3, -8, -7.5, -5.25, -3, -1, 0)
    parts = itertools.product(BASIC, points, BITS, exponents)
    return [{"function": name, "x": x, "dtype": dtype, "exponent": e} for name, x, dtype, e in parts]


def seen(page, asked):
    """What the exploration says and shows in these states, and what NumPy makes of them, with the browser's step."""
    (steps,) = compute(page, [("step_length", ([one["exponent"] for one in asked],))])
    for state, h, shown in zip(asked, steps, page.evaluate(SEE, asked), strict=True):
        dtype, example = np.dtype(state["dtype"]).type, EXAMPLES[state["function"]]
        x = dtype(state["x"])
        found = [float(one) for one in estimates(example, x, dtype(h))]
        yield state, shown, example, float(x), h, found, float(example.derivatives(float(x))[0])


def number(text):
    """What a text like −1.2·10⁻⁸ says."""
    return float(text.replace("\u00b710", "e").translate(PLAIN))


def digits(found, slope, eps):
    """How many digits are right, as the exploration counts them."""
    error = abs(found - slope)
    if error <= eps * abs(slope):
        return "all"
    return str(max(0, int(np.floor(np.log10(abs(slope) / error)))) or "no")


def test_table_and_dots_show_what_numpy_computes(open_page):
    page = open_page()
    root = show(page, "GradCheck", {})
    low, high = (float(root.locator(".nn-surface").get_attribute(name)) for name in ("y", "height"))
    for state, shown, example, _, _, found, slope in seen(page, states()):
        count = np.finfo(state["dtype"]).precision + 1
        words = ["none: x + h = x"] * 2 + ["refused" if example.kink is not None else "none: a pole"]
        for cell, value, word in zip(shown["cells"][1:], found, words, strict=True):
            if np.isfinite(value):
                assert number(cell) == float(f"{value:.{count - 1}e}"), state
            else:
                assert cell == word, state
        for dot, value in zip(shown["dots"], found, strict=True):
            if not np.isfinite(value) or np.isnan(slope):
                assert dot is False, state
            else:
                error = np.clip(np.log10(max(abs(value - slope), 1e-30)), -18, 3)
                assert dot == pytest.approx(low + high * (3 - error) / 21, abs=0.01), state


def test_the_sentence_is_true(open_page):
    page = open_page()
    show(page, "GradCheck", {})
    for state, shown, example, x, h, found, slope in seen(page, states()):
        says, eps = shown["says"], float(np.finfo(state["dtype"]).eps)
        f, (_, f2, f3) = float(example.value(x)), (float(one) for one in example.derivatives(x))
        finite = [value for value in found if np.isfinite(value)]
        assert ("rounds x + h to x" in says) == (not np.isfinite(found[0])), state
        assert ("is refused" in says) == (example.kink is not None), state
        assert ("has no slope" in says) == np.isnan(slope), state
        if np.isnan(slope):
            assert "it is \u22121 on the left and 1 on the right" in says
            assert f"difference says {found[0]:.0f}, the central one {found[1]:.0f}," in says
            continue
        if slope == 0:
            assert "The true slope is 0" in says
            assert len(re.findall(r"(?:off )?by [\d.]", says)) == len(finite) - ("smaller" in says) * 0, state
        else:
            given = re.findall(r"(?:has (?:(\d+|no) right|(all) digits)|(?:one|step) (\d+|none|all)(?=[,.]))", says)
            given = ["".join(one).replace("none", "no") for one in given]
            assert given == [digits(value, slope, eps) for value in finite], (state, says)
        if example.kink is None:
            check_best(says, h, f, f2, f3, eps, state)
        else:
            over = [x < 0 < x + h, x - h < 0 < x + h]
            assert ("its slopes" in says) == any(over), state
            assert ("Both reach" in says) == all(over), state


def check_best(says, h, f, f2, f3, eps, state):
    """What it says of the best steps."""
    for name, best, bend in (("forward", forward_step(f, f2, eps), f2), ("central", central_step(f, f3, eps), f3)):
        if bend == 0:
            assert f"no {name} step is best, since" in says, state
        elif f == 0:
            assert f"the smallest {name} step is best, since f is 0" in says, state
        else:
            said = re.search(rf"the best {name} step is [^=]*= ([^ ,<]*[^ ,.<])", says)[1]
            assert number(said) == pytest.approx(best, rel=0.06), state
            if name == "forward":
                cut, lost = h * abs(f2) / 2, 2 * eps * abs(f) / h
                assert ("truncation prevails" in says) <= (cut > lost) and ("rounding prevails" in says) <= (lost > cut)
                assert ("prevails" in says) != ("about this one" in says)


def test_a_pole_is_named(open_page):
    page = open_page()
    root = show(page, "GradCheck", {"function": "bell", "x": 0, "exponent": 0})
    assert "lies on a pole" in root.locator(".nn-says").inner_text()
    page.evaluate("model.set('exponent', -0.1)")
    page.evaluate("frame()")
    assert "lies on a pole" not in root.locator(".nn-says").inner_text()


@pytest.mark.parametrize("function", ["cube", "tanh"])
def test_the_buttons_go_to_the_best_steps(open_page, function):
    page = open_page(reduced_motion="reduce")
    root = show(page, "GradCheck", {"function": function, "x": 1.5})
    f, (_, f2, f3) = EXAMPLES[function].value(1.5), EXAMPLES[function].derivatives(1.5)
    for name, best in (("forward", forward_step(f, f2, 2.0**-52)), ("central", central_step(f, f3, 2.0**-52))):
        button = root.get_by_role("button", name=f"{name} difference")
        assert button.get_attribute("aria-pressed") == "false"
        button.click()
        page.evaluate("frame()")
        step = root.get_by_role("slider", name="Step h")
        assert float(step.get_attribute("aria-valuenow")) == pytest.approx(np.log10(best), rel=1e-5)
        assert button.get_attribute("aria-pressed") == "true"
        diamond = root.locator(f".nn-best.c-{name}").get_attribute("transform")
        assert re.findall(r"[\d.]+", step.get_attribute("transform"))[0] == re.findall(r"[\d.]+", diamond)[0]


@pytest.mark.parametrize(
    "traits", [{"function": "abs"}, {"x": 0}, {"function": "abs", "x": 0}, {"function": "offset", "dtype": "float32"}]
)
def test_a_button_without_a_best_step_does_nothing(open_page, traits):
    page = open_page()
    root = show(page, "GradCheck", traits)
    button = root.get_by_role("button", name="forward difference")
    assert button.get_attribute("aria-disabled") == "true"
    button.click(force=True)
    page.evaluate("frame()")
    assert root.get_by_role("slider", name="Step h").get_attribute("aria-valuenow") == "-8"


def test_a_click_on_the_picture_brings_the_knob(open_page):
    page = open_page()
    root = show(page, "GradCheck", {})
    box = root.locator(".nn-surface").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 100)
    page.evaluate("frame()")
    exponent = root.get_by_role("slider", name="Step h").get_attribute("aria-valuenow")
    assert float(exponent) == pytest.approx(-12, abs=0.02)


def test_a_finger_drags_the_step_and_the_point(open_page):
    page = open_page(390, has_touch=True)
    root = show(page, "GradCheck", {})
    for name, far in (("Step h", -4), ("Point x", 1)):
        handle = root.get_by_role("slider", name=name)
        handle.scroll_into_view_if_needed()
        x, y = centre(handle.locator(".nn-knob") if name == "Step h" else handle)
        finger(page, [(x + 10 * i, y) for i in range(9)])
        assert float(handle.get_attribute("aria-valuenow")) > far
