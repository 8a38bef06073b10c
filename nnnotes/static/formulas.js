// Printed by SymPy in nbs/02_activations.ipynb. Do not edit: change the derivation there.

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
