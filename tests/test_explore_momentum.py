"""The exploration of momentum: its numbers are NumPy's, its picture is the iteration's, its sentence is true."""
import itertools
import re

import numpy as np
import pytest
from conftest import show
from test_explore_gradcheck import number
from test_explore_hands import centre, finger, get, value
from test_explore_page import compute

from nnnotes._momentum_dynamics import (
    convergence_rate,
    critical_momentum,
    early_bound,
    kept_velocity,
    level_radius,
    momentum_borders,
    momentum_envelope,
    momentum_power,
    momentum_regime,
    noisy_step,
    optimal_rate_and_momentum,
    previous_weight_step,
    quadratic_loss,
    stationary_loss,
    transient_growth,
)
from nnnotes.widgets import Momentum

RULES = {"momentum": False, "nesterov": True}
KINDS = ["monotone", "critical", "ripples", "oscillating", "divergent", "marginal"]
SHOWN = 100
LONG = 5000  # steps after which everything has settled that does
LOOK = """(states) => states.reduce(async (found, state) => { // what each of these states says and draws
  const seen = await found;
  for (const [name, value] of Object.entries(state)) model.set(name, value);
  await new Promise(requestAnimationFrame);
  const d = (name) => document.querySelector(name).getAttribute("d") ?? "";
  const way = (panel, more) => d(`.nn-${panel}-panel .nn-way${more}`);
  const parts = (kind) => ["flat", "steep"].map((name) => d(`.nn-decay-panel .${kind}.c-${name}`));
  const floor = d(".nn-decay-panel .c-noise");
  const noisy = d(".nn-decay-panel .nn-thin");
  const chips = [...document.querySelectorAll(".nn-says .nn-chip")].map((one) => one.className.split("r-")[1]);
  return [...seen, { says: document.querySelector(".nn-says").textContent, chips, way: way("way", ":not(.nn-dashed)"),
    rival: way("way", ".nn-dashed"), dots: parts("nn-stops"), envelopes: parts("nn-theory"), floor, noisy }];
}, Promise.resolve([]))"""
SCALES = """() => { // the corners of the three pictures' boxes, in their own pixels
  const box = (one) => ["x", "y", "width", "height"].map((name) => Number(one.getAttribute(name)));
  return ["way", "map", "decay"].map((name) => {
    const panel = document.querySelector(`.nn-${name}-panel svg`);
    return box(panel.querySelector(name === "decay" ? "clipPath rect" : ".nn-surface"));
  });
}"""


# ---- the formulas ----


def settings(rule, count=10_000, seed=0):
    """Rates, momenta, curvatures all over their bounds; momentum 0 among them, and every border as floats have it."""
    random = np.random.default_rng(seed)
    beta, lam = random.uniform(0, 0.99, count), 10.0 ** random.uniform(-3, 0, count)
    rate = 10.0 ** random.uniform(-2, np.log10(4), count)
    beta[:1000], lam[:5000] = 0, 2.0 ** -random.integers(0, 10, 5000)
    for i, border in enumerate(momentum_borders(beta[:3000], RULES[rule])):
        rate[i:3000:3] = (border / lam[:3000])[i::3]
    rate[3000], lam[3000] = 1, 1
    return rate, beta, lam


@pytest.mark.parametrize("rule", RULES)
def test_borders_rates_and_regimes_in_the_browser_are_those_of_numpy(open_page, rule):
    rate, beta, lam = settings(rule)
    calls = [(f"{rule}_borders", (beta,)), (f"{rule}_rate", (rate, beta, lam)), (f"{rule}_regime", (rate, beta, lam))]
    borders, rates, regimes = compute(open_page(), calls)
    np.testing.assert_allclose(np.transpose(borders), momentum_borders(beta, RULES[rule]), rtol=1e-12)
    np.testing.assert_allclose(rates, convergence_rate(rate, beta, lam, RULES[rule]), rtol=1e-12)
    wanted = momentum_regime(rate, beta, lam, RULES[rule])
    assert [KINDS[one] for one in regimes] == wanted.tolist()
    assert set(wanted) == set(KINDS)


