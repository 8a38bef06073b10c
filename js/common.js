// What explorations share. Scales, axes and shapes are d3's; here is what d3 does not have: handles that also obey
// the keyboard, one draw per frame, labels that keep clear of each other, the printed formulas, a spoken sentence.
import { select } from "d3-selection";

// ---- the formulas, printed by SymPy, arrive as text in a trait ----

const modules = new Map();

/** The module in the trait `_formulas`; the same text gives the same module. */
export function formulas(model) {
  const text = model.get("_formulas");
  if (!modules.has(text)) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    modules.set(text, import(url).finally(() => URL.revokeObjectURL(url)));
  }
  return modules.get(text);
}

// ---- time: at most one draw per frame; movement only for those who want it ----

/** A function that asks for `draw` in the next frame, once, however often it is called. */
export function perFrame(draw) {
  let frame = 0;
  const ask = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      draw();
    });
  };
  ask.cancel = () => {
    cancelAnimationFrame(frame);
    frame = 0;
  };
  return ask;
}

const TELL = 80; // milliseconds
const untold = new WeakMap(); // model: what will tell the kernel

/** Set several traits. Views follow at once; the kernel is told a little later, and once: it would cost the next frame. */
export function put(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  if (untold.has(model)) return;
  untold.set(model, setTimeout(() => tell(model), TELL));
}

/** Tell the kernel now what it has not been told. */
function tell(model) {
  if (!untold.has(model)) return;
  clearTimeout(untold.get(model));
  untold.delete(model);
  model.save_changes();
}

const TWEEN = 350; // milliseconds
const still = matchMedia("(prefers-reduced-motion: reduce)");
const gestures = new WeakMap(); // model: number of its last gesture

/** A gesture begins: whatever moves by itself stops. */
export function grab(model) {
  const gesture = (gestures.get(model) ?? 0) + 1;
  gestures.set(model, gesture);
  return gesture;
}

const between = (from, to, part) =>
  Array.isArray(from) ? from.map((value, i) => between(value, to[i], part)) : from + part * (to - from);

/** Move numbers, and arrays of numbers, to where they should be; other values jump. */
export function glide(model, target) {
  const gesture = grab(model);
  if (still.matches) return put(model, target);
  const moves = (value) => typeof value === "number" || Array.isArray(value);
  const from = Object.fromEntries(Object.keys(target).map((name) => [name, model.get(name)]));
  let start = null;
  const step = (now) => {
    if (gestures.get(model) !== gesture) return;
    start ??= now;
    const part = Math.min(1, (now - start) / TWEEN);
    const eased = part * part * (3 - 2 * part);
    const at = (name, to) => (part < 1 && moves(to) ? between(from[name], to, eased) : to);
    put(model, Object.fromEntries(Object.entries(target).map(([name, to]) => [name, at(name, to)])));
    if (part < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

/** Run `act` when nothing has called for `pause` milliseconds. */
export function debounce(act, pause) {
  let timer = 0;
  const ask = () => {
    clearTimeout(timer);
    timer = setTimeout(act, pause);
  };
  ask.cancel = () => clearTimeout(timer);
  return ask;
}

// ---- numbers as text ----

export const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));
const minus = (text) => text.replace("-", "\u2212");
const raised = (text) => [...text].map((c) => (c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c])).join("");

/** A number for reading: two decimals, two digits where it is small, a power of ten where it is huge or tiny. */
export function num(value, digits = 2) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "undefined" : value > 0 ? "\u221e" : "\u2212\u221e";
  const size = Math.abs(value);
  if (size >= 99999.5 || (size > 0 && size < 9.5e-5)) {
    const [mantissa, exponent] = value.toExponential(1).split("e");
    return `${minus(mantissa)}\u00b710${raised(String(Number(exponent)))}`;
  }
  if (size >= 999.5) return minus(String(Math.round(value))).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const decimals = size >= 99.5 ? 0 : size === 0 || size >= 0.0995 ? digits : 1 - Math.floor(Math.log10(size * 1.005));
  const text = value.toFixed(Math.max(digits * (size < 99.5), decimals));
  return minus(Number(text) === 0 ? text.replace("-", "") : text);
}

