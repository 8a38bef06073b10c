// What explorations share. Scales, axes and shapes are d3's; here is what d3 does not have: handles that also obey
// the keyboard, parameters that are set at once and glide on the picture, labels that keep clear of each other, one draw per
// frame, a spoken sentence. "How to write a new exploration" in nbs/81_widgets.ipynb says how to use it.
import { select } from "d3-selection";

// ---- the parameters: what is set, what is drawn, what the kernel knows ----

const TELL = 80; // milliseconds
const TWEEN = 350; // milliseconds
const ASK = 250; // milliseconds
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** A name that no other element of the page has, whatever other copies of this file are on it. */
const unique = (name) => `nn-${name}-${Math.random().toString(36).slice(2)}`;

const between = (from, to, part) =>
  Array.isArray(to) ? to.map((value, i) => between(from[i], value, part)) : from + part * (to - from);

/** Whether two values are the same, numbers to within rounding. */
const same = (p, q) =>
  Array.isArray(p) ? Array.isArray(q) && p.length === q.length && p.every((value, i) => same(value, q[i]))
    : typeof p === "number" ? Math.abs(p - q) < 1e-9 : p === q; // prettier-ignore

/**
 * The parameters of one model, which all of its views share. A hand sets them at once, so that whatever reads them
 * reads what was meant; only the picture glides there. The model, and with it the kernel and what is linked, is told a
 * little later, and once for many changes, since telling it costs the next frame. What it says in the meantime is older
 * than what the hand has set, and does not count until the hand lets go.
 */
function parameters(model) {
  const mine = new Map(); // what a hand has set and the model need not know yet
  const flights = new Map(); // name: {from, to, start}, while the picture glides
  const questions = new Map(); // kind: {about, id, send, answer, fresh}
  const views = new Map(); // root: its redraw
  let [holder, before] = [null, null]; // the handle that is held, and what was set when it was seized
  let [timer, time, asked] = [0, 0, 0];

  const get = (name) => (mine.has(name) ? mine.get(name) : model.get(name));
  const redraw = () => views.forEach((ask) => ask());

  function set(values) {
    for (const [name, value] of Object.entries(values)) {
      if (before && !before.has(name)) before.set(name, get(name));
      mine.set(name, value);
    }
    timer ||= setTimeout(tell, TELL);
    redraw();
  }

  /** Tell the model and the kernel now. Both in one go: the kernel's echo of an older value is then known to be one. */
  function tell() {
    clearTimeout(timer);
    timer = 0;
    for (const [name, value] of mine) model.set(name, value);
    model.save_changes();
    if (!holder) mine.clear();
  }

  /** What the picture shows of a parameter: the way to what is set. */
  function see(name) {
    const { from, to, start } = flights.get(name) ?? {};
    if (from === undefined) return get(name);
    const part = clamp((time - (start ?? time)) / TWEEN, [0, 1]);
    return between(from, to, part * part * (3 - 2 * part));
  }

  function release(node, back = false) {
    if (holder !== node) return;
    if (back && before.size) set(Object.fromEntries(before));
    [holder, before] = [null, null];
    if (mine.size) tell();
  }

  function question(kind) {
    const send = debounce(() => {
      try {
        model.send({ kind, id: questions.get(kind).id });
      } catch {
        // no kernel here, no answer
      }
    }, ASK);
    return { send, fresh: false };
  }
  const answered = ({ kind, id, ...answer }) => {
    if (questions.get(kind)?.id !== id) return;
    Object.assign(questions.get(kind), { answer, fresh: true });
    redraw();
  };
  model.on("change", redraw);
  model.on("msg:custom", answered);

  return {
    get, set, see,
    has: (values) => Object.entries(values).every(([name, value]) => same(value, get(name))),

    /** Set parameters; numbers, and arrays of numbers, glide on the picture to where they are. */
    glide(values) {
      const moving = Object.keys(values).filter((name) => typeof values[name] === "number" || Array.isArray(values[name]));
      const from = new Map(moving.map((name) => [name, see(name)]));
      set(values);
      if (still.matches) return;
      for (const name of moving) flights.set(name, { from: from.get(name), to: values[name], start: null });
    },

    /** A frame begins. Returns whether something still glides; a parameter that was set anew meanwhile stops gliding. */
    frame(now) {
      time = now;
      for (const [name, flight] of flights) {
        flight.start ??= now;
        if (now - flight.start >= TWEEN || !same(flight.to, get(name))) flights.delete(name);
      }
      return flights.size > 0;
    },

    /** A handle is seized: what moves by itself stops, and only the hand counts until `release`. */
    hold(node) {
      flights.clear();
      [holder, before] = [node, new Map()];
    },

    /** The hand lets go. With `back` the gesture came to nothing, and everything returns to what it was. */
    release,

    /** What the kernel last answered to a question of this kind, asked once for all views: {answer, fresh}. */
    ask(kind, about) {
      if (!questions.has(kind)) questions.set(kind, question(kind));
      const found = questions.get(kind);
      if (found.about !== about) {
        Object.assign(found, { about, id: (asked += 1), fresh: false });
        found.send();
      }
      return found;
    },

    /** Of several views only one speaks: where the focus is, else the first that is on the page. */
    speaks(root) {
      const seen = [...views.keys()].filter((one) => one.clientWidth);
      return root === (seen.find((one) => one.contains(document.activeElement)) ?? seen[0]);
    },

    join: (root, draw) => views.set(root, draw),
    leave(root) {
      views.delete(root);
      if (root.contains(holder)) release(holder);
      if (timer) tell();
    },
    end() {
      for (const { send } of questions.values()) send.cancel();
      clearTimeout(timer);
      model.off("change", redraw);
      model.off("msg:custom", answered);
    },
  }; // prettier-ignore
}

