// A draft, printed from expressions of its own; chapter 02 is to print it. Do not edit: change the derivation there.

/** f(x) = a tanh(b x) */
export function scaled_tanh(a, b, x) {
  return a*Math.tanh(b*x);
}

/** f'(x), without cancellation */
export function scaled_tanh_derivative(a, b, x) {
  const e = Math.exp(-2*b*Math.abs(x));
  return 4*a*b*e/(e*(e + 2) + 1);
}

/** f'(x) from the output y = f(x) */
export function scaled_tanh_from_output(a, b, y) {
  return b*(a - y)*(a + y)/a;
}

/** the x with f(x) = y */
export function scaled_tanh_inverse(a, b, y) {
  const u = Math.abs(y);
  return (1/2)*Math.log1p(2*u/(a - u))*Math.sign(y)/b;
}

/** (t - f(x)) f'(x): what is left of the error */
export function delta(a, b, x, t) {
  const e = Math.exp(-2*b*Math.abs(x));
  return a*b*e*(-4*a*Math.tanh(b*x) + 4*t)/(e*(e + 2) + 1);
}

/** false: a b (1 - tanh(b x)) */
export function thread_slope(a, b, x) {
  const t0 = 2*b;
  return a*t0/(Math.exp(t0*x) + 1);
}

/** false: b (a - y^2) */
export function thread_factor(a, b, y) {
  return b*(a - y*y);
}

/** the x from which floats with so many bits round f(x) to a */
export function saturates_from(a, b, bits) {
  const h = Math.pow(2, -bits + Math.ceil(Math.log2(a)) - 1);
  return (1/2)*Math.log((2*a - h)/h)/b;
}

