// How far a numerical derivative is off, over its step h: it cuts off where h is large, and rounds away where it is small.
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { along, bar, buttons, choice, clamp, clipped, exploration, handle, keyed, labels, num, power, presets, sentence, short, textWidth } from "./common.js";

const METHODS = ["forward", "central", "complex"];
const QUOTIENTS = METHODS.slice(0, 2);
const NAMES = { forward: "forward", central: "central", complex: "complex step" };
const BEST = { forward: "2\u221a(\u03b5|f|/|f\u2033|)", central: "\u221b(3\u03b5|f|/|f\u2034|)" };
const SIDE = 338; // the column of words beside the picture
const HEIGHTS = { wide: 440, narrow: 300 };
const ERRORS = [-18, 3]; // powers of ten; what is less or more is drawn at the edge
const PER_DECADE = 10; // steps at which the errors are drawn
const FONT = "600 11.5px system-ui, sans-serif";

/** What floats of one type make of a function: estimates of its slope, and what formulas say of their errors. */
function numbers(F, [name, , kink], [dtype, eps, bits, precision], given) {
  const r = dtype === "float32" ? Math.fround : (number) => number;
  const x = r(given);
  const value = F[`value_${name}`];
  const imaginary = F[`imaginary_${name}`];
  const f0 = value(x, (number) => number);
  const [slope, f2, f3] = F[`derivatives_${name}`](x);
  const here = value(x, r);

  function estimates(step) {
    const h = r(step);
    const [left, right] = [F.shifted(x, -h, r), F.shifted(x, h, r)];
    const above = value(right, r);
    return {
      forward: F.secant(x, right, here, above, r),
      central: F.secant(left, right, value(left, r), above, r),
      complex: imaginary ? F.quotient(imaginary(x, h, r), h, r) : NaN,
      left, right,
    }; // prettier-ignore
  }
  const predict = {
    forward: (h) => F.forward_error(h, f0, f2, eps),
    central: (h) => F.central_error(h, f0, f3, eps),
    complex: imaginary ? (h) => F.complex_error(h, slope, f3, eps) : () => NaN,
  };
  const share = (h) => (F.forward_error(h, f0, 0, eps) > F.forward_error(h, 0, f2, eps) ? "rounding" : f2 ? "truncation" : "");
  const best = { forward: F.forward_step(f0, f2, eps), central: F.central_step(f0, f3, eps) };
  const sides = kink === null ? null : [-1, 1].map((side) => F[`derivatives_${name}`](kink + side)[0]);
  const smooth = x !== kink;
  return { x, f: (at) => value(at, (number) => number), f0, f2, f3, slope, sides, kink, smooth, estimates, predict, share, best, stuck: F.stuck_below(x, bits), eps, precision, dtype };
}

