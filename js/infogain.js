// Three probabilities are a point of a triangle: where does a row of the matrix want it, and where does a step take it?
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { along, arrow, bar, choice, clamp, clipped, exploration, handle, labels, num, percent, presets, sentence, short } from "./common.js";

const SIDE = 372; // the column of words beside the picture, at least
const WIDEST = 660;
const CORNERS = [[0.5, 0], [0, 1], [1, 1]]; // of the three classes, in units of the triangle's side and height
const HEIGHT = Math.sqrt(3) / 2;
const RAYS = 32; // to each edge
const HALVINGS = 12;
const LEVELS = 8;
const STEPS = 300; // of the path of gradient descent, which ends where it no longer moves

const add = (p, u, t) => p.map((value, k) => value + t * u[k]);
const less = (p, q) => p.map((value, k) => value - q[k]);
const sum = (values) => values.reduce((total, value) => total + value, 0);
const most = (values) => values.indexOf(Math.max(...values));
const corner = (k) => [0, 1, 2].map((j) => Number(j === k));

/** Probabilities like these, but none below `least`: what lies below is raised, and the rest is scaled down. */
function inside(p, least) {
  const above = p.map((value) => Math.max(0, value - least));
  return above.map((value) => least + (value * (1 - 3 * least)) / sum(above));
}

/** Directions from a point of the triangle to points all along the edges that it is not on, closer near the corners. */
function directions(p) {
  const edges = [0, 1, 2].map((k) => [k, (k + 1) % 3]).filter((edge) => p.some((value, k) => value > 0 && !edge.includes(k)));
  if (edges.length === 2 && edges[0][0] === 0 && edges[1][0] === 2) edges.reverse(); // the second begins where the first ends
  const parts = Array.from({ length: RAYS + 1 }, (_, i) => (1 - Math.cos((Math.PI * i) / RAYS)) / 2);
  return edges.flatMap(([i, j]) => parts.map((part) => less(add(corner(i), less(corner(j), corner(i)), part), p)));
}

/** Lines of equal loss around the minimum of a convex loss: on each ray from there, the points where it reaches the levels. */
function contours(loss, best, levels) {
  const lines = levels.map(() => []);
  for (const u of directions(best)) {
    let start = 0;
    levels.forEach((level, i) => {
      let [low, high] = [start, 1];
      for (let n = 0; n < HALVINGS; n++) {
        const middle = (low + high) / 2;
        if (loss(add(best, u, middle)) < level) low = middle;
        else high = middle;
      }
      start = low;
      lines[i].push(add(best, u, high));
    });
  }
  return lines;
}

/** The same for a loss that is linear, with these values at the corners: straight lines from edge to edge. */
function straight(values, levels) {
  const edges = [[0, 1], [1, 2], [2, 0]];
  return levels.map((level) =>
    edges.filter(([i, j]) => (values[i] < level) !== (values[j] < level))
      .map(([i, j]) => add(corner(i), less(corner(j), corner(i)), (level - values[i]) / (values[j] - values[i])))); // prettier-ignore
}