/** A number that comes close to a limit, with as many decimals as it takes to tell the two apart (six at most). */
export function near(value, limit) {
  const gap = Math.abs(Math.abs(value) - limit);
  return minus(value.toFixed(gap > 0 ? Math.min(6, Math.max(2, Math.ceil(-Math.log10(gap)))) : 2));
}

/** A number without zeros at its end, for parameters: 1, 0.9, 1.7159. */
export const short = (value, digits = 4) => minus(String(Number(value.toFixed(digits)) + 0));

export const percent = (part) => (part > 0 && part < 0.005 ? "under 1\u00a0%" : `${Math.round(100 * part)}\u00a0%`);

// ---- handles ----

const KNOBS = { round: "M-7,0a7,7 0 1,0 14,0a7,7 0 1,0 -14,0", tall: "M0,-9L7,0L0,9L-7,0Z", flat: "M-9,0L0,-7L9,0L0,7Z" };

/** What an arrow key (or Page Up, Home, ...) makes of `value`; undefined for other keys. Shift is coarse. */
export function keyed(event, value, { low, high, step, coarse = 10 * step }) {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const by = event.shiftKey ? coarse : step;
  const moved = {
    ArrowRight: value + by, ArrowUp: value + by, ArrowLeft: value - by, ArrowDown: value - by,
    PageUp: value + coarse, PageDown: value - coarse, Home: low, End: high,
  }[event.key]; // prettier-ignore
  if (moved === undefined) return undefined;
  event.preventDefault();
  return clamp(Number(moved.toPrecision(12)), [low, high]);
}

/**
 * A knob on a picture that can be dragged and focused: an SVG group with the role of a slider.
 * `at()` gives its place in pixels; `drag({x, y})` takes a place; `key(event)` takes a key; `aria()` gives the
 * slider's `{min, max, now, text}`. `plane` is the element whose coordinates count.
 */
export function handle(model, parent, { label, className = "", knob = "round", axis = "x", at, drag, key, aria, plane }) {
  const group = parent.append("g").attr("class", `nn-handle ${className}`);
  group.attr("tabindex", 0).attr("role", "slider").attr("aria-label", label);
  group.attr("aria-orientation", axis === "y" ? "vertical" : "horizontal");
  group.append("circle").attr("class", "nn-hit").attr("r", 22);
  group.append("circle").attr("class", "nn-ring").attr("r", 13);
  group.append("path").attr("class", "nn-knob").attr("d", KNOBS[knob]);
  const node = group.node();
  let offset = null; // where the knob is, seen from the pointer: no jump when it is grabbed off its centre
  const place = (event) => {
    const matrix = (plane ?? parent.node()).getScreenCTM().inverse();
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
  };
  const start = (event, from) => {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    const pointer = place(event);
    offset = { x: from ? from.x - pointer.x : 0, y: from ? from.y - pointer.y : 0 };
    node.focus({ preventScroll: true, focusVisible: false });
    node.setPointerCapture(event.pointerId);
    group.classed("nn-grabbed", true);
    grab(model);
    if (!from) drag(pointer);
  };
  const drop = () => {
    offset = null;
    group.classed("nn-grabbed", false);
  };
  node.addEventListener("pointerdown", (event) => start(event, at()));
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false }); // else the page may scroll
  node.addEventListener("pointermove", (event) => {
    if (!offset) return;
    const pointer = place(event);
    drag({ x: pointer.x + offset.x, y: pointer.y + offset.y });
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) node.addEventListener(end, drop);
  node.addEventListener("keydown", (event) => {
    if (key(event)) grab(model);
  });
  return {
    group,
    /** The knob comes to a pointer that goes down elsewhere, on `surface`; a finger there scrolls the page instead. */
    comes(surface) {
      surface.addEventListener("pointerdown", (event) => event.pointerType !== "touch" && start(event, null));
    },
    draw() {
      const { x, y } = at();
      const { min, max, now, text } = aria();
      group.attr("transform", `translate(${x},${y})`).attr("aria-valuemin", min).attr("aria-valuemax", max);
      group.attr("aria-valuenow", Number(now.toPrecision(6))).attr("aria-valuetext", text);
    },
  };
}

