// Printed by SymPy in nbs/81_widgets.ipynb. Do not edit: change the derivation there.

/** -sum h log p */
export function infogain(p0, p1, p2, h0, h1, h2) {
  const l0 = ((p0 > 1/2) ? ( Math.log1p(-p1 - p2) ) : ( Math.log(p0) ));
  const l1 = ((p1 > 1/2) ? ( Math.log1p(-p0 - p2) ) : ( Math.log(p1) ));
  const l2 = ((p2 > 1/2) ? ( Math.log1p(-p0 - p1) ) : ( Math.log(p2) ));
  return -((h0 != 0) ? ( h0*l0 ) : ( 0 )) - ((h1 != 0) ? ( h1*l1 ) : ( 0 )) - ((h2 != 0) ? ( h2*l2 ) : ( 0 ));
}

/** its gradient, with respect to the logits */
export function infogain_grad(p0, p1, p2, h0, h1, h2) {
  return [-h0*(p1 + p2) + p0*(h1 + h2), -h1*(p0 + p2) + p1*(h0 + h2), -h2*(p0 + p1) + p2*(h0 + h1)];
}

/** the probabilities where it is least */
export function infogain_best(h0, h1, h2) {
  const t0 = 1/(h0 + h1 + h2);
  return [h0*t0, h1*t0, h2*t0];
}

/** sum h p */
export function expected_distance(p0, p1, p2, h0, h1, h2) {
  return h0*p0 + h1*p1 + h2*p2;
}

/** its gradient, with respect to the logits */
export function expected_distance_grad(p0, p1, p2, h0, h1, h2) {
  const t0 = h0 - h1;
  const t1 = -h2;
  const t2 = h0 + t1;
  const t3 = h1 + t1;
  return [p0*(p1*t0 + p2*t2), p1*(-p0*t0 + p2*t3), p2*(-p0*t2 - p1*t3)];
}

/** the probabilities after a step of gradient descent */
export function step(p0, p1, p2, g0, g1, g2, eta) {
  const t0 = p0*Math.exp(-eta*g0);
  const t1 = p1*Math.exp(-eta*g1);
  const t2 = p2*Math.exp(-eta*g2);
  const t3 = 1/(t0 + t1 + t2);
  return [t0*t3, t1*t3, t2*t3];
}

/** the similarity at a distance */
export function similarity(d) {
  return Math.exp(-d);
}

/** the distance of a similarity */
export function distance(s) {
  return -Math.log(s);
}

// Printed by SymPy in nbs/appendix/activation_formulas.ipynb. Do not edit: change the derivation there.

/** f(x) = a tanh(b x) */
export function scaled_tanh(a, b, x) {
  return a*Math.tanh(b*x);
}

/** its slope f'(x) */
export function slope(a, b, x) {
  const e = Math.exp(-2*b*Math.abs(x));
  return 4*a*b*e/(e*(e + 2) + 1);
}

/** what a slope leaves of the error */
export function delta(t, y, s) {
  return s*(t - y);
}

/** wrong: a b (1 - tanh(b x)) */
export function thread_slope(a, b, x) {
  const t0 = 2*b;
  return a*t0/(Math.exp(t0*x) + 1);
}

/** wrong: b (a - y^2) */
export function thread_factor(a, b, y) {
  return b*(a - y*y);
}

/** from this x on floats round f(x) to a */
export function saturates_from(a, b, bits) {
  const h = Math.pow(2, -bits + Math.ceil(Math.log2(a)) - 1);
  return (1/2)*Math.log((2*a - h)/h)/b;
}

/** f'(0) / f'(x) */
export function times_slower(b, x) {
  return Math.pow(Math.cosh(b*x), 2);
}