// ---- time ----

/** A function that asks for `draw` in the next frame, once, however often it is called. */
function perFrame(draw) {
  let frame = 0;
  const ask = () => {
    frame ||= requestAnimationFrame((now) => {
      frame = 0;
      draw(now);
    });
  };
  ask.cancel = () => {
    cancelAnimationFrame(frame);
    frame = 0;
  };
  return ask;
}

/** Run `act` when nothing has called for `pause` milliseconds. */
function debounce(act, pause) {
  let timer = 0;
  const ask = (...words) => {
    clearTimeout(timer);
    timer = setTimeout(act, pause, ...words);
  };
  ask.cancel = () => clearTimeout(timer);
  return ask;
}

// ---- numbers as text ----

export const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));
const minus = (text) => text.replace("-", "\u2212");
const raised = (text) => [...text].map((c) => (c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c])).join("");

/** A power of ten. */
export const power = (exponent) => `10${raised(String(exponent))}`;

/** A number for reading: two decimals, two digits where it is small, a power of ten where it is huge or tiny. */
export function num(value, digits = 2) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "undefined" : value > 0 ? "\u221e" : "\u2212\u221e";
  const size = Math.abs(value);
  if (size >= 99999.5 || (size > 0 && size < 9.5e-5)) {
    const [mantissa, exponent] = value.toExponential(1).split("e");
    return `${minus(mantissa)}\u00b7${power(Number(exponent))}`;
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

export const percent = (part, tiny = "under 1\u00a0%") => (part > 0 && part < 0.005 ? tiny : `${Math.round(100 * part)}\u00a0%`);

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
 * `at()` gives its place in pixels; `drag({x, y})` takes a place; `key(event)` takes a key, and says whether it did;
 * `aria()` gives the slider's `{min, max, now, text}`, and `axis` where it has two.
 */
export function handle(view, parent, { label, className = "", knob = "round", axis = "x", at, drag, key, aria }) {
  const group = parent.append("g").attr("class", `nn-handle ${className}`);
  group.attr("tabindex", 0).attr("role", "slider").attr("aria-label", label);
  group.append("circle").attr("class", "nn-hit").attr("r", 22);
  group.append("circle").attr("class", "nn-ring").attr("r", 13);
  group.append("path").attr("class", "nn-knob").attr("d", KNOBS[knob]);
  const node = group.node();
  let offset = null; // where the knob is, seen from the pointer: no jump when it is grabbed off its centre
  const place = (event) => {
    const matrix = parent.node().getScreenCTM().inverse();
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
  };
  const start = (event, jump) => {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    view.hold(node);
    const [pointer, from] = [place(event), at()];
    offset = jump ? { x: 0, y: 0 } : { x: from.x - pointer.x, y: from.y - pointer.y };
    node.focus({ preventScroll: true, focusVisible: false });
    node.setPointerCapture(event.pointerId);
    group.classed("nn-grabbed", true);
    if (jump) drag(pointer);
  };
  const drop = (event) => {
    offset = null;
    group.classed("nn-grabbed", false);
    view.release(node, event.type === "pointercancel");
  };
  const far = (event) => Math.hypot(place(event).x - at().x, place(event).y - at().y);
  view.handles.push({ start, far });
  // where knobs lie close to each other, the nearest one is meant
  node.addEventListener("pointerdown", (event) => {
    const distances = view.handles.map((one) => one.far(event));
    view.handles[distances.indexOf(Math.min(...distances))].start(event, false);
  });
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false }); // else the page may scroll
  node.addEventListener("pointermove", (event) => {
    if (!offset) return;
    const pointer = place(event);
    drag({ x: pointer.x + offset.x, y: pointer.y + offset.y });
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) node.addEventListener(end, drop);
  node.addEventListener("keydown", key);
  return {
    group,
    /** The knob comes to a pointer that goes down elsewhere, on `surface`; a finger there scrolls the page instead. */
    comes(surface) {
      surface.addEventListener("pointerdown", (event) => event.pointerType !== "touch" && start(event, true));
    },
    draw() {
      const { x, y } = at();
      const { min, max, now, text, axis: along = axis } = aria();
      group.attr("transform", `translate(${x},${y})`).attr("aria-orientation", along === "y" ? "vertical" : "horizontal");
      group.attr("aria-valuemin", min).attr("aria-valuemax", max);
      group.attr("aria-valuenow", Number(clamp(now, [min, max]).toPrecision(6))).attr("aria-valuetext", text);
    },
  };
}