// ---- labels ----

const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

/** The width of a text in pixels. */
export function textWidth(text, font) {
  const key = font + text;
  if (!widths.has(key)) {
    if (widths.size > 4000) widths.clear();
    ruler.font = font;
    widths.set(key, ruler.measureText(text).width);
  }
  return widths.get(key);
}

/** Boxes around the pieces of a line through these points, for labels to keep clear of. */
export function along(points, pad = 3) {
  return points.slice(1).map(([x1, y1], i) => {
    const [x0, y0] = points[i];
    return { x0: Math.min(x0, x1) - pad, x1: Math.max(x0, x1) + pad, y0: Math.min(y0, y1) - pad, y1: Math.max(y0, y1) + pad };
  });
}

const apart = (p, q) => p.x1 < q.x0 || q.x1 < p.x0 || p.y1 < q.y0 || q.y1 < p.y0;

/** Labels of one picture. Each takes the first of its places that is inside and free; without one it stays away. */
export function labels(parent, bounds) {
  let taken = [];
  let font = "";
  return {
    /** Begin a frame; `obstacles` are boxes {x0, y0, x1, y1} that labels keep clear of. */
    clear(obstacles = []) {
      font ||= `12.5px ${getComputedStyle(parent.node()).fontFamily}`;
      taken = [...obstacles];
    },
    /** Put `text` at the first fitting of `places`, [x, y, anchor]; x, y is the middle of its end, or of the text. */
    put(node, text, places) {
      const width = textWidth(text, font) + 2;
      for (const [x, y, anchor = "start"] of text ? places : []) {
        const x0 = anchor === "start" ? x : anchor === "end" ? x - width : x - width / 2;
        const box = { x0, x1: x0 + width, y0: y - 8, y1: y + 8 };
        const inside = box.x0 >= bounds.x0 && box.x1 <= bounds.x1 && box.y0 >= bounds.y0 && box.y1 <= bounds.y1;
        if (!inside || !taken.every((other) => apart(box, other))) continue;
        taken.push(box);
        node.attr("display", null).attr("x", x).attr("y", y + 4).attr("text-anchor", anchor).text(text);
        return true;
      }
      node.attr("display", "none").text("");
      return false;
    },
    bounds,
  };
}

/** The path of an arrow from one point to another, with a head that shrinks with it; null for no length. */
export function arrow(x0, y0, x1, y1, size = 9) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (!(length > 0.5)) return null;
  const head = Math.min(size, 0.7 * length);
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const wing = (side) => `${x1 - head * (ux + 0.6 * side * uy)},${y1 - head * (uy - 0.6 * side * ux)}`;
  return `M${x0},${y0}L${x1},${y1}M${wing(1)}L${x1},${y1}L${wing(-1)}`;
}

// ---- words and controls ----

/** A paragraph with coloured numbers, and a silent one that is spoken 600 ms after the last change. */
export function sentence(parent) {
  const shown = select(parent).append("p").attr("class", "nn-says");
  const spoken = select(parent).append("p").attr("class", "nn-hidden").attr("aria-live", "polite");
  const speak = debounce(() => spoken.text(shown.node().textContent), 600);
  let last = null;
  return (html) => {
    if (html === last) return;
    if (last !== null) speak();
    last = html;
    shown.html(html); // numbers and words of ours, nothing that a reader typed
  };
}

/** A group of buttons of which those are pressed that `pressed(item)` says. Returns its redraw. */
export function buttons(parent, title, items, act, pressed) {
  const group = select(parent).append("div").attr("class", "nn-row").attr("role", "group").attr("aria-label", title);
  group.append("span").attr("class", "nn-title").attr("aria-hidden", "true").text(title);
  const each = group.selectAll("button").data(items).join("button").attr("type", "button");
  each.text((item) => item.label).on("click", (_, item) => act(item));
  return () => each.attr("aria-pressed", (item) => String(pressed(item)));
}

