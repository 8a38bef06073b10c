// Momentum on a quadratic with a flat and a steep direction: the path, the map of regimes, and the loss in each direction.
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear, scaleSqrt } from "d3-scale";
import { area, line } from "d3-shape";
import { along, bar, choice, clamp, clipped, exploration, handle, keyed, labels, near, num, power, presets, sentence, short } from "./common.js";

const PARTS = ["flat", "steep"];
const SIDE = 330; // the column of words beside the picture
const GAP = 24;
const PLANE = 2.3; // half of the height that the path is drawn in
const LOSSES = [-7, 2]; // powers of ten; what is less is not drawn, what is more leaves the picture
const LEVELS = 9; // lines of equal loss, each at twice the loss of the one inside
const TURNS = 12; // starts all around, when there are several
const ROWS = 60; // of the map
const REGIMES = ["monotone", "ripples", "oscillating", "divergent"]; // as Python names them; on a border "critical", "marginal"
const RIVALS = { nesterov: "look-ahead", inside: "rate inside", weight: "previous weight" }; // what is dashed
const SPOTS = { // where the map has room for the names, as rate and momentum
  monotone: [[0.09, 0.25], [0.1, 0.1], [0.05, 0.45], [0.3, 0.05]],
  ripples: [[1, 0.6], [0.8, 0.75], [1.5, 0.5], [0.7, 0.42], [1.6, 0.85]],
  oscillating: [[2, 0.075], [2.05, 0.13], [1.85, 0.04]],
  divergent: [[3.2, 0.3], [3.2, 0.15], [3.3, 0.42], [3.1, 0.05]],
}; // prettier-ignore

/** A knob that moves in a plane: left and right, Home and End along the first number, up and down along the second. */
function planar(view, parent, { ranges, steps, scales, value, set, ...rest }) {
  const put = (pair) => set(pair.map((one, i) => clamp(one, ranges[i])));
  let last = 0; // the axis that was moved last is the one to speak of
  return handle(view, parent, {
    ...rest,
    at: () => ({ x: scales[0](value(view.see)[0]), y: scales[1](value(view.see)[1]) }),
    drag: (to) => put([scales[0].invert(to.x), scales[1].invert(to.y)]),
    key: (event) => {
      const axis = Number(/Up|Down/.test(event.key));
      const [low, high] = ranges[axis];
      const to = keyed(event, value(view.get)[axis], { low, high, step: steps[axis] });
      if (to === undefined) return;
      last = axis;
      put(value(view.get).map((one, i) => (i === axis ? to : one)));
    },
    aria: () => ({ min: ranges[last][0], max: ranges[last][1], now: value(view.get)[last], text: rest.words(), axis: "xy"[last] }),
  });
}

/**
 * How one direction moves from rest: pieces of constant rate, each with where it is after k steps, `at(k)`, and what bounds
 * it from there on, `bound(k)`. There is a second piece if the rate falls.
 */
function motion(F, rule, { rate, momentum, curvature, start, fall = null, low, inside = false }) {
  const piece = (from, alpha, velocity, error) => {
    const of = (formula) => (k) => F[`${rule}_${formula}`](alpha, momentum, curvature, velocity, error, k - from);
    const state = of("state");
    const envelope = of("envelope");
    const early = (k) => (rule === "momentum" ? F.early_bound(alpha, momentum, curvature, velocity, error, k - from) : Infinity);
    return { from, state, at: (k) => state(k)[1], bound: (k) => Math.min(envelope(k), early(k)) };
  };
  const pieces = [piece(0, rate, 0, start)];
  if (fall !== null) {
    const [velocity, error] = pieces[0].state(fall);
    pieces.push(piece(fall, low, inside ? F.kept_velocity(velocity, rate, low) : velocity, error));
  }
  const now = (k) => pieces[fall !== null && k >= fall ? 1 : 0];
  const settles = start === 0 || F[`${rule}_rate`](fall === null ? rate : low, momentum, curvature) < 1;
  return { pieces, settles, at: (k) => now(k).at(k), bound: (k) => now(k).bound(k) };
}

/** How many times its size an error becomes on the way, from rest; the bound says from where on nothing larger comes. */
function transient(F, setting) {
  const { at, bound, settles } = motion(F, "momentum", { ...setting, start: 1 });
  let largest = 1;
  if (settles) for (let k = 0; bound(k) >= largest; k++) largest = Math.max(largest, Math.abs(at(k)));
  return largest;
}

/**
 * After how many steps the distance from the minimum stays within a tenth of its start: by bisection, with the bounds, and
 * then back step by step. A bound may rise once before it falls, and alternate between two of the kind.
 */