function build(view, F) {
  const { root, get, see, set } = view;
  const { classes, entry, least } = get("_setup");
  const y = () => classes.indexOf(get("label"));
  const row = () => see("matrix")[y()];
  const expected = () => get("reading") === "expected distance";
  const loss = (p) => (expected() ? F.expected_distance : F.infogain)(...p, ...row());
  const grad = (p) => (expected() ? F.expected_distance_grad : F.infogain_grad)(...p, ...row());
  const step = (p) => F.step(...p, ...grad(p), get("rate"));
  const flat = () => (expected() ? row().every((value) => value === row()[0]) : row().every((value) => value === 0));
  const best = () => (expected() ? nearest(row()) : F.infogain_best(...row()));

  // ---- what is on the page, from back to front ----
  const figure = root.append("div").attr("class", "nn-figure");
  const side = root.append("div").attr("class", "nn-side");
  const more = root.append("div").attr("class", "nn-more");
  const svg = figure.append("svg").attr("role", "group").attr("aria-label", "The triangle of all answers");
  const back = svg.append("g").attr("aria-hidden", "true");
  const put1 = (tag, className, parent = back) => parent.append(tag).attr("class", className);
  const surface = put1("path", "nn-surface nn-triangle");
  const own = put1("path", "nn-own c-target");
  const borders = put1("path", "nn-dash c-mute");
  const { group: within, bounds: clip } = clipped(back, "path");
  const levels = Array.from({ length: 2 * LEVELS }, () => put1("path", "nn-contour c-slope", within));
  const outline = put1("path", "nn-outline");
  const path = put1("path", "nn-path c-delta");
  const target = put1("path", "nn-best c-target");
  const push = put1("path", "nn-arrow c-delta");
  const corners = classes.map((name) => put1("text", "nn-corner").text(name));
  const text = (className) => put1("text", `nn-label ${className}`);
  const words = { best: text("c-target"), here: text("c-f"), answers: classes.map(() => text("c-mute")) };
  const heights = levels.map(() => text("c-slope nn-small"));
  const box = { x0: 0, y0: 0, x1: 0, y1: 0 };
  const placed = labels(back, box);

  let [left, top, length] = [0, 0, 0];
  const xy = (p) => [0, 1].map((axis) => (axis ? top : left) + length * (axis ? HEIGHT : 1) * sum(p.map((value, k) => value * CORNERS[k][axis])));
  const from = ({ x, y: down }) => {
    const first = 1 - (down - top) / (length * HEIGHT); // of the class at the top
    const third = (x - left) / length - first * CORNERS[0][0]; // of the one at the right
    return [first, 1 - first - third, third];
  };
  const shape = line().digits(2);

  // ---- handles ----
  const move = (p) => set({ prediction: inside(p, least) });
  const odds = (p) => classes.map((name, k) => `${name} ${percent(p[k])}`).join(", ");
  const share = (k, to) => {
    const p = get("prediction");
    const rest = 1 - p[k];
    move(p.map((value, j) => (j === k ? to : rest > 0 ? (value * (1 - to)) / rest : (1 - to) / 2)));
  };
  let upright = false; // whether the last key moved the point up or down: then the value to speak is its height
  const point = handle(view, svg, {
    label: "Prediction", className: "c-f",
    at: () => { const [px, py] = xy(see("prediction")); return { x: px, y: py }; },
    drag: (place) => move(from(place)),
    key: (event) => {
      const p = get("prediction");
      const by = event.shiftKey || event.key.startsWith("Page") ? 0.1 : 0.01;
      const aside = (1 - p[0]) / 2;
      const moved = {
        ArrowUp: [2 * by, -by, -by], PageUp: [2 * by, -by, -by], ArrowDown: [-2 * by, by, by], PageDown: [-2 * by, by, by],
        ArrowLeft: [0, by, -by], ArrowRight: [0, -by, by],
        Home: [0, 2 * aside - p[1], -p[2]], End: [0, -p[1], 2 * aside - p[2]],
      }[event.key]; // prettier-ignore
      if (!moved || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      upright = /Up|Down/.test(event.key);
      move(add(p, moved, 1));
    },
    aria: () => {
      const p = get("prediction");
      if (upright) return { min: 0, max: 100, now: 100 * p[0], text: odds(p), axis: "y" };
      return { min: 100 * (p[0] - 1), max: 100 * (1 - p[0]), now: 100 * (p[2] - p[1]), text: odds(p) };
    },
  }); // prettier-ignore
  point.comes(surface.node());

  // ---- words and controls ----
  const says = sentence(view, side, { longest: longest(classes) });
  const table = side.append("div").attr("class", "nn-answers").attr("role", "group").attr("aria-label", "The answer, class by class");
  for (const head of ["answer", "", "now", "best", "gradient"]) table.append("span").attr("class", "nn-title").text(head);
  const answers = classes.map((name, k) => {
    table.append("span").text(name);
    bar(view, table, {
      label: `Probability of ${name}`, className: "c-f", range: [least, 1 - 2 * least], step: 0.01, mark: () => best()[k],
      value: (of) => of("prediction")[k], set: (to) => share(k, to), text: () => percent(get("prediction")[k]),
    }); // prettier-ignore
    const number = (className) => table.append("b").attr("class", className);
    return { now: number("c-f"), best: number("c-target"), grad: number("c-delta") };
  });
  matrixEditor(view, side, { classes, entry, y });
  const convert = (to) => {
    const crossing = (to === "similarity") !== (get("reading") === "similarity");
    view.glide({ reading: to, ...(crossing ? { matrix: converted(view, F, to, entry) } : {}) });
  };
  choice(view, side, "reading", "What the loss makes of the matrix", [
    { value: "similarity", label: 'similarities in <span class="i">H</span>: \u2212\u2211 <span class="i">h</span>\u2009log\u2009<span class="i">p</span>' },
    { value: "distance", label: 'the asker\u2019s: distances in <span class="i">H</span>, same formula' },
    { value: "expected distance", label: 'the repair: expected distance \u2211 <span class="i">d\u2009p</span>' },
  ], ({ value }) => convert(value));
  presets(view, more);
  figure.append("p").attr("class", "nn-help").text("Drag the point, a bar or an entry of the matrix; or Tab to one: arrow keys move it, Shift with an arrow moves it ten times as far, Home and End go to the ends.");

  function resize(width) {
    const wide = width >= 760;
    root.classed("nn-wide", wide);
    const W = Math.min(wide ? width - SIDE - 28 : width, WIDEST);
    length = W - 2 * Math.max(30, Math.min(60, 0.1 * W));
    left = (W - length) / 2;
    top = 34;
    const bottom = top + length * HEIGHT;
    Object.assign(box, { x0: 0, y0: 12, x1: W, y1: bottom + 34 });
    figure.style("width", `${W}px`);
    svg.attr("width", W).attr("height", bottom + 40).attr("viewBox", `0 0 ${W} ${bottom + 40}`);
    const ends = [0, 1, 2].map((k) => xy(corner(k)));
    const triangle = `${shape(ends)}Z`;
    for (const each of [surface, clip, outline]) each.attr("d", triangle);
    corners[0].attr("x", ends[0][0]).attr("y", top - 14).attr("text-anchor", "middle");
    corners[1].attr("x", ends[1][0] - 6).attr("y", bottom + 26).attr("text-anchor", "start");
    corners[2].attr("x", ends[2][0] + 6).attr("y", bottom + 26).attr("text-anchor", "end");
    const centre = [1 / 3, 1 / 3, 1 / 3];
    const halves = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]];
    borders.attr("d", halves.map((half) => shape([xy(centre), xy(half)])).join(""));
  }

  let drawn = null; // what the contours were drawn for
  let curves = { lines: [], at: [] };
  function isolines(width) {
    const key = [width, get("reading"), ...row()].join();
    if (key === drawn) return curves;
    drawn = key;
    const values = row();
    let at = [];
    let lines = [];
    if (!flat()) {
      const low = expected() ? Math.min(...values) : loss(best());
      const high = expected() ? Math.max(...values) : low + 1.8 * sum(values);
      at = scaleLinear([low, high], [0, 1]).ticks(LEVELS).filter((level) => level > low + 1e-9).slice(0, levels.length);
      lines = expected() ? straight(values, at) : contours(loss, best(), at);
    }
    curves = { lines: lines.map((points) => points.map(xy)), at };
    return curves;
  }

  function draw(width, resized) {
    if (resized) resize(width);
    const p = see("prediction");
    const b = best();
    const g = grad(p);
    const k = y();
    const now = { p, b, g, k, classes, values: row(), flat: flat(), reading: get("reading"), loss: loss(p), next: step(p) };
    now.least = now.flat ? now.loss : loss(b);

    // lines of equal loss
    const { lines, at } = isolines(width);
    levels.forEach((node, i) => node.attr("d", lines[i]?.length > 1 ? shape(lines[i]) : null));

    // the best answer, a step of descent, and where descent goes
    const P = xy(p);
    const B = now.flat ? null : xy(b);
    target.attr("transform", B ? `translate(${B})` : null).attr("d", B ? "M0,-10L2.9,-3.2L10,-3L4.4,1.4L6.4,8.6L0,4.4L-6.4,8.6L-4.4,1.4L-10,-3L-2.9,-3.2Z" : null);
    const trail = [p];
    while (trail.length < STEPS && Math.hypot(...less(trail.at(-1), trail.at(-2) ?? [1, 1, 1])) > 1e-3) trail.push(step(trail.at(-1)));
    path.attr("d", shape(trail.map(xy)));
    const N = xy(now.next);
    push.attr("d", arrow(...P, ...N));

    // where the label is the answer
    const halves = [0, 1, 2].filter((j) => j !== k).map((j) => xy(corner(k).map((_, i) => (i === k || i === j ? 0.5 : 0))));
    own.attr("d", `${shape([xy(corner(k)), halves[0], xy([1 / 3, 1 / 3, 1 / 3]), halves[1]])}Z`);
    corners.forEach((node, j) => node.classed("nn-chosen", j === k).text(j === k ? `${classes[j]}, the label` : classes[j]));

    // labels
    const around = (x, down, far = 14) => [[x + far, down], [x - far, down, "end"], [x, down - far - 6, "middle"], [x, down + far + 6, "middle"],
      [x + far, down - 18], [x - far, down - 18, "end"], [x + far, down + 18], [x - far, down + 18, "end"]]; // prettier-ignore
    const square = ([x, down], r) => ({ x0: x - r, x1: x + r, y0: down - r, y1: down + r });
    const edges = along([0, 1, 2, 0].flatMap((j, i, all) => (i ? pieces(xy(corner(all[i - 1])), xy(corner(j))) : [])), 2);
    placed.clear([square(P, 13), ...(B ? [square(B, 12)] : []), ...along(pieces(P, N), 4), ...along(trail.map(xy), 2), ...edges, ...cornerBoxes(`${width} ${k}`)]);
    placed.put(words.here, `loss ${num(now.loss)}`, around(...P, 17));
    placed.put(words.best, B ? "best answer" : "", around(...B ?? [0, 0], 16));
    heights.forEach((node, i) => {
      const points = lines[i] ?? [];
      const places = [0.5, 0.25, 0.75, 0.1, 0.9, 0.38, 0.62].map((part) => points[Math.floor(part * (points.length - 1))]);
      const spots = expected() && points.length === 2 ? [0.5, 0.3, 0.7].map((part) => [0, 1].map((axis) => points[0][axis] + part * (points[1][axis] - points[0][axis]))) : places;
      placed.put(node, points.length ? short(at[i], 2) : "", spots.filter((spot) => spot && inTriangle(spot)).map(([x, down]) => [x, down, "middle"]));
    });
    words.answers.forEach((node, j) => placed.put(node, j === k ? "" : `answers ${classes[j]}`, answerPlaces(j)));

    point.draw();
    answers.forEach((each, j) => {
      each.now.text(percent(p[j], "< 1\u00a0%"));
      each.best.text(now.flat ? "any" : percent(b[j], "< 1\u00a0%"));
      each.grad.text(num(g[j]));
    });
    says(describe(now));
  }

  /** Whether a label fits into the triangle there. */
  const inTriangle = ([x, down]) => [-14, 14].every((dx) => [-9, 9].every((dy) => from({ x: x + dx, y: down + dy }).every((part) => part > 0)));
  let named = null; // what the boxes of the corners' names were measured for: to measure is to lay out the page anew
  let boxes = [];
  const cornerBoxes = (key) => {
    if (key === named) return boxes;
    named = key;
    boxes = corners.map((node) => node.node().getBBox()).map(({ x, y: down, width, height }) => ({ x0: x - 8, x1: x + width + 8, y0: down, y1: down + height }));
    return boxes;
  };
  const answerPlaces = (j) => [[0.66, 0.17], [0.74, 0.13], [0.6, 0.2]].map(([high, low]) => [...xy(corner(j).map((one) => (one ? high : low))), "middle"]);

  return draw;
}