/** One choice of several, as radio buttons; `act(item)` if it does more than set its trait. Returns its redraw. */
export function choice(parent, model, trait, title, items, act = (item) => put(model, { [trait]: item.value })) {
  const name = `${trait}-${Math.random().toString(36).slice(2)}`;
  const group = select(parent).append("div").attr("class", "nn-choice").attr("role", "radiogroup").attr("aria-label", title);
  group.append("span").attr("class", "nn-title").attr("aria-hidden", "true").text(title);
  const each = group.selectAll("label").data(items).join("label");
  const inputs = each.append("input").attr("type", "radio").attr("name", name).attr("value", (item) => item.value);
  each.append("span").attr("class", (item) => `nn-swatch ${item.className ?? ""}`);
  each.append("span").html((item) => item.label);
  inputs.on("change", (_, item) => {
    grab(model);
    act(item);
  });
  return () => inputs.property("checked", (item) => model.get(trait) === item.value);
}

/**
 * A bar that can be dragged and focused, of the role of a slider. `get()` and `set(value)` deal with its value in
 * `range`, `text()` puts it in words, `mark()` is a second value to show. Returns its node and its redraw.
 */
export function bar(model, parent, { label, className = "", range, step, get, set, text, mark }) {
  const track = select(parent).append("div").attr("class", `nn-track ${className}`);
  track.attr("tabindex", 0).attr("role", "slider").attr("aria-label", label);
  track.attr("aria-valuemin", range[0]).attr("aria-valuemax", range[1]);
  const fill = track.append("i").attr("class", "nn-filled");
  const other = mark ? track.append("i").attr("class", "nn-mark") : null;
  const node = track.node();
  const part = (value) => `${(100 * (clamp(value, range) - range[0])) / (range[1] - range[0])}%`;
  let offset = null; // the pointer's place less the value's: no jump when it goes down
  const at = (event) => {
    const box = node.getBoundingClientRect();
    return range[0] + ((event.clientX - box.left) / box.width) * (range[1] - range[0]);
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    offset = at(event) - get();
    node.focus({ preventScroll: true, focusVisible: false });
    node.setPointerCapture(event.pointerId);
    grab(model);
  });
  node.addEventListener("pointermove", (event) => offset !== null && set(clamp(at(event) - offset, range)));
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) node.addEventListener(end, () => (offset = null));
  node.addEventListener("keydown", (event) => {
    const to = keyed(event, get(), { low: range[0], high: range[1], step });
    if (to === undefined) return;
    grab(model);
    set(to);
  });
  return {
    track,
    draw() {
      fill.style("width", part(get()));
      other?.style("left", part(mark())).style("display", Number.isFinite(mark()) ? null : "none");
      track.attr("aria-valuenow", Number(get().toPrecision(6))).attr("aria-valuetext", text());
    },
  };
}

/** Whether the model's traits have these values, numbers to within rounding. */
export function has(model, values) {
  const same = (p, q) =>
    Array.isArray(p) ? p.length === q.length && p.every((value, i) => same(value, q[i]))
      : typeof p === "number" ? Math.abs(p - q) < 1e-9 : p === q; // prettier-ignore
  return Object.entries(values).every(([name, value]) => same(value, model.get(name)));
}

// ---- a view ----

const passed = (event) => event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape"
  || (event.key === "Enter" && event.shiftKey); // prettier-ignore

/** One view: its root, which redraws when the model or the width changes, and its end. */
export function mount({ model, el, className, label, build }) {
  const root = select(el).append("div").attr("class", `nnotes ${className}`).attr("role", "group").attr("aria-label", label);
  // JupyterLab's command mode takes plain keys from inside an output: letters would insert, cut and delete cells
  root.on("keydown", (event) => passed(event) || event.stopPropagation());
  const view = build(root);
  let width = 0;
  const ask = perFrame(() => {
    const now = root.node().clientWidth;
    if (!now) return; // not on the page
    view.draw(now, now !== width);
    width = now;
  });
  const sizes = new ResizeObserver(() => root.node().clientWidth !== width && ask());
  sizes.observe(root.node());
  model.on("change", ask);
  ask();
  return () => {
    sizes.disconnect();
    model.off("change", ask);
    ask.cancel();
    tell(model);
    view.end?.();
    root.remove();
  };
}