function build(view, F) {
  const { root, get, see, set } = view;
  const { ranges, steps, functions, floats } = get("_setup");
  const find = (rows, name) => rows.find(([one]) => one === name);
  const known = (of) => numbers(F, find(functions, get("function")), find(floats, get("dtype")), of("x"));
  const step = F.step_length;

  /** Everything that is said about one step. */
  function judge(model, h) {
    const found = model.estimates(h);
    const errors = {};
    const digits = {};
    for (const name of METHODS) {
      errors[name] = F.error(found[name], model.slope);
      const all = errors[name] <= model.eps * Math.abs(model.slope);
      digits[name] = all ? Infinity : Math.max(0, F.right_digits(found[name], model.slope));
    }
    const [from, to] = [Math.min(found.left, found.right), Math.max(found.left, found.right)];
    const over = model.kink !== null && { central: from < model.kink && model.kink < to, forward: model.x < model.kink && model.kink < found.right };
    return { ...model, h, found, errors, digits, over };
  }

  // ---- what is on the page, from back to front ----
  const figure = root.append("div").attr("class", "nn-figure");
  const side = root.append("div").attr("class", "nn-side");
  const more = root.append("div").attr("class", "nn-more");
  const svg = figure.append("svg").attr("role", "group").attr("aria-label", "Error of the derivative over the step h, both in powers of ten");
  const back = svg.append("g").attr("aria-hidden", "true");
  const add = (tag, className, parent = back) => parent.append(tag).attr("class", className);
  const far = add("rect", "nn-far");
  const surface = add("rect", "nn-surface");
  const axes = { x: add("g", "nn-axis"), y: add("g", "nn-axis") };
  const plot = clipped(back, "rect");
  const hair = add("path", "nn-hair", plot.group);
  const each = (make) => Object.fromEntries(METHODS.map((name) => [name, make(name)]));
  const noise = each((name) => add("path", `nn-noise c-${name}`, plot.group));
  const theory = each((name) => add("path", `nn-theory c-${name}`, plot.group));
  const marks = each((name) => add("path", `nn-best c-${name}`).attr("d", "M-6,0L0,-7L6,0L0,7Z"));
  const dots = each((name) => add("circle", `nn-dot c-${name}`).attr("r", 5));
  const title = { y: add("text", "nn-head"), x: add("text", "nn-note").attr("text-anchor", "middle") };
  const stuck = add("text", "nn-note");
  const kinked = { curve: add("path", "nn-outline"), ...Object.fromEntries(QUOTIENTS.map((name) => [name, add("path", `nn-curve c-${name}`)])) };
  const words = each((name) => add("text", `nn-label c-${name}`));
  const arms = { rounding: add("text", "nn-label c-mute"), truncation: add("text", "nn-label c-mute") };

  const x = scaleLinear().domain(ranges.exponent);
  const y = scaleLinear().domain(ERRORS);
  const box = { x0: 0, x1: 0, y0: 0, y1: 0 };
  const writing = labels(back, box);
  const Y = (error) => y(clamp(error > 0 ? Math.log10(error) : -Infinity, ERRORS));

  // ---- the handle ----
  const move = (name, to) => set({ [name]: clamp(to, ranges[name]) });
  const knob = handle(view, svg, {
    label: "Step h", className: "c-mute", knob: "flat",
    at: () => ({ x: x(see("exponent")), y: box.y1 }),
    drag: (to) => move("exponent", x.invert(to.x)),
    key: (event) => {
      const to = keyed(event, get("exponent"), { low: ranges.exponent[0], high: ranges.exponent[1], step: steps.exponent });
      if (to !== undefined) move("exponent", to);
    },
    aria: () => {
      const now = judge(known(get), step(get("exponent")));
      const errors = METHODS.filter((name) => Number.isFinite(now.errors[name]) && now.smooth);
      const said = errors.map((name) => `${NAMES[name]} off by ${size(now.errors[name])}`);
      return { min: ranges.exponent[0], max: ranges.exponent[1], now: get("exponent"), text: [`h ${size(now.h)}`, ...said].join(", ") };
    },
  }); // prettier-ignore
  knob.comes(surface.node());

  // ---- words and controls ----
  const says = sentence(view, side, { longest: longest(F, functions, floats, judge) });
  const table = side.append("div").attr("class", "nn-digits").attr("aria-hidden", "true");
  const rows = ["true", ...METHODS].map((name) => {
    const row = table.append("div").attr("class", name === "true" ? "" : `c-${name}`);
    row.append("span").text(name === "true" ? "true slope" : NAMES[name]);
    return { name, number: row.append("span") };
  });
  buttons(view, side, "Best step, derived for the", QUOTIENTS.map((name) => ({
    label: `${NAMES[name]} difference`,
    values() {
      const { best, smooth } = known(get);
      const exponent = Math.log10(best[name]);
      return smooth && exponent >= ranges.exponent[0] && exponent <= ranges.exponent[1] ? { exponent } : null;
    },
  }))); // prettier-ignore
  const point = side.append("div").attr("class", "nn-point");
  const where = point.append("span").attr("aria-hidden", "true");
  bar(view, point, {
    label: "Point x", className: "c-mute", range: ranges.x, step: steps.x,
    value: (of) => of("x"), set: (to) => set({ x: to }), text: () => `x ${short(get("x"), 3)}`,
  }); // prettier-ignore
  choice(view, more, "function", "Function", functions.map(([value, label]) => ({ value, label })));
  choice(view, more, "dtype", "Floats", floats.map(([value]) => ({ value, label: value })));
  presets(view, more);
  figure.append("p").attr("class", "nn-help").text("Thin: the errors as computed. Broad: what the formulas say, least at \u25c6. Drag the knob on the axis, or Tab to it: arrow keys move h, Shift with an arrow by a power of ten.");

  function resize(width) {
    const wide = width >= 760;
    root.classed("nn-wide", wide);
    const W = wide ? width - SIDE : width;
    figure.style("width", `${W}px`);
    const [left, right, top] = [52, W - 14, 30];
    const bottom = top + (wide ? HEIGHTS.wide : HEIGHTS.narrow);
    Object.assign(box, { x0: left, x1: right, y0: top, y1: bottom });
    x.range([left, right]);
    y.range([bottom, top]);
    svg.attr("width", W).attr("height", bottom + 54).attr("viewBox", `0 0 ${W} ${bottom + 54}`);
    for (const rect of [plot.bounds, surface]) rect.attr("x", left).attr("y", top).attr("width", right - left).attr("height", bottom - top);
    const ticks = (by, low, high) => Array.from({ length: Math.floor((high - low) / by) + 1 }, (_, i) => low + by * i);
    axes.x.attr("transform", `translate(0,${bottom})`);
    axes.x.call(axisBottom(x).tickValues(ticks(W < 480 ? 4 : 2, -16, 0)).tickSizeOuter(0).tickPadding(9).tickFormat(power));
    axes.y.attr("transform", `translate(${left},0)`);
    axes.y.call(axisLeft(y).tickValues([ERRORS[0], ...ticks(4, -16, 0)]).tickSizeOuter(0).tickFormat((v) => (v === ERRORS[0] ? `\u2264${power(v)}` : power(v))));
    const tspan = (name, text) => `<tspan class="c-${name} nn-strong">${text}</tspan>`;
    title.y.attr("x", W < 380 ? 0 : left).attr("y", top - 12);
    title.y.html(`error of ${tspan("forward", "forward")}, ${tspan("central", "central")}, ${tspan("complex", W < 300 ? "complex" : "complex step")}`);
    title.x.attr("x", (left + right) / 2).attr("y", bottom + 48).text("step h");
    far.attr("x", left).attr("y", top).attr("height", bottom - top);
  }

  function draw(width, resized) {
    if (resized) resize(width);
    const model = known(see);
    const exponent = see("exponent");
    const now = judge(model, step(exponent));
    const [low, high] = ranges.exponent;

    const grid = Array.from({ length: (high - low) * PER_DECADE + 1 }, (_, i) => low + i / PER_DECADE);
    const at = [...new Set([...grid, exponent])].sort((p, q) => p - q);
    const found = at.map((one) => model.estimates(step(one)));
    const errors = each((name) => found.map((one) => (model.smooth ? F.error(one[name], model.slope) : NaN)));
    const drawn = (values) => line((_, i) => x(at[i]), Y).defined(Number.isFinite)(values);
    const predicted = each((name) => at.map((one) => (model.smooth ? model.predict[name](step(one)) || NaN : NaN)));
    for (const name of METHODS) {
      noise[name].attr("d", drawn(errors[name]));
      theory[name].attr("d", drawn(predicted[name]));
      const seen = Number.isFinite(now.errors[name]) && model.smooth;
      dots[name].attr("display", seen ? null : "none").attr("cx", x(exponent)).attr("cy", Y(now.errors[name]));
    }
    hair.attr("display", model.smooth ? null : "none").attr("d", `M${x(exponent)},${box.y0}V${box.y1}`);

    // where the formulas are least, with the number where there is room
    const trace = (values) => along(values.flatMap((value, i) => (Number.isFinite(value) ? [[x(at[i]), Y(value)]] : [])), 2);
    const paths = METHODS.flatMap((name) => [...trace(predicted[name]), ...trace(errors[name])]);
    const spots = METHODS.filter((name) => Number.isFinite(now.errors[name])).map((name) => [x(exponent), Y(now.errors[name])]);
    if (model.smooth) writing.clear([...paths, ...spots.map(([X, O]) => ({ x0: X - 8, x1: X + 8, y0: O - 8, y1: O + 8 }))]);
    for (const name of METHODS) {
      const h = model.best[name];
      const shown = model.smooth && Math.log10(h) >= low && Math.log10(h) <= high;
      marks[name].attr("display", shown ? null : "none");
      if (!model.smooth) continue;
      if (!shown) {
        writing.put(words[name], "", []);
        continue;
      }
      const [X, O] = [x(Math.log10(h)), Y(model.predict[name](h))];
      marks[name].attr("transform", `translate(${X},${O})`);
      const rows = [-20, -30, 22, 34, 46, 60, -44, 76, 92].map((down) => O + down);
      const places = rows.flatMap((row) => [[X, row, "middle"], [X + 10, row], [X - 10, row, "end"]]);
      writing.put(words[name], `best ${size(h)}`, places) || writing.put(words[name], size(h), places);
    }
    // which error it is, beside the arms of the forward difference
    const over = (name, powers, dx, anchor) => {
      const seen = model.smooth ? powers.filter((e) => model.share(step(e)) === name && step(e) > model.stuck) : [];
      const rows = seen.map((e) => [x(e) + dx, Y(model.predict.forward(step(e))) - 14, anchor]);
      writing.put(arms[name], seen.length ? name : "", rows);
    };
    over("rounding", [-12, -11, -13, -10, -9, -6, -5, -4], 4, "start");
    over("truncation", [-4, -3, -5, -2, -6, -1], -6, "end");

    // where x + h is x
    const edge = model.stuck > 0 ? clamp(Math.log10(model.stuck), [low, high]) : low;
    const room = x(edge) - x(low);
    far.attr("width", room);
    const note = ["no forward difference: x + h = x", "x + h = x"].find((text) => textWidth(text, FONT) + 12 < room);
    stuck.attr("x", x(low) + 6).attr("y", box.y0 + 16).text(note ?? "");
    for (const one of [axes.y, title.y]) one.attr("visibility", model.smooth ? null : "hidden");
    for (const one of Object.values(kinked)) one.attr("display", model.smooth ? "none" : null);
    if (!model.smooth) secants(model, now);

    knob.draw();
    const right = now.precision + 1;
    for (const { name, number } of rows) {
      const value = name === "true" ? model.slope : now.found[name];
      number.html(name === "true" ? (model.smooth ? written(value, right, 0) : "none") : cell(now, name, right));
    }
    where.html(`point <span class="i">x</span> = ${short(get("x"), 3)}`);
    says(describe(now));
  }

  /** At a kink there is no error to draw: the curve itself between x - h and x + h, and its secants. */
  function secants(model, { h, found }) {
    const unit = Math.min(0.3 * (box.x1 - box.x0), 0.3 * (box.y1 - box.y0));
    const place = (dx, y) => [(box.x0 + box.x1) / 2 + unit * dx, (box.y0 + box.y1) / 2 + unit * (0.5 - y)];
    const [left, middle, right] = [-1, 0, 1].map((side) => place(side, (model.f(model.x + side * h) - model.f0) / h));
    kinked.curve.attr("d", `M${left}L${middle}L${right}`);
    kinked.forward.attr("d", `M${middle}L${right}`);
    kinked.central.attr("d", `M${left}L${right}`);
    writing.clear([]);
    const below = (left[1] + middle[1]) / 2 + 14;
    writing.put(words.forward, `forward: ${short(found.forward, 2)}`, [[(middle[0] + right[0]) / 2 + 12, below], [right[0], middle[1] + 18, "middle"]]);
    writing.put(words.central, `central: ${short(found.central, 2)}`, [[middle[0], left[1] - 16, "middle"]]);
    writing.put(words.complex, "complex step: refused", [[middle[0], middle[1] + 26, "middle"]]);
  }

  return draw;
}