/** A line in short pieces, since labels keep clear of boxes. */
const pieces = (from, to) => Array.from({ length: 41 }, (_, i) => add(from, less(to, from), i / 40));

/** The answers at the least distance, with equal odds. */
function nearest(distances) {
  const nearby = distances.map((value) => Number(value === Math.min(...distances)));
  return nearby.map((value) => value / sum(nearby));
}

/**
 * The matrix, turned into similarities or into distances. Entries are bounded, and the distance of a similarity of 0 is
 * infinite. So that the way back loses nothing, each entry is remembered with what it was turned into, until a hand
 * changes it or something else changes the whole matrix.
 */
function converted({ get, memory }, F, reading, entry) {
  const [from, to, one] = reading === "similarity" ? ["distance", "similarity", F.similarity] : ["similarity", "distance", F.distance];
  const { pairs = [], touched = new Set() } = memory;
  const kept = (value, i, j) => pairs[i]?.[j][from] === value;
  const ours = get("matrix").every((values, i) => values.every((value, j) => kept(value, i, j) || touched.has(`${i},${j}`)));
  const pair = (value, i, j) => (ours && kept(value, i, j) ? pairs[i][j] : { [from]: value, [to]: clamp(one(value), entry) });
  memory.pairs = get("matrix").map((values, i) => values.map((value, j) => pair(value, i, j)));
  memory.touched = new Set();
  return memory.pairs.map((values) => values.map((each) => each[to]));
}

