// How far a numerical derivative is off, over its step h: it cuts off where h is large, and rounds away where it is small.
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { along, bar, buttons, choice, clamp, clipped, exploration, handle, keyed, labels, num, power, presets, sentence, textWidth } from "./common.js";

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
  const best = { forward: F.forward_step(f0, f2, eps), central: F.central_step(f0, f3, eps) };
  const sides = kink === null ? null : [-1, 1].map((side) => F[`derivatives_${name}`](kink + side)[0]);
  const smooth = x !== kink;
  return { x, f0, f2, f3, slope, sides, kink, smooth, estimates, predict, best, stuck: F.stuck_below(x, bits), eps, precision, dtype };
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
  title.y.html('error of <tspan class="c-forward nn-strong">forward</tspan>, <tspan class="c-central nn-strong">central</tspan>, <tspan class="c-complex nn-strong">complex step</tspan>');
  const stuck = add("text", "nn-note");
  const none = add("text", "nn-head").attr("text-anchor", "middle");
  const words = each((name) => add("text", `nn-label c-${name}`));

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
      const said = errors.map((name) => `${NAMES[name]} off by ${num(now.errors[name])}`);
      return { min: ranges.exponent[0], max: ranges.exponent[1], now: get("exponent"), text: [`h ${num(now.h)}`, ...said].join(", ") };
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
    value: (of) => of("x"), set: (to) => set({ x: to }), text: () => `x ${num(get("x"))}`,
  }); // prettier-ignore
  choice(view, side, "function", "Function", functions.map(([value, label]) => ({ value, label })));
  choice(view, side, "dtype", "Floats", floats.map(([value]) => ({ value, label: value })));
  presets(view, side);
  figure.append("p").attr("class", "nn-help").text("Thin: the errors as computed. Broad: what the formulas say, least at \u25c6. Drag the knob below, or Tab to it: arrow keys move h, Shift with an arrow by a power of ten.");

  function resize(width) {
    const wide = width >= 760;
    root.classed("nn-wide", wide);
    const W = wide ? width - SIDE : width;
    figure.style("width", `${W}px`);
    const [left, right, top] = [46, W - 12, 30];
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
    axes.y.call(axisLeft(y).tickValues([...ticks(4, -16, 0)]).tickSizeOuter(0).tickFormat(power));
    title.y.attr("x", left).attr("y", top - 12);
    title.x.attr("x", (left + right) / 2).attr("y", bottom + 48).text("step h");
    none.attr("x", (left + right) / 2).attr("y", (top + bottom) / 2);
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
    hair.attr("d", `M${x(exponent)},${box.y0}V${box.y1}`);

    // where the formulas are least, with the number where there is room
    const trace = (values) => along(values.flatMap((value, i) => (Number.isFinite(value) ? [[x(at[i]), Y(value)]] : [])), 2);
    const paths = METHODS.flatMap((name) => [...trace(predicted[name]), ...trace(errors[name])]);
    const spots = METHODS.filter((name) => Number.isFinite(now.errors[name])).map((name) => [x(exponent), Y(now.errors[name])]);
    writing.clear([...paths, ...spots.map(([X, O]) => ({ x0: X - 8, x1: X + 8, y0: O - 8, y1: O + 8 }))]);
    for (const name of METHODS) {
      const h = model.best[name];
      const shown = model.smooth && Math.log10(h) >= low && Math.log10(h) <= high;
      marks[name].attr("display", shown ? null : "none");
      if (!shown) {
        writing.put(words[name], "", []);
        continue;
      }
      const [X, O] = [x(Math.log10(h)), Y(model.predict[name](h))];
      marks[name].attr("transform", `translate(${X},${O})`);
      const rows = [22, 34, 46, 60, -22, -34, 76, 92].map((down) => O + down);
      writing.put(words[name], num(h), rows.flatMap((row) => [[X, row, "middle"], [X + 10, row], [X - 10, row, "end"]]));
    }

    // where x + h is x
    const edge = model.stuck > 0 ? clamp(Math.log10(model.stuck), [low, high]) : low;
    const room = x(edge) - x(low);
    far.attr("width", room);
    const note = ["no forward difference: x + h = x", "x + h = x"].find((text) => textWidth(text, FONT) + 12 < room);
    stuck.attr("x", x(low) + 6).attr("y", box.y0 + 16).text(note ?? "");
    none.text(model.smooth ? "" : "at the kink there is no slope to be off from");

    knob.draw();
    const right = now.precision + 1;
    for (const { name, number } of rows) {
      const value = name === "true" ? model.slope : now.found[name];
      number.html(name === "true" ? (model.smooth ? written(value, right, 0) : "none") : cell(now, name, right));
    }
    where.html(`point <span class="i">x</span> = ${num(get("x"))}`);
    says(describe(now));
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
  const refused = "The complex step is refused: |<span class=\"i\">x</span> + <span class=\"i\">ih</span>| is a real number, so it would answer 0.";
  if (!smooth) {
    const said = `The forward difference says ${hue("forward", num(found.forward))}, the central one ${hue("central", num(found.central))}, which is neither.`;
    return `At the kink the slope is ${num(sides[0])} on the left and ${num(sides[1])} on the right. ${said} ${refused}`;
  }

  const there = METHODS.filter((name) => Number.isFinite(found[name]));
  const parts = [];
  if (!Number.isFinite(found.forward)) parts.push(`h = ${num(h)} is so small that ${dtype} rounds x + h to x: no forward difference. (Divided by h it would be 0.)`);
  const score = (name, first) => {
    if (slope === 0) return `${how[name]} is off by ${hue(name, num(errors[name]))}`;
    const count = digits[name] === Infinity ? `all digits of ${dtype}` : `${digits[name] || "no"} right digit${digits[name] === 1 ? "" : "s"}`;
    return `${how[name]} ${first ? "has " : ""}${hue(name, count)}`;
  };
  const scores = there.map((name, i) => score(name, i === 0)).join(", ");
  parts.push(`${slope === 0 ? "The true slope is 0, so we count no digits: w" : "W"}ith h = ${num(h)} ${scores}.`);

  if (kink !== null) {
    const crossing = QUOTIENTS.filter((name) => over[name] && Number.isFinite(found[name]));
    const who = crossing.length === 2 ? "Both differences reach" : crossing[0] === "forward" ? "The forward difference reaches" : "The central difference reaches";
    if (crossing.length) parts.push(`${who} over the kink and ${crossing.length === 2 ? "mix" : "mixes"} its slopes, ${num(sides[0])} and ${num(sides[1])}.`);
    else parts.push(`|<span class="i">x</span>| is straight up to its kink at 0, ${num(Math.abs(x))} away, so nothing is cut off.`);
    return [...parts, refused].join(" ");
  }
  if (!Number.isFinite(found.complex)) parts.push("x + ih lies on a pole of f: the complex step has no value.");
  parts.push(`By the formulas the forward one is best ${least("forward", now)}, the central one ${least("central", now)}.`);
  return parts.join(" ");
}

