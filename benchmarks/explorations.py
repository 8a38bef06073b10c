"""Milliseconds from pointer event to painted frame, in JupyterLab: python benchmarks/explorations.py [ROUNDS [SECONDS]]

Each exploration is dragged without a pause, at 60 events a second. Beside it Matplotlib draws the figure that the
notebook opens with, by `interact`, for one key after another: in a drag its requests would queue up. What else the
machine does only adds to the waits, so that the calmest of several rounds is given as well.
"""
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from conftest import PANEL, run_all, started_browser, started_lab  # noqa: E402
from test_explore_lab import in_view, run_cell  # noqa: E402

FRAME = 1000 / 60
DRAGS = {  # what is dragged, how far to both sides in pixels, in which notebook, below which code
    "saturation: input": ("Input x", 150, "saturation", "neuron = Saturation()"),
    "gradcheck: step": ("Step h", 150, "gradcheck", "slope = GradCheck()"),
    "gradcheck: point": ("Point x", 60, "gradcheck", "slope = GradCheck()"),
    "momentum: rate and momentum": ("Rate and momentum", 60, "momentum", "valley = Momentum()"),
    "momentum: start": ("Start", 60, "momentum", "valley = Momentum()"),
    "infogain: prediction": ("Prediction", 100, "infogain", "asked = Infogain()"),
    "infogain: entry of the matrix": ("Row cat, column dog", 40, "infogain", "asked = Infogain()"),
}
WATCH = """(root) => {
  const seen = (window.seen = { waits: [], idle: 0, on: false });
  let changed = false;
  let asked = [];
  new MutationObserver(() => (changed = true)).observe(root, { attributes: true, childList: true, subtree: true });
  const painted = new MessageChannel(); // a message that is sent in a frame arrives when the frame is painted
  painted.port1.onmessage = () => {
    const now = performance.now();
    if (changed) seen.waits.push(...asked.map((then) => now - then));
    else seen.idle += asked.length;
    asked = [];
    changed = false;
  };
  document.addEventListener("pointermove", (event) => {
    if (!seen.on) return;
    if (!asked.length) requestAnimationFrame(() => painted.port2.postMessage(0));
    asked.push(event.timeStamp);
  }, true);
}"""
NEXT_PICTURE = """(root) => new Promise((done) => {
  let start = 0;
  const old = root.querySelector("img").src;
  const painted = new MessageChannel();
  painted.port1.onmessage = () => done(performance.now() - start);
  const inFrame = () => requestAnimationFrame(() => painted.port2.postMessage(0));
  const observer = new MutationObserver(() => {
    const picture = root.querySelector("img");
    if (!start || !picture || picture.src === old) return;
    observer.disconnect();
    picture.decode().then(inFrame);
  });
  observer.observe(root, { attributes: true, childList: true, subtree: true });
  document.addEventListener("keydown", (event) => (start = event.timeStamp), { capture: true, once: true });
})"""
INTERACT = """from ipywidgets import FloatSlider, interact
interact(lambda x: draw(x, 1, 1, 1), x=FloatSlider(-4, min=-6, max=6, step=0.1));"""


def dragged(page, view, name, reach, seconds):
    """The wait of every event while a handle is dragged to and fro."""
    handle = view.locator(f"[role=slider][aria-label='{name}']")
    handle.scroll_into_view_if_needed()
    box = (handle.locator(".nn-knob") if handle.locator(".nn-knob").count() else handle).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y)
    page.evaluate("Object.assign(seen, { on: true, waits: [] })")
    start = time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        page.mouse.move(x + reach * math.sin(3 * passed), y)
        time.sleep(max(0, math.ceil(60 * passed) / 60 - (time.perf_counter() - start)))
    page.mouse.move(x, y)
    page.wait_for_timeout(100)
    page.mouse.up()
    return page.evaluate("(seen.on = false, seen.waits)")


def drawn_by_matplotlib(page, presses):
    """The wait from a key on a slider to the picture that Matplotlib draws for it."""
    run_cell(page, INTERACT)
    cell = page.locator(f"{PANEL} .jp-Notebook .jp-Cell", has_text="interact(lambda").last
    cell.locator("img").wait_for()
    cell.locator(".noUi-handle").focus()
    waits = []
    for _ in range(presses):
        page.wait_for_timeout(150)
        wait = cell.locator(".jp-Cell-outputArea").evaluate_handle(f"root => ({{ wait: ({NEXT_PICTURE})(root) }})")
        page.keyboard.press("ArrowRight")
        waits.append(wait.evaluate("held => held.wait"))
    return waits


def measure(page, lab, rounds, seconds):
    """The waits of each round, by what was done."""
    waits, opened = {}, None
    for what, (name, reach, notebook, code) in DRAGS.items():
        if notebook != opened:
            run_all(page, lab, f"explore/{notebook}")
            in_view(page, code).locator(".nnotes").evaluate(WATCH)
            opened = notebook
        waits[what] = [dragged(page, in_view(page, code), name, reach, seconds) for _ in range(rounds)]
        if notebook == "saturation":
            drawn = drawn_by_matplotlib(page, 40)
            waits["interact and Matplotlib, one key"] = [drawn[i : i + 8] for i in range(0, 40, 8)]
    return waits


def main(rounds=5, seconds=3):
    with tempfile.TemporaryDirectory() as folder, started_lab(Path(folder)) as lab, started_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1200})
        waits = measure(page, lab, int(rounds), float(seconds))
    print(f"{'':34}{'events':>7}{'median':>9}{'p90':>9}{'calmest round:':>18}{'median':>9}{'p90':>9}   ms")
    for what, found in waits.items():
        every, calmest = sum(found, []), min(found, key=statistics.median)
        figures = [f"{one:9.1f}" for part in (every, calmest) for one in (statistics.median(part), p90(part))]
        print(f"{what:34}{len(every):7}{''.join(figures[:2])}{'':18}{''.join(figures[2:])}")
    slowest = max(min(map(statistics.median, waits[what])) for what in DRAGS)
    print(f"the slowest exploration, calmest round: {slowest:.1f} ms (at most one frame of 60 Hz, {FRAME:.1f})")


def p90(values):
    """Nine in ten are below."""
    return statistics.quantiles(values, n=10)[-1]


if __name__ == "__main__":
    main(*sys.argv[1:])