/** Draw inside of a box only. Returns the group to draw in, and the shape that bounds it (rect, path, ...). */
export function clipped(parent, shape) {
  const id = unique("clip");
  const bounds = parent.append("clipPath").attr("id", id).append(shape);
  return { group: parent.append("g").attr("clip-path", `url(#${id})`), bounds };
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

/**
 * A paragraph with coloured numbers, and a silent one that is spoken 600 ms after the last change. Its room is that of
 * the longest of the texts in `longest`, so that nothing below it moves when it changes.
 */
export function sentence(view, parent, { className = "nn-says", longest }) {
  const room = parent.append("div").attr("class", "nn-room");
  const shown = room.append("p").attr("class", className);
  for (const text of longest) room.append("p").attr("class", "nn-unseen").attr("aria-hidden", "true").html(text);
  const spoken = parent.append("p").attr("class", "nn-hidden").attr("aria-live", "polite");
  const speak = debounce(() => {
    const text = shown.node().textContent;
    if (view.speaks(view.root.node()) && text !== spoken.text()) spoken.text(text);
  }, 600);
  view.ends.push(speak.cancel);
  let last = null;
  return (html) => {
    if (html === last) return;
    if (last !== null) speak();
    last = html;
    shown.html(html); // numbers and words of ours, nothing that a reader typed
  };
}

/** A group of controls with a visible title. */
function named(parent, className, role, title) {
  const group = parent.append("div").attr("class", className).attr("role", role).attr("aria-label", title);
  group.append("span").attr("class", "nn-title").attr("aria-hidden", "true").text(title);
  return group;
}

/**
 * A row of buttons, {label, values}, of which each glides to the values of some parameters, and is pressed while they are
 * set. Where `values` is a function it says what they are at the moment; null is nowhere to go.
 */
export function buttons(view, parent, title, items) {
  const now = ({ values }) => (typeof values === "function" ? values() : values);
  const go = (_, item) => now(item) && view.glide(now(item));
  const each = named(parent, "nn-row", "group", title).selectAll("button").data(items).join("button");
  each.attr("type", "button").text(({ label }) => label).on("click", go);
  view.draws.push(() => {
    each.attr("aria-pressed", (item) => String(Boolean(now(item)) && view.has(now(item))));
    each.attr("aria-disabled", (item) => (now(item) ? null : "true"));
  });
}

/** The rows of buttons that Python sends. */
export function presets(view, parent) {
  for (const row of view.get("_setup").presets) buttons(view, parent, row.title, row.buttons);
}

/** One choice of several, as radio buttons; `act(item)` if it does more than set its parameter. */
export function choice(view, parent, name, title, items, act = (item) => view.set({ [name]: item.value })) {
  const group = named(parent, "nn-choice", "radiogroup", title);
  const radios = unique(name);
  const each = group.selectAll("label").data(items).join("label");
  const inputs = each.append("input").attr("type", "radio").attr("name", radios).attr("value", (item) => item.value);
  each.append("span").attr("class", (item) => `nn-swatch ${item.className ?? ""}`);
  each.append("span").html((item) => item.label);
  inputs.on("change", (_, item) => act(item));
  view.draws.push(() => inputs.property("checked", (item) => view.get(name) === item.value));
}

const SCROLLS = 6; // pixels that a finger goes before it is known whether it drags or scrolls the page

/**
 * A bar that can be dragged and focused, of the role of a slider. `value(of)` gives its value, of what is set
 * (`view.get`) or of what is drawn (`view.see`); `set(value)` sets it in `range`; `text()` puts it in words; `mark()` is
 * a second value to show. Returns its node.
 */
export function bar(view, parent, { label, className = "", range, step, value, set, text, mark }) {
  const track = parent.append("div").attr("class", `nn-track ${className}`);
  track.attr("tabindex", 0).attr("role", "slider").attr("aria-label", label);
  track.attr("aria-valuemin", range[0]).attr("aria-valuemax", range[1]);
  const fill = track.append("i").attr("class", "nn-filled");
  const other = mark ? track.append("i").attr("class", "nn-mark") : null;
  const node = track.node();
  const part = (to) => `${(100 * (clamp(to, range) - range[0])) / (range[1] - range[0])}%`;
  let seized = null; // where the pointer went down, and the value there: no jump
  node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    view.hold(node);
    seized = { x: event.clientX, value: value(view.get), waits: event.pointerType === "touch" };
    node.focus({ preventScroll: true, focusVisible: false });
    node.setPointerCapture(event.pointerId);
  });
  node.addEventListener("pointermove", (event) => {
    if (!seized) return;
    const by = event.clientX - seized.x;
    if (seized.waits && Math.abs(by) < SCROLLS) return;
    seized.waits = false;
    set(clamp(seized.value + (by / node.getBoundingClientRect().width) * (range[1] - range[0]), range));
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    node.addEventListener(end, () => {
      seized = null;
      view.release(node, end === "pointercancel");
    });
  node.addEventListener("keydown", (event) => {
    const to = keyed(event, value(view.get), { low: range[0], high: range[1], step });
    if (to !== undefined) set(to);
  });
  view.draws.push(() => {
    fill.style("width", part(value(view.see)));
    other?.style("left", part(mark())).style("display", Number.isFinite(mark()) ? null : "none");
    track.attr("aria-valuenow", Number(clamp(value(view.get), range).toPrecision(6))).attr("aria-valuetext", text());
  });
  return track;
}

// ---- a view ----

const passed = (event) => event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape"
  || (event.key === "Enter" && event.shiftKey); // prettier-ignore

/** One view of a model: its root, which redraws when parameters or its width change, and its end. */
function mount(state, formulas, el, { className, label, build }) {
  el.classList.add("nn-view");
  const root = select(el).append("div").attr("class", `nnotes ${className}`).attr("role", "group").attr("aria-label", label);
  const node = root.node();
  const view = { ...state, root, handles: [], draws: [], ends: [] };
  // A notebook takes plain keys from inside an output: letters would insert, cut and delete cells. It listens on the way
  // back, or, as Notebook 7 does, on the way here, where it spares a node that has this attribute.
  const guard = (event) =>
    node.contains(event.target) && event.target.toggleAttribute("data-lm-suppress-shortcuts", !passed(event));
  window.addEventListener("keydown", guard, true);
  root.on("keydown", (event) => passed(event) || event.stopPropagation());
  // where keys follow a hand, Firefox would not show the focus
  root.on("keydown.seen", () => root.classed("nn-keys", true)).on("pointerdown.seen", () => root.classed("nn-keys", false));
  const draw = build(view, formulas);
  let width = 0;
  const ask = perFrame((time) => {
    const now = node.clientWidth;
    if (!now) return; // not on the page
    const moves = state.frame(time);
    draw(now, now !== width);
    for (const each of view.draws) each();
    width = now;
    if (moves) ask();
  });
  const sizes = new ResizeObserver(() => node.clientWidth !== width && ask());
  sizes.observe(node);
  state.join(node, ask);
  ask();
  return () => {
    window.removeEventListener("keydown", guard, true);
    sizes.disconnect();
    ask.cancel();
    for (const end of view.ends) end();
    state.leave(node);
    root.remove();
  };
}

/**
 * What the file of an exploration exports: `build(view, formulas)` makes a view's picture, and returns how to draw it,
 * `draw(width, resized)`. See "How to write a new exploration" in nbs/81_widgets.ipynb.
 */
export const exploration = (options) => (model, formulas) => {
  const state = { ...parameters(model), memory: {} };
  return { show: (el) => mount(state, formulas, el, options), end: state.end };
};