/** The matrix as a table of bars; the row of the label is chosen by its name. */
function matrixEditor(view, parent, { classes, entry, y }) {
  const { get, see, set, memory } = view;
  const table = parent.append("div").attr("class", "nn-matrix").attr("role", "group").attr("aria-label", "The matrix; a row\u2019s name makes it the label\u2019s");
  const cell = (tag, className, text) => table.append(tag).attr("class", className).text(text);
  const corner = cell("span", "nn-title", "");
  for (const name of classes) cell("span", "nn-title nn-column", name);
  view.draws.push(() => corner.text(get("reading") === "similarity" ? "similarities" : "distances"));
  classes.forEach((name, i) => {
    const chooser = cell("button", "nn-chooser", name).attr("type", "button").attr("title", `The label is ${name}`);
    chooser.on("click", () => set({ label: name }));
    const cells = classes.map((column, j) => {
      const value = (of) => of("matrix")[i][j];
      const track = bar(view, table, {
        label: `Row ${name}, column ${column}`, className: "nn-entry c-slope", range: entry, step: 0.1, value,
        set: (to) => {
          const rounded = Number(to.toFixed(2));
          memory.touched?.add(`${i},${j}`);
          set({ matrix: get("matrix").map((values, r) => values.map((old, c) => (r === i && c === j ? rounded : old))) });
        },
        text: () => short(value(get), 2),
      }); // prettier-ignore
      const number = track.append("span");
      view.draws.push(() => number.text(short(value(see), 2)));
      return track;
    });
    view.draws.push(() => {
      chooser.attr("aria-pressed", String(y() === i));
      for (const track of cells) track.classed("nn-chosen", y() === i);
    });
  });
}

