// f(x) = a tanh(b x) above, its slope below: where the slope vanishes, the weights stop moving.
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import { along, arrow, choice, clamp, clipped, exploration, handle, keyed, labels, near, num, presets, sentence, short, textWidth } from "./common.js";

// Layout. The axis of x is drawn ten times finer between -NEAR and NEAR; the rest holds the asymptotes only.
const NEAR = 6;
const HEIGHTS = { wide: { f: 286, slope: 176 }, narrow: { f: 232, slope: 156 } };
const SIDE = 316; // the column of words beside the picture
const OUTPUT = [-2.3, 2.3];
const SLOPE = [-1, 2.5];
const SAMPLES = 240;
const NOTES = [ // what is said beside a bar, as long as there is room for both
  (name, from) => `${name} rounds f to a from x = ${from}`,
  (name, from) => `${name}: f = a from x = ${from}`,
  (name, from) => `${name}: from ${from}`,
  (name, from) => `${name}: ${from}`,
]; // prettier-ignore
const FONT = "600 11.5px system-ui, sans-serif"; // of these words, as heavy as they get
const BESIDE = 15; // pixels of the target's knob from the picture, where the point's never goes

function build(view, F) {
  const { root, get, see, set } = view;
  const { ranges, steps, ...setup } = get("_setup");
  const bits = Object.fromEntries(setup.bits);
  const value = (x, of = see) => F.scaled_tanh(of("a"), of("b"), x);
  const slope = (x, of = see) => F.slope(of("a"), of("b"), x);
  const overlays = {
    none: null,
    slope: (x) => F.thread_slope(see("a"), see("b"), x),
    factor: (x) => F.thread_factor(see("a"), see("b"), value(x)),
  };

  // ---- what is on the page, from back to front ----
  const figure = root.append("div").attr("class", "nn-figure");
  const side = root.append("div").attr("class", "nn-side");
  const svg = figure.append("svg").attr("role", "group").attr("aria-label", "Output and slope of the neuron over its input");
  const back = svg.append("g").attr("aria-hidden", "true");
  const add = (tag, className, parent = back) => parent.append(tag).attr("class", className);
  const far = [-1, 1].map(() => add("rect", "nn-far"));
  const surface = add("rect", "nn-surface");
  const axes = { x: add("g", "nn-axis"), f: add("g", "nn-axis"), slope: add("g", "nn-axis") };
  const zero = add("path", "nn-zero");
  const plots = { f: clipped(back, "rect"), slope: clipped(back, "rect") };
  const asymptotes = add("path", "nn-dash", plots.f.group);
  const goal = add("path", "nn-line c-target", plots.f.group);
  const other = add("path", "nn-dash c-target", plots.f.group);
  const curve = add("path", "nn-curve c-f", plots.f.group);
  const uphill = add("path", "nn-uphill", plots.slope.group);
  const fill = add("path", "nn-fill c-slope", plots.slope.group);
  const wrong = add("path", "nn-curve nn-dashed c-wrong", plots.slope.group);
  const hill = add("path", "nn-curve c-slope", plots.slope.group);
  const hair = add("path", "nn-hair");
  const error = add("path", "nn-error c-target");
  const wrongArrow = add("path", "nn-arrow nn-broad c-wrong");
  const delta = add("path", "nn-arrow c-delta");
  const wrongDot = add("circle", "nn-dot c-wrong").attr("r", 4.5);
  const slopeDot = add("circle", "nn-dot c-slope").attr("r", 4.5);
  const floats = Object.keys(bits).map((name) => ({ name, bar: add("path", "nn-bar"), text: add("text", "nn-note") }));
  const title = { f: add("text", "nn-head"), slope: add("text", "nn-head"), x: add("text", "nn-note").attr("text-anchor", "middle") };
  title.f.html('<tspan class="c-f nn-strong">output</tspan> <tspan class="i">f</tspan>(<tspan class="i">x</tspan>) = <tspan class="i">a</tspan> tanh(<tspan class="i">b x</tspan>)');
  title.slope.html('<tspan class="c-slope nn-strong">slope</tspan> <tspan class="i">f\u2032</tspan>(<tspan class="i">x</tspan>)');

  const x = scaleLinear();
  const y = scaleLinear().domain(OUTPUT);
  const g = scaleLinear().domain(SLOPE);
  const box = { x0: 0, x1: 0, y0: 0, y1: 0 };
  const below = { ...box };
  const upper = labels(back, box);
  const lower = labels(back, below);
  const text = (className) => add("text", `nn-label ${className}`);
  const words = {
    a: text("c-mute"), target: text("c-target"), other: text("c-target"), error: text("c-target"), delta: text("c-delta"),
    wrong: text("c-wrong"), slope: text("c-slope"), b: text("c-mute"), wrongSlope: text("c-wrong"), uphill: text("c-wrong"),
  }; // prettier-ignore

  // ---- handles ----
  const slider = (name, step) => ({ low: ranges[name][0], high: ranges[name][1], step });
  const move = (name, to) => set({ [name]: clamp(to, ranges[name]) });
  const aria = (name, words) => () => ({ min: ranges[name][0], max: ranges[name][1], now: get(name), text: words() });
  const trait = (name, more) => ({
    key: (event) => {
      const to = keyed(event, get(name), slider(name, steps[name]));
      if (to !== undefined) move(name, to);
    },
    ...more,
    aria: aria(name, more.words),
  });
  const handles = [
    handle(view, svg, trait("a", {
      label: "Height a of the curve", className: "c-mute", knob: "tall", axis: "y",
      at: () => ({ x: box.x0, y: y(see("a")) }), drag: (to) => move("a", y.invert(to.y)), words: () => `a ${short(get("a"))}`,
    })),
    handle(view, svg, trait("b", {
      label: "Steepness b, by the slope at zero", className: "c-mute", knob: "tall", axis: "y",
      at: () => ({ x: x(0), y: g(slope(0)) }), drag: (to) => move("b", g.invert(to.y) / get("a")),
      words: () => `b ${short(get("b"))}, slope at zero ${num(slope(0, get))}`,
    })),
    handle(view, svg, trait("target", {
      label: "Target t", className: "c-target", knob: "tall", axis: "y",
      at: () => ({ x: box.x1 + BESIDE, y: y(see("target")) }), drag: (to) => move("target", y.invert(to.y)),
      words: () => `target ${short(get("target"))}`,
    })),
    handle(view, svg, trait("x", {
      label: "Input x", className: "c-f",
      at: () => ({ x: x(see("x")), y: y(value(see("x"))) }), drag: (to) => move("x", x.invert(to.x)),
      words: () => `x ${num(get("x"))}, output ${near(value(get("x"), get), get("a"))}, slope ${num(slope(get("x"), get))}`,
    })),
  ]; // prettier-ignore
  handles.at(-1).comes(surface.node());

  // ---- words and controls ----
  const says = sentence(view, side, { longest: LONGEST });
  const product = side.append("div").attr("class", "nn-product");
  const factors = [
    ["error", "c-target", 'error <span class="i">t</span> \u2212 <span class="i">f</span>(<span class="i">x</span>)'],
    ["slope", "c-slope", '\u00d7 slope <span class="i">f\u2032</span>(<span class="i">x</span>)'],
    ["delta", "c-delta", "= what is left, <span class=\"i\">\u03b4</span>"],
  ].map(([name, className, label]) => {
    const row = product.append("div").attr("class", `nn-factor ${className}`);
    row.append("span").html(label);
    return { name, number: row.append("b"), bar: row.append("i").attr("aria-hidden", "true").append("i") };
  });
  const counted = sentence(view, side, { className: "nn-counted", longest: [count({ here: null, rest: null, limit: 10_000, rate: 0.125, close: 0.1 })] });
  choice(view, side, "overlay", "Two wrong derivatives, from a forum thread", [
    { value: "none", label: "none" },
    { value: "slope", label: "no square: <span class=\"i\">ab</span>\u2009(1 \u2212 tanh <span class=\"i\">bx</span>)", className: "c-wrong" },
    { value: "factor", label: "from the output: <span class=\"i\">b</span>\u2009(<span class=\"i\">a</span> \u2212 <span class=\"i\">f</span>\u2009\u00b2)", className: "c-wrong" },
  ]);
  presets(view, side);
  figure.append("p").attr("class", "nn-help").text("Drag a knob, or Tab to it: arrow keys move it, Shift with an arrow moves it ten times as far, Home and End go to the ends.");

  function resize(width) {
    const wide = width >= 760;
    root.classed("nn-wide", wide);
    const W = wide ? width - SIDE : width;
    figure.style("width", `${W}px`);
    const heights = wide ? HEIGHTS.wide : HEIGHTS.narrow;
    const left = 40;
    const right = W - (W < 480 ? 68 : 82);
    const top = 30;
    const bottom = top + heights.f;
    const strip = bottom + 12;
    const top2 = strip + 66;
    const bottom2 = top2 + heights.slope;
    Object.assign(box, { x0: left, x1: right, y0: top, y1: bottom });
    Object.assign(below, { x0: left, x1: right, y0: top2, y1: bottom2 });
    const far0 = 0.15 * (right - left);
    x.domain([ranges.x[0], -NEAR, NEAR, ranges.x[1]]).range([left, left + far0, right - far0, right]);
    y.range([bottom, top]);
    g.range([bottom2, top2]);
    svg.attr("width", W).attr("height", bottom2 + 46).attr("viewBox", `0 0 ${W} ${bottom2 + 46}`);
    plots.f.bounds.attr("x", left).attr("y", top - 2).attr("width", right - left).attr("height", bottom - top + 4);
    plots.slope.bounds.attr("x", left).attr("y", top2 - 2).attr("width", right - left).attr("height", bottom2 - top2 + 4);
    surface.attr("x", left).attr("y", top).attr("width", right - left).attr("height", bottom2 - top);
    far.forEach((rect, i) => rect.attr("x", i ? x(NEAR) : left).attr("y", top).attr("width", far0).attr("height", bottom2 - top));
    const inner = W < 480 ? [-4, 0, 4] : [-6, -4, -2, 0, 2, 4, 6];
    const ends = [-30, -15, 15, 30];
    axes.x.attr("transform", `translate(0,${bottom2})`);
    axes.x.call(axisBottom(x).tickValues([...ends, ...inner].filter((v) => W >= 640 || Math.abs(v) !== 15)).tickSizeOuter(0).tickFormat((v) => num(v, 0)));
    axes.f.attr("transform", `translate(${left},0)`).call(axisLeft(y).tickValues([-2, -1, 0, 1, 2]).tickSizeOuter(0).tickFormat((v) => num(v, 0)));
    axes.slope.attr("transform", `translate(${left},0)`).call(axisLeft(g).tickValues([-1, 0, 1, 2]).tickSizeOuter(0).tickFormat((v) => num(v, 0)));
    zero.attr("d", `M${left},${y(0)}H${right}M${left},${g(0)}H${right}M${x(0)},${top}V${bottom}M${x(0)},${top2}V${bottom2}`);
    title.f.attr("x", left).attr("y", top - 12);
    title.slope.attr("x", left).attr("y", top2 - 10);
    title.x.attr("x", (left + right) / 2).attr("y", bottom2 + 40);
    title.x.text(W < 480 ? "input x (tighter beyond \u00b16)" : "input x of the neuron (drawn tighter beyond \u00b16)");
    floats.forEach(({ text }, i) => text.attr("y", strip + 15 * i + 8));
  }

  function draw(width, resized) {
    if (resized) resize(width);
    const [a, b, xv, t, overlay] = ["a", "b", "x", "target", "overlay"].map(see);
    const o = value(xv);
    const s = slope(xv);
    const d = F.delta(t, o, s);
    const peak = slope(0);
    const untrue = overlays[overlay];
    const w = untrue?.(xv);
    const wd = untrue ? F.delta(t, o, w) : 0;
    const thresholds = { float32: F.saturates_from(Math.fround(a), Math.fround(b), bits.float32), float64: F.saturates_from(a, b, bits.float64) };
    const now = { a, x: xv, t, o, s, d, slow: F.times_slower(b, xv), overlay, w, thresholds };

    // curves
    const { x0: left, x1: right, y0: top, y1: bottom } = box;
    const narrow = right - left < 400;
    const inner = Array.from({ length: SAMPLES + 1 }, (_, i) => NEAR * ((2 * i) / SAMPLES - 1));
    const points = [ranges.x[0], (ranges.x[0] - NEAR) / 2, ...inner, (ranges.x[1] + NEAR) / 2, ranges.x[1]];
    const drawn = (f, scale) => line(x, (v) => clamp(scale(f(v)), [-1e4, 1e4]))(points);
    curve.attr("d", drawn(value, y));
    hill.attr("d", drawn(slope, g));
    fill.attr("d", area(x, () => g(0), (v) => g(slope(v)))(points));
    wrong.attr("d", untrue ? drawn(untrue, g) : null);
    uphill.attr("d", untrue ? area(x, () => g(0), (v) => g(Math.min(0, untrue(v))))(points) : null);
    asymptotes.attr("d", `M${left},${y(a)}H${right}M${left},${y(-a)}H${right}`);
    goal.attr("d", `M${left},${y(t)}H${right}`);
    other.attr("d", t ? `M${left},${y(-t)}H${right}` : null);

    // the point, its error, and what is left of it
    const X = x(xv);
    const O = y(o);
    const end = clamp(y(o + d), [top + 5, bottom - 5]);
    const wrongEnd = untrue ? clamp(y(o + wd), [top + 10, bottom - 10]) : O;
    hair.attr("d", `M${X},${top}V${below.y1}`);
    error.attr("d", `M${X},${O}V${y(t)}`);
    delta.attr("d", arrow(X, O, X, end));
    wrongArrow.attr("d", arrow(X, O, X, wrongEnd, 14));
    slopeDot.attr("cx", X).attr("cy", g(s));
    wrongDot.attr("display", untrue ? null : "none").attr("cx", X).attr("cy", untrue ? g(w) : 0);

    // floats: from where on f is exactly a
    const seen = (name) => thresholds[name] < ranges.x[1];
    const room = (name) => (seen(name) ? x(thresholds[name]) - x(-thresholds[name]) - 14 : right - left - 18);
    const fits = (note) => floats.every(({ name }) => textWidth(note(name, num(thresholds[name], 1)), FONT) <= room(name));
    const note = NOTES.find(fits) ?? NOTES.at(-1);
    floats.forEach(({ name, bar, text }, i) => {
      const from = thresholds[name];
      const row = bottom + 16 + 15 * i;
      bar.attr("d", seen(name) ? `M${left},${row}H${x(-from)}M${x(from)},${row}H${right}` : null);
      bar.classed("nn-on", Math.abs(xv) >= from);
      text.text(`${note(name, num(from, 1))}${seen(name) ? "" : " \u2192"}`);
      text.attr("text-anchor", "end").attr("x", seen(name) ? x(from) - 6 : right).classed("nn-on", Math.abs(xv) >= from);
    });

    // labels, which keep clear of the lines and of each other
    const knob = { x0: X - 12, x1: X + 12, y0: O - 12, y1: O + 12 };
    const middle = (p, q) => (p + q) / 2;
    const beside = (px, ...rows) => rows.flatMap((row) => [[px + 14, row], [px - 14, row, "end"]]);
    const across = (row) => along([[left, row], [right, row]], 1);
    const traced = (f, scale) => along(points.map((v) => [x(v), scale(f(v))]));
    const stem = along([[X, O], [X, y(t)]], 1);
    const broad = untrue ? along([[X, O], [X, wrongEnd]], 12) : [];
    upper.clear([knob, ...stem, ...broad, ...traced(value, y), ...across(y(t)), ...(t ? across(y(-t)) : []), ...across(y(a)), ...across(y(-a))]);
    upper.put(words.delta, `\u03b4 = ${num(d)}`, deltaPlaces(X, O, end, t >= o));
    const long = Math.abs(y(t) - O) > 40;
    const errorPlaces = beside(X, ...[0.5, 0.4, 0.6, 0.3, 0.7].map((part) => O + part * (y(t) - O)));
    upper.put(words.error, long ? `error ${num(t - o)}` : "", errorPlaces) || upper.put(words.error, long ? num(t - o) : "", errorPlaces);
    const wrongPlaces = beside(X, wrongEnd, middle(O, wrongEnd), wrongEnd + 18, wrongEnd - 18, wrongEnd + 36, wrongEnd - 36);
    upper.put(words.wrong, untrue && Math.abs(wrongEnd - O) > 12 ? `wrong \u03b4 = ${num(wd)}` : "", wrongPlaces);
    const line0 = (v) => [[left + 12, y(v) - 11], [left + 12, y(v) + 11], [right - 12, y(v) - 11, "end"], [right - 12, y(v) + 11, "end"]];
    upper.put(words.a, `a = ${short(a)}`, line0(a));
    upper.put(words.other, Math.abs(t) > 0.12 ? `the other target ${short(-t)}` : "", line0(-t).reverse());
    words.target.attr("x", right + BESIDE + 16).attr("y", y(t) + 4).text(narrow ? short(t, 2) : `t = ${short(t, 2)}`);
    const sDot = { x0: X - 6, x1: X + 6, y0: g(s) - 6, y1: g(s) + 6 };
    const peakKnob = { x0: x(0) - 12, x1: x(0) + 12, y0: g(peak) - 12, y1: g(peak) + 12 };
    lower.clear([sDot, peakKnob, ...traced(slope, g), ...(untrue ? traced(untrue, g) : [])]);
    const outward = (px, ...rows) => rows.flatMap((row) => beside(px, row).sort((p, q) => (q[0] - p[0]) * (xv < 0 ? -1 : 1)));
    const around = (row) => outward(X, row - 12, row + 12, row - 24, row + 24, row - 36, row + 36);
    lower.put(words.slope, num(s), around(g(s)));
    lower.put(words.wrongSlope, untrue ? num(w) : "", untrue ? around(g(w)) : []);
    lower.put(words.b, `b = ${short(b)}`, [12, 0, -12, -24].flatMap((up) => beside(x(0), g(peak) - up)));
    const sunk = [-0.4, -0.25, -0.55, -0.7].flatMap((v) => [[x(0), g(v), "middle"], [right - 8, g(v), "end"], [left + 8, g(v)]]);
    lower.put(words.uphill, overlay === "factor" && a > 1 ? "below zero: uphill" : "", sunk);

    for (const each of handles) each.draw();
    const scale = { error: t - o, slope: s, delta: d };
    for (const { name, number, bar } of factors) {
      number.text(num(scale[name]));
      const part = clamp((50 * scale[name]) / 2.4, [-50, 50]);
      bar.style("left", `${50 + Math.min(0, part)}%`).style("width", `${Math.abs(part)}%`);
    }
    says(describe(now));

    // how many steps would training take? That is for the kernel
    const { answer, fresh } = view.ask("steps", ["x", "target", "a", "b", "rate"].map(get).join());
    if (answer) counted(fresh ? count(answer) : `<span class="nn-stale">${count(answer)}</span>`);
  }

  return draw;
}