/** Where the formulas are least, in words. */
function least(name, { best, f0, h }) {
  const term = name === "forward" ? "f\u2033" : "f\u2034";
  if (Number.isNaN(best[name])) return `nowhere, since f and ${term} are 0`;
  if (best[name] === Infinity) return `nowhere, since ${term} is 0`;
  if (f0 === 0) return "at the smallest h, since f is 0";
  const ratio = h / best[name];
  const at = `<b class="c-${name}">at ${BEST[name]} = ${num(best[name])}</b>`;
  if (name === "central") return at;
  return `${at} (${ratio > 1.5 ? "here, truncation prevails" : ratio < 1 / 1.5 ? "here, rounding prevails" : "about here"})`;
}

/** Some of the longest sentences: there must be room for them. */
function longest(F, functions, floats, judge) {
  const of = (name, x, dtype, exponent) => {
    const find = (rows, one) => rows.find(([key]) => key === one);
    return describe(judge(numbers(F, find(functions, name), find(floats, dtype), x), F.step_length(exponent)));
  };
  return [of("cube", 0.7, "float32", -16), of("offset", 0, "float64", -15.9), of("abs", -0.01, "float32", -16), of("bell", 1e-9, "float64", -16), of("cube", 0, "float64", -5.9)];
}

export default exploration({ className: "nn-gradcheck", label: "Exploration: the step of a numerical derivative", build });