/** What the picture shows, in a sentence that is true at every setting. */
function describe({ p, b, k, classes, values, flat, reading, loss, least, next }) {
  const colour = (className, text) => `<b class="${className}">${text}</b>`;
  const label = `<em>${classes[k]}</em>`;
  const mix = (odds) => {
    const order = [0, 1, 2].filter((j) => odds[j] >= 0.005).sort((i, j) => odds[j] - odds[i]);
    const parts = order.map((j) => `${percent(odds[j])} ${classes[j]}`);
    return order.length === 1 ? classes[order[0]] : parts.join(" and ").replace(" and ", order.length === 3 ? ", " : " and ");
  };
  const expected = reading === "expected distance";
  if (flat) return expected ? `All answers are equally far from ${label}: nothing is learned.` : `The row of ${label} is empty: every answer costs nothing, and nothing is learned.`;
  const parts = [];
  const what = { similarity: "With similarities in H", distance: "With distances in H", "expected distance": "By the expected distance" }[reading];
  const right = b[k] >= Math.max(...b) - 1e-12;
  parts.push(`${what} the best answer to ${label} is ${colour("c-target", mix(b))}${right ? "." : `: <strong>the loss asks for a mistake</strong>.`}`);
  const cost = expected ? `is ${colour("c-slope", num(loss))} away on average` : `costs ${colour("c-slope", num(loss))}`;
  parts.push(`The answer ${colour("c-f", mix(p))} ${cost}${loss - least > 0.005 ? `, ${num(loss - least)} more than the best` : ", the least there is"}.`);
  const change = next[k] - p[k];
  if (loss - least > 0.005 && Math.abs(change) > 5e-4) {
    parts.push(`The next step ${colour("c-delta", change > 0 ? `raises ${classes[k]}` : `lowers ${classes[k]}`)} to ${percent(next[k])}${change < 0 && !right ? ": <strong>away from the label</strong>" : ""}.`);
  }
  const weight = sum(values);
  if (reading === "similarity" && Math.abs(weight - 1) > 0.005) parts.push(`The row sums to ${num(weight)}: this label weighs ${num(weight)} times as much as in the cross-entropy.`);
  return parts.join(" ");
}

/** The longest sentences, with numbers of many digits: there must be room for them. */
const longest = (classes) => ["similarity", "distance", "expected distance"].map((reading) => {
  const [k, p, b] = [0, [0.28, 0.44, 0.28], [0.28, 0.28, 0.44]];
  return describe({ p, b, k, classes, values: [0.111, 0.222, 0.333], flat: false, reading, loss: 1.11, least: 0, next: [0.11, 0, 0] });
}); // prettier-ignore

export default exploration({ className: "nn-infogain", label: "Exploration: what the infogain loss asks for", build });