function tenth(motions) {
  const distance = (k) => Math.hypot(...motions.map((one) => one.at(k)));
  const goal = distance(0) / 10;
  if (goal === 0) return 0;
  if (!motions.every(({ settles }) => settles)) return Infinity;
  const falls = ({ bound }, k) => bound(k + 2) <= bound(k) && bound(k + 3) <= bound(k + 1);
  const below = (k) => motions.every((one) => falls(one, k)) && Math.hypot(...motions.map(({ bound }) => Math.max(bound(k), bound(k + 1)))) <= goal;
  const { from } = motions[0].pieces.at(-1);
  let [low, high] = [from - 1, from];
  while (!below(high)) [low, high] = [high, 2 * high + 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (below(middle)) high = middle;
    else low = middle;
  }
  while (high > 0 && distance(high - 1) <= goal) high -= 1;
  return high;
}

function build(view, F) {
  const { root, get, see, set } = view;
  const { ranges, steps, plane, kinds, shown, factor, normals } = get("_setup");
  const counts = Array.from({ length: shown + 1 }, (_, k) => k);

  // ---- what is on the page, from back to front ----
  const panel = (name, title, label) => {
    const parent = root.append("div").attr("class", `nn-panel nn-${name}-panel`);
    parent.append("p").attr("class", "nn-cap").html(title);
    const svg = parent.append("svg").attr("role", "group").attr("aria-label", label);
    const back = svg.append("g").attr("aria-hidden", "true");
    const box = { x0: 0, x1: 0, y0: 0, y1: 0 };
    return { parent, svg, back, box, writing: labels(back, box), add: (tag, className, to = back) => to.append(tag).attr("class", className) };
  };
  const path = panel("way", "<b>Path of the weights</b> drag the start", "Path of the weights on lines of equal loss");
  const map = panel("map", '<b>Regimes</b> drag the <b class="c-steep">steep</b> dot: <span class="nn-now"></span>', "Map of rate times curvature and momentum, with its regimes");
  const speech = root.append("div").attr("class", "nn-speech");
  const decay = panel("decay", '<b>Loss</b> dots: the <b class="c-flat">flat</b> and the <b class="c-steep">steep</b> direction; bands: their envelopes<span class="nn-sum">; solid: the sum; dashed: <span class="nn-rival"></span></span><span class="nn-shaken">; grey: one noisy run</span>', "Loss in each direction over the steps, in powers of ten");
  const side = root.append("div").attr("class", "nn-side");
  const more = root.append("div").attr("class", "nn-more");

  // the path
  const surface = { path: path.add("rect", "nn-surface"), map: map.add("rect", "nn-surface") };
  const sheet = clipped(path.back, "rect");
  const levels = Array.from({ length: LEVELS }, () => path.add("ellipse", "nn-contour c-mute", sheet.group));
  const current = map.parent.select(".nn-now");
  const also = { sum: decay.parent.select(".nn-sum"), rival: decay.parent.select(".nn-rival"), shaken: decay.parent.select(".nn-shaken") }; // hidden, they keep their room
  const axes = PARTS.map((name) => path.add("path", `nn-dash c-${name}`, sheet.group));
  const others = path.add("path", "nn-thin c-mute", sheet.group);
  const noisy = path.add("path", "nn-thin c-mute", sheet.group);
  const compared = path.add("path", "nn-way nn-dashed c-other", sheet.group);
  const way = path.add("path", "nn-way", sheet.group);
  const stops = path.add("path", "nn-stops", sheet.group);
  const starts = path.add("path", "nn-stops c-mute", sheet.group);
  const goal = path.add("path", "nn-goal").attr("d", "M-6,0H6M0,-6V6");
  const ends = PARTS.map((name) => path.add("text", `nn-label c-${name}`).text(name));
  const sx = scaleLinear().domain([-PLANE, PLANE]);
  const sy = scaleLinear().domain([-PLANE, PLANE]);

  // the map
  const regions = REGIMES.map((name) => map.add("path", `nn-region r-${name}`));
  const theirs = map.add("path", "nn-border c-other");
  const mapAxes = { x: map.add("g", "nn-axis"), y: map.add("g", "nn-axis") };
  const link = map.add("path", "nn-line c-flat");
  const best = map.add("path", "nn-best c-ink").attr("d", "M0,-9L2.6,-2.9L9,-2.7L4,1.3L5.8,7.7L0,4L-5.8,7.7L-4,1.3L-9,-2.7L-2.6,-2.9Z");
  const theirBest = map.add("path", "nn-best c-other").attr("d", best.attr("d"));
  const flat = map.add("circle", "nn-dot c-flat").attr("r", 6);
  const lowered = PARTS.map((name) => map.add("circle", `nn-lowered c-${name}`).attr("r", 5)); // where the rate puts them after it fell
  const names = REGIMES.map(() => map.add("text", "nn-label nn-regime"));
  const words = { flat: map.add("text", "nn-label c-flat"), steep: map.add("text", "nn-label c-steep"), best: map.add("text", "nn-label c-ink"), theirs: map.add("text", "nn-label c-other"), theirBest: map.add("text", "nn-label c-other") };
  const titles = { x: map.add("text", "nn-note").attr("text-anchor", "middle"), y: map.add("text", "nn-note") };
  titles.x.html('rate \u00d7 curvature <tspan class="i">\u03b1\u03bb</tspan>, root scale');
  titles.y.html('momentum <tspan class="i">\u03b2</tspan>');
  const mx = scaleSqrt().domain([0, ranges.rate[1]]);
  const my = scaleLinear().domain([0, 1]);

  // the loss
  const decayAxes = { x: decay.add("g", "nn-axis"), y: decay.add("g", "nn-axis") };
  const frame = clipped(decay.back, "rect");
  const envelopes = PARTS.map((name) => decay.add("path", `nn-theory c-${name}`, frame.group));
  const dots = PARTS.map((name) => decay.add("path", `nn-stops c-${name}`, frame.group));
  const total = decay.add("path", "nn-way", frame.group);
  const noise = decay.add("path", "nn-thin c-mute", frame.group);
  const rival = decay.add("path", "nn-way nn-dashed c-other", frame.group);
  const floor = decay.add("path", "nn-line c-noise", frame.group);
  const falling = decay.add("path", "nn-hair");
  const tags = { floor: decay.add("text", "nn-label c-noise"), fall: decay.add("text", "nn-note"), step: decay.add("text", "nn-note").attr("text-anchor", "middle").text("step") };
  const kx = scaleLinear().domain([0, shown]);
  const ky = scaleLinear().domain(LOSSES);

  // ---- handles ----
  const begin = planar(view, path.svg, {
    label: "Start", className: "c-ink", ranges: [plane, plane], steps: [steps.start, steps.start], scales: [sx, sy],
    value: (of) => of("start"), set: (start) => set({ start }),
    words: () => `start at ${short(get("start")[0], 2)} in the flat and ${short(get("start")[1], 2)} in the steep direction`,
  }); // prettier-ignore
  const setting = planar(view, map.svg, {
    label: "Rate and momentum", className: "c-steep", ranges: [ranges.rate, ranges.momentum], steps: [steps.rate, steps.momentum], scales: [mx, my],
    value: (of) => [of("rate"), of("momentum")], set: ([rate, momentum]) => set({ rate, momentum }),
    words: () => {
      const regimes = regimesOf(get, "momentum", get("rate"));
      return `rate ${short(get("rate"), 3)}, momentum ${short(get("momentum"), 3)}; steep ${regimes[1]}, flat ${regimes[0]}`;
    },
  }); // prettier-ignore
  const fall = handle(view, decay.svg, {
    label: "Step at which the rate falls", className: "c-mute", knob: "flat",
    at: () => ({ x: kx(see("fall")), y: decay.box.y1 }),
    drag: (to) => set({ fall: Math.round(clamp(kx.invert(to.x), ranges.fall)) }),
    key: (event) => {
      const to = keyed(event, get("fall"), { low: ranges.fall[0], high: ranges.fall[1], step: steps.fall });
      if (to !== undefined) set({ fall: to });
    },
    aria: () => ({ min: ranges.fall[0], max: ranges.fall[1], now: get("fall"), text: `the rate falls to a tenth at step ${get("fall")}` }),
  }); // prettier-ignore
  begin.comes(surface.path.node());
  setting.comes(surface.map.node());

  // ---- words and controls ----
  const says = sentence(view, speech, { longest: longest() });
  const slider = (name, options) => {
    const row = side.append("div").attr("class", "nn-knob-row");
    const text = row.append("span").attr("aria-hidden", "true");
    const exponents = ranges[name].map(Math.log10);
    const put = (to) => set({ [name]: clamp(Number((10 ** to).toPrecision(3)), ranges[name]) });
    bar(view, row, { className: "c-mute", range: exponents, step: steps[name], value: (of) => Math.log10(of(name)), set: put, ...options });
    return { row, text };
  };
  const condition = slider("condition", { label: "Condition number", text: () => `condition number ${short(get("condition"), 1)}` });
  choice(view, side, "overlay", "Compare with", [
    { value: "none", label: "nothing" },
    { value: "nesterov", label: "Nesterov\u2019s look-ahead", className: "c-other" },
    { value: "inside", label: "a falling rate, inside the velocity", className: "c-other" },
    { value: "weight", label: "the previous <em>weight</em> remembered", className: "c-wrong" },
  ]);
  choice(view, side, "runs", "Runs", [
    { value: "one", label: "one" },
    { value: "several", label: "from several starts" },
    { value: "noisy", label: "with noise on the gradient" },
  ]);
  const level = slider("noise", { label: "Noise", text: () => `noise ${short(get("noise"), 3)}` });
  presets(view, more);
  more.append("p").attr("class", "nn-help").text("Drag a knob, or Tab to it: arrow keys move it, Shift with an arrow moves it ten times as far, Home and End go to the ends.");

  let theirLines = []; // of Nesterov's borders, for labels to keep clear of
  function resize(width) {
    const wide = width >= 980;
    const half = width >= 600;
    root.classed("nn-wide", wide).classed("nn-half", half && !wide);
    const room = wide ? width - SIDE - GAP : width;
    const W = half ? Math.floor((room - GAP) / 2) : width;
    const H = Math.round(clamp(0.72 * W, [210, 330]));
    const set1 = ({ svg, box }, w, h, [left, top, right, bottom]) => {
      svg.attr("width", w).attr("height", h).attr("viewBox", `0 0 ${w} ${h}`);
      Object.assign(box, { x0: left, x1: w - right, y0: top, y1: h - bottom });
    };
    const fill = (rect, { x0, x1, y0, y1 }) => rect.attr("x", x0).attr("y", y0).attr("width", x1 - x0).attr("height", y1 - y0);
    set1(path, W, H, [0, 0, 0, 0]);
    const unit = H / (2 * PLANE);
    sx.range([W / 2 - PLANE * unit, W / 2 + PLANE * unit]);
    sy.range([H / 2 + PLANE * unit, H / 2 - PLANE * unit]);
    for (const rect of [sheet.bounds, surface.path]) fill(rect, path.box);
    axes[0].attr("d", `M0,${sy(0)}H${W}`);
    axes[1].attr("d", `M${sx(0)},0V${H}`);
    goal.attr("transform", `translate(${sx(0)},${sy(0)})`);
    ends[0].attr("x", W - 6).attr("y", sy(0) - 7).attr("text-anchor", "end");
    ends[1].attr("x", sx(0) + 7).attr("y", 14);

    set1(map, W, H, [36, 20, 10, 40]);
    mx.range([map.box.x0, map.box.x1]);
    my.range([map.box.y1, map.box.y0]);
    fill(surface.map, map.box);
    const rows = Array.from({ length: ROWS + 1 }, (_, i) => (i / ROWS) ** 2); // closer where the borders bend
    const edges = rows.map((beta) => [0, ...F.momentum_borders(beta), ranges.rate[1]]);
    const band = (i) => area().y((_, row) => my(rows[row])).x0((edge) => mx(edge[i])).x1((edge) => mx(edge[i + 1])); // prettier-ignore
    regions.forEach((region, i) => region.attr("d", band(i)(edges)));
    const nesterov = rows.map((beta) => F.nesterov_borders(beta));
    theirLines = [0, 1, 2].map((i) => nesterov.map((borders, row) => [mx(borders[i]), my(rows[row])]));
    theirs.attr("d", theirLines.map((points) => line()(points)).join(""));
    mapAxes.x.attr("transform", `translate(0,${map.box.y1})`).call(axisBottom(mx).tickValues([0, 0.1, 0.5, 1, 2, 3, 4]).tickSizeOuter(0).tickFormat((v) => short(v)));
    mapAxes.y.attr("transform", `translate(${map.box.x0},0)`).call(axisLeft(my).tickValues([0, 0.25, 0.5, 0.75, 1]).tickSizeOuter(0).tickFormat((v) => short(v)));
    titles.x.attr("x", (map.box.x0 + map.box.x1) / 2).attr("y", H - 4);
    titles.y.attr("x", 0).attr("y", 10);

    set1(decay, room, 240, [42, 8, 14, 46]);
    kx.range([decay.box.x0, decay.box.x1]);
    ky.range([decay.box.y1, decay.box.y0]);
    fill(frame.bounds, decay.box);
    decayAxes.x.attr("transform", `translate(0,${decay.box.y1})`).call(axisBottom(kx).ticks(room < 480 ? 5 : 10).tickSizeOuter(0).tickPadding(9));
    decayAxes.y.attr("transform", `translate(${decay.box.x0},0)`).call(axisLeft(ky).tickValues([-6, -4, -2, 0, 2]).tickSizeOuter(0).tickFormat(power));
    tags.step.attr("x", (decay.box.x0 + decay.box.x1) / 2).attr("y", 236);
  }

  const regimesOf = (of, rule, rate) => [1 / of("condition"), 1].map((curvature) => kinds[F[`${rule}_regime`](rate, of("momentum"), curvature)]);

  /** Everything that is said about one setting. */
  function judge(of) {
    const [rate, momentum, condition, start, overlay, runs, noise] = ["rate", "momentum", "condition", "start", "overlay", "runs", "noise"].map(of);
    const curvatures = [1 / condition, 1];
    const falls = overlay === "inside";
    const [fall, low] = falls ? [Math.round(of("fall")), factor * rate] : [null, rate];
    const each = (formula, ...words) => curvatures.map((curvature) => formula(...words, curvature));
    const moves = (rule, more) => curvatures.map((curvature, i) => motion(F, rule, { rate, momentum, curvature, start: start[i], fall, low, ...more }));
    const heavy = moves("momentum");
    const other = overlay === "nesterov" ? moves("nesterov") : falls ? moves("momentum", { inside: true }) : null;
    const ideal = F.best_momentum(...curvatures);
    const swift = moves("momentum", { rate: ideal[0], momentum: ideal[1], fall: null });
    const regimes = regimesOf(of, "momentum", rate);
    const later = regimesOf(of, "momentum", low);
    const floor = (alpha, kinds) => (restless(kinds) ? null
      : sum(curvatures.map((curvature) => F.stationary_loss(alpha, momentum, curvature, noise ** 2)))); // prettier-ignore
    return {
      rate, momentum, condition, start, overlay, runs, noise, shown, curvatures, falls, fall, low, heavy, other, ideal,
      regimes, later,
      theirs: regimesOf(of, "nesterov", rate),
      growth: each(F.momentum_rate, low, momentum),
      theirGrowth: each(F.nesterov_rate, rate, momentum),
      border: F.momentum_borders(momentum).at(-1),
      first: curvatures.map((curvature, i) => (start[i] === 0 || falls ? 1 : transient(F, { rate, momentum, curvature }))),
      away: curvatures.map((curvature) => Math.abs(F.previous_weight_step(rate, momentum, curvature, 0, 1))), // for how the error's distance from its end grows
      takes: tenth(heavy),
      otherTakes: other && tenth(other),
      least: tenth(swift),
      floor: floor(low, later),
      firstFloor: floor(rate, regimes),
    };
  } // prettier-ignore

  function draw(width, resized) {
    if (resized) resize(width);
    const now = judge(see);
    const { rate, momentum, condition: kappa, start, overlay, runs, curvatures, heavy, other, falls } = now;
    const loss = (errors) => sum(errors.map((error, i) => F.quadratic_loss(curvatures[i], error)));
    const big = (v) => clamp(v, [-1e4, 1e4]);
    const place = (errors) => [big(sx(errors[0])), big(sy(errors[1]))];
    const grows = now.takes === Infinity;

    // lines of equal loss
    levels.forEach((ellipse, i) => {
      const [rx, ry] = curvatures.map((curvature) => F.level_radius(curvature, 0.01 * 2 ** i));
      ellipse.attr("cx", sx(0)).attr("cy", sy(0)).attr("rx", sx(rx) - sx(0)).attr("ry", sy(0) - sy(ry));
    });

    // the paths
    const errors = counts.map((k) => heavy.map((one) => one.at(k)));
    const line2 = (points) => line()(cut(points.map(place), path.box, grows));
    way.attr("d", line2(errors));
    stops.attr("d", dotted(cut(errors.map(place), path.box, grows)));
    const rivals = overlay === "weight" ? remembered(F, now, counts) : other && counts.map((k) => other.map((one) => one.at(k)));
    const hue = overlay === "weight" ? "c-wrong" : "c-other";
    for (const each of [compared, rival]) each.attr("class", `nn-way nn-dashed ${hue}`);
    compared.attr("d", rivals && line()(cut(rivals.map(place), path.box, overlay === "weight" || now.otherTakes === Infinity)));
    const turned = runs === "several" ? Array.from({ length: TURNS - 1 }, (_, i) => turn(start, (i + 1) / TURNS)) : [];
    if (turned.length) {
      const units = curvatures.map((curvature) => motion(F, "momentum", { rate, momentum, curvature, start: 1, fall: now.fall, low: now.low }));
      const scales = counts.map((k) => units.map((one) => one.at(k)));
      others.attr("d", turned.map((from) => line2(scales.map((scale) => scale.map((one, i) => one * from[i])))).join(""));
    } else others.attr("d", null);
    starts.attr("d", dotted(turned.map(place)));
    const shaken = runs === "noisy" ? withNoise(F, now, normals) : null;
    noisy.attr("d", shaken && line()(cut(shaken.map(place), path.box, grows)));

    // the map
    theirs.attr("display", overlay === "nesterov" ? null : "none");
    const [xf, xs, y] = [mx(rate / kappa), mx(rate), my(momentum)];
    link.attr("d", `M${xf},${y}H${xs}`);
    flat.attr("cx", xf).attr("cy", y);
    lowered.forEach((ring, i) => ring.attr("display", falls ? null : "none").attr("cx", mx(now.low * curvatures[i])).attr("cy", y));
    const ahead = overlay === "nesterov";
    const spot = ([alpha, beta]) => [mx(alpha), my(beta)];
    const [star, theirStar] = [spot(now.ideal), spot(F.best_nesterov(...curvatures))];
    best.attr("transform", `translate(${star})`);
    theirBest.attr("display", ahead ? null : "none").attr("transform", `translate(${theirStar})`);
    const square = (x, down, r) => ({ x0: x - r, x1: x + r, y0: down - r, y1: down + r });
    const dashes = ahead ? theirLines.flatMap((points) => along(points, 2)) : [];
    map.writing.clear([square(xs, y, 12), square(xf, y, 8), square(...star, 9), ...along([[xf, y], [xs, y]], 3), ...dashes, ...(ahead ? [square(...theirStar, 9)] : []), ...(falls ? curvatures.map((curvature) => square(mx(now.low * curvature), y, 6)) : [])]);
    const above = (x) => [[x, y - 20, "middle"], [x, y + 20, "middle"], [x + 17, y], [x - 17, y, "end"], [x - 6, y + 20], [x + 6, y + 20, "end"]];
    const alike = kappa === 1; // two dots on each other
    map.writing.put(words.steep, alike ? "flat and steep" : "steep", above(xs));
    map.writing.put(words.flat, alike ? "" : "flat", above(xf));
    const beside = ([x, down]) => [[x + 13, down], [x - 13, down, "end"], [x, down - 17, "middle"], [x, down + 17, "middle"], [x + 10, down + 17], [x - 10, down + 17, "end"], [x + 10, down - 17], [x - 10, down - 17, "end"]];
    map.writing.put(words.best, ahead ? "plain best" : "best", beside(star));
    map.writing.put(words.theirs, ahead ? "Nesterov diverges" : "", [0.88, 0.7, 0.55].map((beta) => [mx(F.nesterov_borders(beta)[2]) + 7, my(beta)]));
    map.writing.put(words.theirBest, ahead ? "Nesterov\u2019s best" : "", [...beside(theirStar), [theirStar[0] - 34, theirStar[1], "end"]]);
    names.forEach((node, i) => map.writing.put(node, REGIMES[i], SPOTS[REGIMES[i]].map(([alpha, beta]) => [mx(alpha), my(beta), "middle"])));

    // the loss by direction
    const height = (value) => ky(value > 0 ? clamp(Math.log10(value), [LOSSES[0] - 9, LOSSES[1] + 9]) : LOSSES[0] - 9);
    curvatures.forEach((curvature, i) => {
      const single = (error) => height(F.quadratic_loss(curvature, error));
      dots[i].attr("d", dotted(errors.map((pair, k) => [kx(k), single(pair[i])])));
      const lines = heavy[i].pieces.map(({ from, bound }, n, all) => {
        const until = all[n + 1]?.from ?? shown;
        return line()(counts.slice(from, until + 1).map((k) => [kx(k), single(bound(k))]));
      });
      envelopes[i].attr("d", start[i] === 0 ? null : lines.join(""));
    });
    const whole = (all) => line()(all.map((pair, k) => [kx(k), height(loss(pair))]));
    total.attr("d", rivals ? whole(errors) : null);
    rival.attr("d", rivals && whole(rivals));
    noise.attr("d", shaken && whole(shaken));
    const settles = runs === "noisy" && now.floor !== null;
    const end = kx(falls ? now.fall : shown);
    const before = runs === "noisy" && now.firstFloor !== null ? `M${decay.box.x0},${height(now.firstFloor)}H${end}` : "";
    floor.attr("d", before + (settles && falls ? `M${end},${height(now.floor)}H${decay.box.x1}` : ""));
    const step = kx(see("fall"));
    falling.attr("d", falls ? `M${step},${decay.box.y0}V${decay.box.y1}` : null);
    const marks = errors.flatMap((pair, k) => pair.map((error, i) => square(kx(k), height(F.quadratic_loss(curvatures[i], error)), 3)));
    decay.writing.clear(marks.concat(along([[decay.box.x0, height(now.floor ?? 0)], [decay.box.x1, height(now.floor ?? 0)]], 1)));
    const rows = [-12, 12, -26, 26].map((down) => height(now.floor ?? 0) + down);
    const columns = [0.99, 0.9, 0.8, 0.7, 0.6, 0.5].map((part) => decay.box.x0 + part * (decay.box.x1 - decay.box.x0));
    decay.writing.put(tags.floor, settles ? `noise floor ${num(now.floor)}` : "", columns.flatMap((x) => rows.map((row) => [x, row, "end"])));
    decay.writing.put(tags.fall, falls ? "rate \u00f7 10" : "", [[step + 6, decay.box.y0 + 10], [step - 6, decay.box.y0 + 10, "end"]]);

    // handles and words
    begin.draw();
    setting.draw();
    fall.group.attr("display", falls ? null : "none");
    fall.draw();
    also.sum.style("visibility", rivals ? null : "hidden");
    also.rival.text(RIVALS[overlay] ?? RIVALS.inside);
    also.shaken.style("visibility", shaken ? null : "hidden");
    current.text(`rate ${short(get("rate"), 3)}, momentum ${short(get("momentum"), 3)}`);
    condition.text.text(`condition number ${short(get("condition"), 1)}`);
    level.row.style("visibility", runs === "noisy" ? null : "hidden");
    level.text.text(`noise ${short(get("noise"), 3)}`);
    says(describe(now));
  }

  return draw;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** A dot at each point of a picture. */
const dotted = (points) => points.map(([x, y]) => `M${x.toFixed(1)},${y.toFixed(1)}h0`).join("");

/** A path that grows ends where it has left the picture. */
function cut(points, { x0, x1, y0, y1 }, grows) {
  const out = grows ? points.findIndex(([x, y]) => x < x0 - 40 || x > x1 + 40 || y < y0 - 40 || y > y1 + 40) : -1;
  return out < 0 ? points : points.slice(0, out + 1);
}

/** A point, turned around the origin by a part of a circle. */
function turn([x, y], part) {
  const [c, s] = [Math.cos(2 * Math.PI * part), Math.sin(2 * Math.PI * part)];
  return [c * x - s * y, s * x + c * y];
}

/** The run of the asker's guess, in which the previous weight takes the place of the previous change. */
function remembered(F, { rate, momentum, curvatures, start }, counts) {
  const step = (errors) => errors.map((error, i) => F.previous_weight_step(rate, momentum, curvatures[i], start[i], error));
  const all = [start];
  while (all.length < counts.length) all.push(step(all.at(-1)));
  return all;
}

/** A run with noise on the gradient: the same numbers each time. */
function withNoise(F, { rate, low, momentum, curvatures, start, noise, fall }, normals) {
  const states = curvatures.map((_, i) => [0, start[i]]);
  const all = [start];
  normals.forEach((pair, k) => {
    const now = fall !== null && k >= fall ? low : rate;
    curvatures.forEach((curvature, i) => (states[i] = F.noisy_step(now, momentum, curvature, ...states[i], noise * pair[i])));
    all.push(states.map(([, error]) => error));
  });
  return all;
}

const VERBS = {
  monotone: ["is monotone", "are monotone"], critical: ["is critical", "are critical"], ripples: ["ripples", "ripple"],
  oscillating: ["oscillates", "oscillate"], marginal: ["never settles", "never settle"], divergent: ["diverges", "diverge"],
}; // prettier-ignore
const hue = (i) => `<b class="c-${PARTS[i]}">${PARTS[i]}</b>`;
const verb = (regime, many = 0) => `<em class="nn-chip r-${regime}">${VERBS[regime][many]}</em>`;
const directions = ([flat, steep]) => (flat === steep ? `both directions ${verb(flat, 1)}` : `the ${hue(1)} direction ${verb(steep)}, the ${hue(0)} one ${verb(flat)}`);
const restless = (regimes) => regimes.some((kind) => kind === "divergent" || kind === "marginal");
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** What the picture shows, in a sentence that is true at every setting. */
function describe(now) {
  const { low, momentum, curvatures, start, overlay, runs, shown, falls, fall, regimes, later, theirs, growth, theirGrowth, border, first, away, takes, otherTakes, least, floor } = now;
  const parts = [];
  const still = start.every((one) => one === 0);
  const far = (number) => (number > shown ? " (beyond the picture)" : "");
  const within = (number) => count(number) + far(number);
  const them = (text) => `<b class="c-other">${text}</b>`;
  const without = momentum === 0 ? "without momentum " : overlay === "nesterov" ? "without look-ahead " : "";
  const same = regimes.every((kind, i) => kind === later[i]);
  const before = same ? `From step ${fall} on` : `Until step ${fall} (dots on the map) ${directions(regimes)}; then`;
  if (falls) parts.push(`${before}, at a tenth of the rate (rings), ${directions(later)}.`);
  else parts.push(capital(`${without}${directions(regimes)}.`));

  const wild = later.lastIndexOf("divergent");
  const marginal = later.lastIndexOf("marginal");
  if (wild >= 0) {
    const product = near(low * curvatures[wild], border);
    const above = Number(product) > Number(short(border)) ? "above" : "just above";
    const alike = curvatures[0] === curvatures[1];
    const what = alike ? "Errors in both directions grow alike," : `An error in the ${hue(wild)} direction grows`;
    parts.push(`${what} <strong>${near(growth[wild], 1)}-fold a step</strong> in the long run, since <span class="i">\u03b1\u03bb</span> = ${product} is ${above} 2\u00a0+\u00a02<span class="i">\u03b2</span> = ${short(border)}.`);
  } else if (marginal >= 0) parts.push(`In the ${hue(marginal)} direction <span class="i">\u03b1\u03bb</span> is exactly 2\u00a0+\u00a02<span class="i">\u03b2</span>: an error there neither grows for ever nor dies out.`);
  else if (still) parts.push("The start is the minimum: nothing moves.");
  else {
    const rest = falls ? `; with the rate ${them("inside the velocity")}, where the old speed lasts, after ${within(otherTakes)}`
      : overlay === "none" ? `; with the long-run best (\u2605), after ${within(least)}`
      : overlay === "nesterov" && !restless(theirs) ? `; with ${them("Nesterov\u2019s look-ahead")}, after ${within(otherTakes)}` : ""; // prettier-ignore
    parts.push(`After <strong>${steps(takes)}</strong>${far(takes)} the distance to the minimum stays below a tenth of its start${rest}.`);
  }
  const grown = [1, 0].filter((i) => wild < 0 && first[i] > 1.005);
  for (const i of grown) parts.push(`At first the ${hue(i)} error grows to <strong>${num(first[i])} times</strong> its size.`);

  if (overlay === "nesterov") {
    const wilder = theirs.lastIndexOf("divergent");
    if (wilder >= 0) parts.push(`${them("Nesterov\u2019s")} ${hue(wilder)} error grows ${near(theirGrowth[wilder], 1)}-fold a step.`);
    else if (theirs.includes("marginal")) parts.push(`${them("Nesterov\u2019s")} ${hue(theirs.lastIndexOf("marginal"))} error neither grows for ever nor dies out.`);
    else if (restless(regimes)) parts.push(`With ${them("Nesterov\u2019s look-ahead")}, the distance stays below a tenth of its start after ${steps(otherTakes)}${far(otherTakes)}.`);
  } else if (overlay === "weight") {
    const worst = away[0] >= away[1] ? 0 : 1;
    const guess = '<b class="c-wrong">Remembering the weight</b> (0 at the start)';
    if (momentum === 0) parts.push(`${guess} changes nothing, since <span class="i">\u03b2</span> is 0.`);
    else if (away[worst] > 1) parts.push(`${guess}, the ${hue(worst)} direction runs away, ${near(away[worst], 1)}-fold a step.`);
    else parts.push(`${guess}, it comes to rest beside the minimum.`);
  }
  if (runs === "noisy" && floor !== null) parts.push(`The noise keeps the loss at <strong>${num(floor)}</strong> on average.`);
  return parts.join(" ");
}

const count = (number) => num(number, 0);
const steps = (number) => `${count(number)} step${number === 1 ? "" : "s"}`;

/** Some of the longest sentences: there must be room for them. */
const longest = () => {
  const [two, wild] = [["monotone", "oscillating"], ["oscillating", "divergent"]];
  const usual = {
    low: 1.234, momentum: 0.987, curvatures: [0.0123, 1], start: [1, 1], runs: "noisy", shown: 100, fall: 99, regimes: two, later: two, theirs: two,
    growth: [1.23, 1.23], theirGrowth: [1.23, 1.23], border: 3.9876, first: [1, 2.345], away: [1.99, 1.88],
    takes: 12345, otherTakes: 12345, least: 12345, floor: 0.000123,
  }; // prettier-ignore
  const states = [
    { overlay: "none" }, { overlay: "nesterov" }, { overlay: "nesterov", theirs: wild }, { overlay: "weight" },
    { overlay: "inside", falls: true, regimes: wild, first: [1, 1] },
    { overlay: "weight", regimes: wild, later: wild, floor: null, first: [1, 1] },
  ]; // prettier-ignore
  return states.map((state) => describe({ ...usual, ...state }));
};

export default exploration({ className: "nn-momentum", label: "Exploration: momentum in a valley", build });