/** What the kernel has counted, in a sentence. */
function count({ here, rest, limit, rate, close }) {
  const steps = (number) => (number === null ? `more than ${num(limit)}` : num(number, 0));
  return `Gradient descent at rate ${short(rate)} takes <strong>${steps(here)} steps</strong> `
    + `to come within ${short(close)} of the target; from input 0 it takes ${steps(rest)}.`;
}

/** f rises, so that above to the left of a point on it, and below to the right, there is always room. */
function deltaPlaces(X, O, end, up) {
  const tip = Math.abs(end - O) > 26 ? (O + end) / 2 : up ? O - 19 : O + 19;
  const sides = up ? [[-14, "end"], [14, "start"]] : [[14, "start"], [-14, "end"]];
  const rows = [tip, up ? O - 24 : O + 24, up ? O + 24 : O - 24, up ? O - 40 : O + 40, up ? O + 40 : O - 40];
  return rows.flatMap((row) => sides.map(([dx, anchor]) => [X + dx, row, anchor]));
}

/** What the picture shows, in a sentence that is true at every setting. */
function describe({ a, x, t, o, s, d, slow, overlay, w, thresholds }) {
  const colour = (className, text) => `<b class="${className}">${text}</b>`;
  const speed = slow < 1.05 ? "as fast as it can" : `<strong>${num(slow, slow < 10 ? 1 : 0)} times slower</strong> than at 0`;
  const parts = [`At output ${colour("c-f", near(o, a))} the slope is ${colour("c-slope", num(s, 3))}: this neuron\u2019s weights move ${speed}.`];

  const left = `${colour("c-delta", `\u03b4 = ${num(d)}`)}`;
  const exact = Object.keys(thresholds).find((name) => Math.abs(x) >= thresholds[name]);
  if (Math.abs(x) >= thresholds.float64) parts.push(`Even in float64 the output is exactly ${short(Math.sign(x) * a)}, and a slope computed from it is exactly 0.`);
  else if (exact) parts.push(`In ${exact} the output is exactly ${short(Math.sign(x) * a)} already, and a slope computed from it is exactly 0.`);
  else if (Math.abs(t - o) < 0.02) parts.push(`The target ${colour("c-target", short(t))} is reached: nothing is left to learn.`);
  else if (t * o < 0 && slow > 10) parts.push(`It is saturated on the wrong side: of the error ${colour("c-target", num(t - o))} only ${left} gets through.`);
  else if (Math.abs(t) >= a - 1e-9 && t * o >= 0) parts.push(`The target ${colour("c-target", short(t))} lies ${Math.abs(t) - a < 5e-5 ? "on the asymptote" : "beyond the asymptote"}: no input reaches it, and the closer the output comes, the slower it moves.`);
  else if (slow > 10) parts.push(`Of the error ${colour("c-target", num(t - o))} only ${left} gets through.`);
  else parts.push(`Of the error ${colour("c-target", num(t - o))} it passes on ${left}.`);

  if (overlay !== "none") parts.push(compared(overlay === "slope" ? "Without the square" : "From the output", colour("c-wrong", num(w)), w / s));
  return parts.join(" ");
}

/** What a wrong derivative does: by its ratio to the right one. */
function compared(name, value, ratio) {
  const times = (r) => num(r, r < 20 ? 1 : 0);
  if (ratio < 0) return `${name} the slope would be ${value}, <strong>negative</strong>: away from the target.`;
  if (Math.abs(ratio - 1) < 0.005) return `${name} the slope would be ${value}, which is right here.`;
  return `${name} the slope would be ${value}, ${ratio > 1 ? `${times(ratio)} times too large` : `${times(1 / ratio)} times too small`}.`;
}

/** The longest sentences, with numbers of many digits: there must be room for them. */
const LONGEST = [{ o: -1.2343, s: 1.2e-4 }, { o: -1.7159, s: 1.2e-18 }].map(({ o, s }) => describe({
  a: -o, x: -32, t: -1.7159, o, s, d: s, slow: 1 / s, overlay: "factor", w: -1.23, thresholds: { float32: 64, float64: o < -1.5 ? 19 : 64 },
})); // prettier-ignore

export default exploration({ className: "nn-saturation", label: "Exploration: a saturated neuron", build });