/** An estimate, its right digits set off; or why there is none. */
function cell(now, name, count) {
  if (name === "complex" && now.kink !== null) return "refused";
  if (!Number.isFinite(now.found[name])) return name === "complex" ? "none: a pole" : "none: x + h = x";
  return written(now.found[name], count, now.smooth ? now.digits[name] : 0);
}

/** A number with so many digits, the first of them bold. */
function written(value, count, right) {
  const [mantissa, exponent] = value.toPrecision(count).split("e");
  let digits = 0;
  let end = 0; // of what is right, in characters
  for (const [i, c] of [...mantissa].entries()) {
    if (/\d/.test(c) && (digits || c !== "0")) digits += 1;
    if (digits <= right && digits) end = i + 1;
  }
  const text = (part) => part.replace("-", "\u2212");
  const tail = exponent === undefined ? "" : `\u00b7${power(Number(exponent))}`;
  return right ? `<b>${text(mantissa.slice(0, end))}</b>${text(mantissa.slice(end))}${tail}` : text(mantissa) + tail;
}

/** What the picture shows, in a sentence that is true at every setting. */
function describe(now) {
  const { h, x, kink, smooth, sides, found, errors, digits, slope, over, dtype } = now;
  const hue = (name, text) => `<b class="c-${name}">${text}</b>`;
  const how = { forward: "the forward difference", central: "the central one", complex: "the complex step" };
  const refused = "The complex step is refused: |x\u00a0+\u00a0ih| is a real number, so it would answer 0.";
  if (!smooth) {
    const said = `The forward difference says ${hue("forward", short(found.forward, 2))}, the central one ${hue("central", short(found.central, 2))}, which is neither.`;
    return `At its kink |x| has no slope: it is ${short(sides[0])} on the left and ${short(sides[1])} on the right. ${said} ${refused}`;
  }

  const there = METHODS.filter((name) => Number.isFinite(found[name]));
  const stuck = !Number.isFinite(found.forward);
  const score = (name, i) => {
    if (slope === 0) return `${how[name]} ${i ? "by" : "is off by"} ${hue(name, size(errors[name]))}`;
    const count = digits[name];
    const long = count === Infinity ? `all digits of ${dtype}` : count === 1 ? "1 right digit" : `${count || "no"} right digits`;
    return i ? `${how[name]} ${hue(name, count === Infinity ? "all" : count || "none")}` : `${how[name]} has ${hue(name, long)}`;
  };
  const scores = there.map(score).join(", ");
  const parts = [];
  if (stuck) parts.push(`h = ${size(h)} is so small that ${dtype} rounds x + h to x: no forward difference. (Divided by h, it would be 0.)`);
  if (slope === 0) parts.push("The true slope is 0, so digits do not count.");
  if (there.length) parts.push(stuck ? `${scores[0].toUpperCase()}${scores.slice(1)}.` : `With h = ${size(h)} ${scores}.`);

  if (kink !== null) {
    const crossing = QUOTIENTS.filter((name) => over[name] && Number.isFinite(found[name]));
    const who = crossing.length === 2 ? "Both reach" : `The ${crossing[0]} difference reaches`;
    if (crossing.length) parts.push(`${who} over the kink and ${crossing.length === 2 ? "mix" : "mixes"} its slopes, ${short(sides[0])} and ${short(sides[1])}.`);
    else parts.push(`|x| is straight up to its kink, ${size(Math.abs(x - kink))} away, so nothing is cut off.`);
    return [...parts, refused].join(" ");
  }
  if (!Number.isFinite(found.complex)) parts.push("x + ih lies on a pole of f: the complex step has no value.");
  parts.push(`By the formulas ${least("forward", now)}, and ${least("central", now)}.`);
  return parts.join(" ");
}