@pytest.mark.parametrize("rule", RULES)
def test_states_and_envelopes_in_the_browser_are_those_of_numpy(open_page, rule):
    rate, beta, lam = settings(rule)
    random = np.random.default_rng(1)
    v, z, k = random.normal(size=10_000), random.normal(size=10_000), random.integers(0, 2 * SHOWN, 10_000)
    v[::3], k[:50] = 0, 0
    args = rate, beta, lam, v, z, k
    states, bounds = compute(open_page(), [(f"{rule}_state", args), (f"{rule}_envelope", args)])
    bounds = np.array(bounds, float)
    wanted = (momentum_power(rate, beta, lam, k, RULES[rule]) @ np.stack([v, z], -1)[..., None])[..., 0]
    norm = np.abs(wanted).max(-1, keepdims=True)  # squares would underflow
    assert (np.abs(np.array(states) - wanted) <= 1e-12 * norm + 1e-300).all()
    envelope = momentum_envelope(rate, beta, lam, v, z, k, RULES[rule])
    np.testing.assert_allclose(bounds, envelope, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("rule", RULES)
def test_states_in_the_browser_are_those_of_the_plain_iteration(open_page, rule):
    """To 1e-12 of the largest state on the way, since each step of the iteration is rounded, too."""
    rate, beta, lam = settings(rule)
    k = np.random.default_rng(1).integers(0, SHOWN + 1, len(rate))
    (states,) = compute(open_page(), [(f"{rule}_state", (rate, beta, lam, 0 * rate, 1 + 0 * rate, k))])
    v, z = np.zeros_like(rate), np.ones_like(rate)
    wanted, largest = np.stack([v, z], -1), np.ones_like(rate)
    for step in range(1, SHOWN + 1):
        g = lam * z
        v = beta * v + g
        z = z - rate * (g + beta * v if rule == "nesterov" else v)
        largest = np.where(step <= k, np.maximum(largest, np.hypot(v, z)), largest)
        wanted[k == step] = np.stack([v, z], -1)[k == step]
    assert (np.abs(np.array(states) - wanted).max(-1) <= 1e-12 * largest).all()


def test_what_else_is_computed_in_the_browser_is_as_in_numpy(open_page):
    rate, beta, lam = settings("momentum")
    low, high = np.sort([lam, lam[::-1]], axis=0)
    v, z, n = np.random.default_rng(1).normal(size=(3, len(rate)))
    critical, k = rate * lam < 3.99, np.random.default_rng(2).integers(0, SHOWN, len(rate))
    wanted = {
        "stationary_loss": ((rate, beta, lam, n**2), stationary_loss(rate, beta, lam, n**2)),
        "critical_momentum": ((rate[critical], lam[critical]), critical_momentum(rate[critical], lam[critical])),
        "best_momentum": ((low, high), np.transpose(optimal_rate_and_momentum(low, high))),
        "best_nesterov": ((low, high), np.transpose(optimal_rate_and_momentum(low, high, nesterov=True))),
        "noisy_step": ((rate, beta, lam, v, z, n), np.transpose(noisy_step(rate, beta, lam, v, z, n))),
        "previous_weight_step": ((rate, beta, lam, v, z), previous_weight_step(rate, beta, lam, v, z)),
        "kept_velocity": ((v, rate, 0.1 * rate), kept_velocity(v, rate, 0.1 * rate)),
        "early_bound": ((rate, beta, lam, v, z, k), early_bound(rate, beta, lam, v, z, k)),
        "quadratic_loss": ((lam, z), quadratic_loss(lam, z)),
        "level_radius": ((lam, n**2), level_radius(lam, n**2)),
    }
    found = compute(open_page(), [(name, args) for name, (args, _) in wanted.items()])
    for (name, (_, exact)), given in zip(wanted.items(), found, strict=True):
        given = np.array([np.inf if one is None else one for one in given], float)  # JSON has no infinity
        scale = np.linalg.norm(exact, axis=-1, keepdims=True) if exact.ndim == 2 else np.abs(exact)
        if name == "previous_weight_step":  # a sum of three
            scale = np.abs((1 - rate * lam) * z) + beta * (np.abs(z) + np.abs(v))
        with np.errstate(invalid="ignore"):
            assert ((given == exact) | (np.abs(given - exact) <= 1e-12 * scale)).all(), name


# ---- what is drawn and said ----


def states():
    """States all over the bounds, and on borders."""
    dynamics = [
        (0.3, 0.9, 20), (0.3, 0, 20), (1, 0, 20), (2, 0, 4), (2 / 1.05, 0, 20), (0.25, 0.25, 1), (2.25, 0.25, 4),
        (2.5, 0.25, 4), (2.55, 0.3, 20), (3, 0.8, 20), (3.4, 0.6, 20), (3.97, 0.99, 100), (0.01, 0.5, 3),
        (0.1, 0.95, 20), (0.05, 0.99, 7), (1, 0.4, 200), (4, 0, 1), (1.2, 0.6, 5),
        (*map(float, optimal_rate_and_momentum(1 / 50, 1)), 50), (4 / 3, 0.5, 2),
        (3.2000001, 0.6, 5), (0.5, 0.5, 1), (0.02, 0.02, 3), (2.02, 0.02, 1), (1.5, 0.05, 20),
    ]  # fmt: skip
    starts = ((-1.9, 1.3), (2, 0), (0, 0.01))
    overlays = [("none", 12), ("nesterov", 12), ("inside", 1), ("inside", 30), ("weight", 12)]
    names = ("rate", "momentum", "condition", "start", "overlay", "fall", "runs")
    parts = itertools.product(dynamics, starts, overlays, ("one", "noisy"))
    return [dict(zip(names, (*one, start, *overlay, runs), strict=True)) for one, start, overlay, runs in parts]


class Runs:
    """Runs of one rule from many states at once, as it is defined: the errors, and from where a tenth is left."""

    def __init__(self, asked, steps=SHOWN, *, nesterov=False, inside=False, noise=None):
        rate, beta, condition, fall = (
            np.array([state[name] for state in asked], float)[:, None]
            for name in ("rate", "momentum", "condition", "fall")
        )
        falls = np.array([state["overlay"] == "inside" for state in asked])[:, None]
        lam = np.hstack([1 / condition, np.ones_like(condition)])
        z = np.array([state["start"] for state in asked], float)
        v, first, self.errors, self.tenth = 0 * z, (z * z).sum(-1), [z], np.zeros(len(asked), int)
        with np.errstate(over="ignore", invalid="ignore"):
            for step in range(steps):
                now = np.where(falls & (step >= fall), 0.1 * rate, rate)
                g = lam * z + (0 if noise is None else noise[step])
                v = beta * v + (now * g if inside else g)
                change = (now * g if inside else g) + beta * v if nesterov else v
                z = z - (change if inside else now * change)
                if step < SHOWN:
                    self.errors.append(z)
                self.tenth[(z * z).sum(-1) > first / 100] = step + 2
        self.tenth[(self.tenth == 0) & (first > 0)] = 1
        self.errors = np.moveaxis(self.errors, 0, 1)
        self.lam = lam


def points(path):
    """The points of a path."""
    return np.array(re.findall(r"(-?[\d.]+),(-?[\d.]+)", path), float).reshape(-1, 2)


@pytest.fixture
def seen(open_page):
    """All states, what the exploration shows of each, and the corners of its boxes."""
    page = open_page(reduced_motion="reduce")
    show(page, "Momentum", {})
    asked = states()
    return asked, page.evaluate(LOOK, asked), page.evaluate(SCALES)


def test_paths_dots_and_envelopes_are_those_of_the_iteration(seen):
    asked, found, ((_, _, width, height), _, (left, top, wide, high)) = seen
    unit = height / 4.6
    runs = Runs(asked)
    for state, shown, errors, lam in zip(asked, found, runs.errors, runs.lam, strict=True):
        falls = state["overlay"] == "inside"
        place = np.array([width / 2, height / 2]) + unit * np.clip(errors, -50, 50) * [1, -1]
        drawn = points(shown["way"])
        inside = (np.abs(errors) < 9).all(-1)[: len(drawn)]
        assert np.abs(drawn - place[: len(drawn)])[inside].max() < 0.01, state
        out = np.flatnonzero((np.abs(place - [width / 2, height / 2]) > [width / 2 + 40, height / 2 + 40]).any(-1))
        assert len(drawn) == SHOWN + 1 or len(drawn) == out[0] + 1, state
        for part in range(2):
            with np.errstate(divide="ignore", over="ignore"):
                row = top + high * (2 - np.log10(lam[part] * errors[:, part] ** 2 / 2)) / 9
            dots, bounds = points(shown["dots"][part]), points(shown["envelopes"][part])
            np.testing.assert_allclose(dots[:, 0], left + wide * np.arange(SHOWN + 1) / SHOWN, atol=0.06)
            near = (row > top - 50) & (row < top + high)
            assert np.abs(dots[near, 1] - row[near]).max(initial=0) < 0.06, (state, part)
            if not state["start"][part]:
                assert len(bounds) == 0
                continue
            until = state["fall"] if falls else SHOWN
            row = np.clip(row, top - high, 2 * (top + high))
            assert (bounds[: until + 1, 1] <= row[: until + 1] + 0.01).all(), (state, part)
            if falls:
                assert (bounds[until + 1 :, 1] <= row[until:] + 0.01).all(), (state, part)


def test_what_is_compared_is_what_its_rule_does(seen):
    asked, found, ((_, _, width, height), _, _) = seen
    nesterov, inside = Runs(asked, nesterov=True).errors, Runs(asked, inside=True).errors
    for i, (state, shown) in enumerate(zip(asked, found, strict=True)):
        overlay, drawn = state["overlay"], points(shown["rival"])
        assert (overlay == "none") == (len(drawn) == 0)
        if overlay == "none":
            continue
        if overlay == "weight":  # the change is -rate gradient + momentum weight; the weights are 0 at the start
            start, lam = np.array(state["start"]), np.array([1 / state["condition"], 1])
            weights = [np.zeros(2)]
            for _ in range(SHOWN):
                gradient = lam * (start + weights[-1])
                weights.append(weights[-1] - state["rate"] * gradient + state["momentum"] * weights[-1])
            errors = start + np.array(weights)
        else:
            errors = (nesterov if overlay == "nesterov" else inside)[i]
        place = np.array([width / 2, height / 2]) + height / 4.6 * np.clip(errors, -50, 50) * [1, -1]
        near = (np.abs(errors) < 9).all(-1)[: len(drawn)]
        assert np.abs(drawn - place[: len(drawn)])[near].max() < 0.01, state


def test_the_noisy_run_and_its_floor_are_those_of_numpy(seen):
    asked, found, (_, _, (left, top, wide, high)) = seen
    runs = Runs(asked, noise=0.1 * np.array(Momentum()._setup["normals"]))
    for state, shown, errors, lam in zip(asked, found, runs.errors, runs.lam, strict=True):
        falls = state["overlay"] == "inside"
        drawn = points(shown["noisy"])
        assert (len(drawn) > 0) == (state["runs"] == "noisy")
        if state["runs"] == "one":
            assert shown["floor"] == "" and "noise" not in shown["says"]
            continue
        with np.errstate(divide="ignore", over="ignore"):
            row = top + high * (2 - np.log10((lam * errors**2 / 2).sum(-1))) / 9
        near = np.flatnonzero((row > top - 50) & (row < top + high + 50))
        assert np.abs(drawn[near, 1] - row[near]).max() < 0.01, state
        last = 0.1 * state["rate"] if falls else state["rate"]
        kinds = momentum_regime(last, state["momentum"], lam).tolist()
        level = float(stationary_loss(last, state["momentum"], lam, 0.01).sum())
        said = re.search(r"keeps the loss at ([^ ]+) on average", shown["says"])
        assert (said is not None) == (not {"divergent", "marginal"} & set(kinds)), state
        if said:
            assert number(said[1]) == pytest.approx(level, rel=0.05)
            y = float(re.findall(r"M[\d.]+,([-\d.]+)H", shown["floor"])[-1])
            assert y == pytest.approx(top + high * (2 - np.log10(level)) / 9, abs=0.01)


def test_the_sentence_is_true(seen):
    asked, found, _ = seen
    ideal = []
    for state in asked:
        rate, beta = map(float, optimal_rate_and_momentum(1 / state["condition"], 1))
        ideal.append({**state, "rate": rate, "momentum": beta, "overlay": "none"})
    tenths = {
        "own": Runs(asked, LONG).tenth, "inside": Runs(asked, LONG, inside=True).tenth,
        "nesterov": Runs(asked, LONG, nesterov=True).tenth,
        "best": Runs(ideal, LONG).tenth,
    }  # fmt: skip
    for i, (state, shown) in enumerate(zip(asked, found, strict=True)):
        says, lam = shown["says"].replace("\u202f", "").replace("\u00a0", " "), np.array([1 / state["condition"], 1])
        rate, beta, falls = state["rate"], state["momentum"], state["overlay"] == "inside"
        last = 0.1 * rate if falls else rate
        first, kinds = (momentum_regime(one, beta, lam)[::-1].tolist() for one in (rate, last))
        named = [first, kinds] if falls and first != kinds else [kinds]
        assert shown["chips"] == [kind for pair in named for kind in dict.fromkeys(pair)], state

        grows = re.search(r"(?:error in the (\w+) direction grows|in both directions grow alike,) ([\d.]+)-fold", says)
        assert (grows is not None) == ("divergent" in kinds), state
        if grows:
            assert (grows[1] is None) == (state["condition"] == 1), says
            factor = convergence_rate(last, beta, lam[["flat", "steep"].index(grows[1] or "steep")])
            assert number(grows[2]) == pytest.approx(float(factor), rel=0.005)
            compared = re.search(r"= ([\d.]+) is (?:just )?above 2 \+ 2\u03b2 = ([\d.]+)\.", says)
            product, border = map(number, compared.groups())
            assert product >= border == pytest.approx(2 + 2 * beta, abs=1e-4)
            assert ("just above" in says) == (product == border)
        marginal = "divergent" not in kinds and "marginal" in kinds
        assert ("is exactly 2 + 2\u03b2" in says) == marginal, state

        steps = re.search(r"After (\d+) steps?( \(beyond the picture\))? the distance to the minimum stays", says)
        assert (steps is None) == bool({"divergent", "marginal"} & set(kinds)), state
        said = {
            "own": steps, "best": re.search(r"long-run best \(\u2605\), after (\d+)( \(beyond the picture\))?", says),
            "inside": re.search(r"old speed lasts, after (\d+)( \(beyond the picture\))?", says),
            "nesterov": re.search(r"ahead, (?:the[\w ]+ )?after (\d+)(?: steps?)?( \(beyond the picture\))?", says),
        }  # fmt: skip
        for name, match in said.items():
            assert match is None or int(match[1]) == tenths[name][i] < LONG, (name, state, says)
            assert match is None or (match[2] is not None) == (int(match[1]) > SHOWN), (name, says)
        assert (said["inside"] is not None) == falls
        if state["overlay"] == "nesterov":
            check_nesterov(state, says, lam, said["nesterov"])
        if state["overlay"] == "weight":
            runs_away = beta > 0 and np.abs(1 - rate * lam + beta).max() > 1
            assert ("changes nothing" in says) == (beta == 0) and ("runs away" in says) == runs_away, state
        check_growth(state, says, lam, kinds)


def check_nesterov(state, says, lam, took):
    """What it says of Nesterov's rule."""
    kinds = momentum_regime(state["rate"], state["momentum"], lam, nesterov=True).tolist()
    grows = re.search(r"Nesterov\u2019s (\w+) error grows ([\d.]+)-fold a step", says)
    assert (grows is not None) == ("divergent" in kinds), state
    assert (took is None) == bool({"divergent", "marginal"} & set(kinds)), state
    if grows:
        curvature = lam[["flat", "steep"].index(grows[1])]
        factor = convergence_rate(state["rate"], state["momentum"], curvature, nesterov=True)
        assert number(grows[2]) == pytest.approx(float(factor), rel=0.005)


def check_growth(state, says, lam, kinds):
    """What it says of growth on the way."""
    said = dict(re.findall(r"At first the (\w+) error grows to ([\d.]+) times", says))
    quiet = state["overlay"] == "inside" or {"divergent", "marginal"} & set(kinds)
    for name, one, start in zip(("flat", "steep"), lam, state["start"], strict=True):
        growth = 1 if quiet or not start else float(transient_growth(state["rate"], state["momentum"], one))
        assert number(said.get(name, "1")) == pytest.approx(growth, abs=0.006), state


# ---- hands ----


def test_the_disc_sets_rate_and_momentum(open_page):
    page = open_page()
    root = show(page, "Momentum", {})
    disc = root.get_by_role("slider", name="Rate and momentum")
    disc.focus()
    for key, name, expected in (
        ("ArrowRight", "rate", 0.31), ("ArrowUp", "momentum", 0.91), ("Shift+ArrowDown", "momentum", 0.81),
        ("PageUp", "momentum", 0.91), ("Home", "rate", 0.01), ("End", "rate", 4),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert get(page, name) == pytest.approx(expected), key
        page.evaluate("frame()")
        assert value(disc) == pytest.approx(expected), "what the key has moved is what is spoken"
        assert disc.get_attribute("aria-orientation") == ("horizontal" if name == "rate" else "vertical")
    assert "rate 4, momentum 0.91; steep divergent, flat ripples" == disc.get_attribute("aria-valuetext")
    box = root.locator(".nn-map-panel .nn-surface").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    assert get(page, "rate") == pytest.approx(1, abs=0.02) and get(page, "momentum") == pytest.approx(0.75, abs=0.01)


def test_a_finger_drags_the_start_and_the_disc(open_page):
    page = open_page(390, has_touch=True)
    root = show(page, "Momentum", {})
    before = page.evaluate("[...model.get('start'), model.get('rate'), model.get('momentum')]")
    for name in ("Start", "Rate and momentum"):
        knob = root.get_by_role("slider", name=name).locator(".nn-knob")
        knob.scroll_into_view_if_needed()
        x, y = centre(knob)
        finger(page, [(x + 6 * i, y + 6 * i) for i in range(9)])
    (x, y), rate, momentum = (get(page, name) for name in ("start", "rate", "momentum"))
    assert x > before[0] + 0.5 and y < before[1] - 0.5 and rate > before[2] + 0.2 and momentum < before[3] - 0.1


def test_the_step_at_which_the_rate_falls_is_dragged_in_whole_steps(open_page):
    page = open_page()
    root = show(page, "Momentum", {"rate": 0.1, "momentum": 0.95})
    assert root.get_by_role("slider", name="Step at which").count() == 0
    root.get_by_label("a falling rate").check()
    page.evaluate("frame()")
    step = root.get_by_role("slider", name="Step at which the rate falls")
    step.scroll_into_view_if_needed()
    x, y = centre(step.locator(".nn-knob"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 101, y, steps=5)
    page.mouse.up()
    assert get(page, "fall") == round(get(page, "fall")) > 20
    step.focus()
    for key, expected in (("Home", 1), ("ArrowRight", 2), ("Shift+ArrowRight", 12), ("End", 99)):
        page.keyboard.press(key)
        page.evaluate("frame()")
        assert value(step) == expected
    root.get_by_label("with noise").check()
    root.get_by_role("slider", name="Noise").focus()
    page.keyboard.press("End")
    assert get(page, "noise") == 1


def test_nesterov_has_borders_of_its_own_on_the_map(open_page):
    page = open_page()
    root = show(page, "Momentum", {"overlay": "nesterov"})
    left, top, wide, high = page.evaluate(SCALES)[1]
    drawn = points(root.locator(".nn-border").get_attribute("d")).reshape(3, -1, 2)
    beta = (top + high - drawn[0, :, 1]) / high
    assert beta[0] == 0 and beta[-1] == 1
    borders = np.array(momentum_borders(beta[:-1], nesterov=True))
    np.testing.assert_allclose(drawn[:, :-1, 0], left + wide * np.sqrt(borders / 4), atol=0.01)
    page.evaluate("model.set('overlay', 'none')")
    page.evaluate("frame()")
    assert root.locator(".nn-border").get_attribute("display") == "none"


def test_regimes_are_tinted_up_to_their_borders(open_page):
    page = open_page()
    root = show(page, "Momentum", {})
    left, top, wide, high = page.evaluate(SCALES)[1]
    for i, name in enumerate(("monotone", "ripples", "oscillating")):
        right = points(root.locator(f".nn-region.r-{name}").get_attribute("d"))
        beta = np.clip((top + high - right[:, 1]) / high, 0, 0.9999999)
        exact = np.array([0 * beta, *momentum_borders(beta)])
        edges = left + wide * np.sqrt(exact / 4)
        assert (np.abs(right[:, 0] - edges[i : i + 2]).min(0) < 0.05).all()
        assert (np.abs(right[:, 0] - edges[i + 1]).min() < 0.05) and len(right) > 100


def test_presets_are_what_they_are_called(open_page):
    page = open_page(reduced_motion="reduce")
    root = show(page, "Momentum", {})
    for label, said in {
        "the delta rule alone": "Without momentum both directions are monotone",
        "+ the previous weight": "the flat direction runs away",
        "best plain rate": "the steep direction oscillates, the flat one is monotone",
        "best rate and momentum": "both directions are critical",
        "oscillating": "the steep direction oscillates",
        "first it grows": "At first the steep error grows to 2.00 times",
        "divergent": "direction diverges",
        "falling rate": "Until step 12 (dots on the map) both directions ripple; then, at a tenth of the rate",
        "noise floor": "keeps the loss at",
    }.items():
        root.get_by_role("button", name=label, exact=True).click()
        page.evaluate("frame()")
        assert said.lower() in root.locator(".nn-says").inner_text().lower(), label
        assert root.locator("[aria-pressed=true]").all_inner_texts() == [label]