/** A step or an error in two digits, without zeros at its end. */
const size = (h) => ((h > 0 && h < 9.5e-5) || h > 1e4 ? num(h) : short(Number(h.toPrecision(2)), 6));
const times = (ratio) => num(ratio, ratio < 10 ? 1 : 0);

/** Where the formulas are least, in words. */
function least(name, { best, f0, h }) {
  const term = name === "forward" ? "f\u2033" : "f\u2034";
  if (Number.isNaN(best[name])) return `no ${name} step is best, since f and ${term} are 0`;
  if (best[name] === Infinity) return `no ${name} step is best, since ${term} is 0`;
  if (f0 === 0) return `the smallest ${name} step is best, since f is 0`;
  const at = `the best ${name} step is <b class="c-${name}">${BEST[name]} = ${size(best[name])}</b>`;
  const ratio = h / best[name];
  if (name === "central") return at;
  if (ratio > 1.5) return `${at} (truncation prevails: h is ${times(ratio)} times as large)`;
  return ratio < 1 / 1.5 ? `${at} (rounding prevails: h is ${times(1 / ratio)} times smaller)` : `${at}, about this one`;
}

/** Some of the longest sentences: there must be room for them. */
function longest(F, functions, floats, judge) {
  const of = (name, x, dtype, exponent) => {
    const find = (rows, one) => rows.find(([key]) => key === one);
    return describe(judge(numbers(F, find(functions, name), find(floats, dtype), x), F.step_length(exponent)));
  };
  const stuck = [-4, -0.013, 0.7].map((x) => of("cube", x, x === -4 ? "float64" : "float32", -15.9));
  return [...stuck, of("bell", 0, "float64", 0), of("bell", 1e-9, "float64", -16), of("offset", 0, "float64", -15.9), of("cube", 0, "float64", -5.9), of("abs", -0.01, "float32", -16)];
}

export default exploration({ className: "nn-gradcheck", label: "Exploration: the step of a numerical derivative", build });
