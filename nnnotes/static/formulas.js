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

// Printed by SymPy in nbs/appendix/momentum_dynamics.ipynb. Do not edit: change the derivation there.

/** momentum: its borders */
export function momentum_borders(beta) {
  const root = Math.sqrt(beta);
  const left = (1 - beta)/(root + 1);
  const right = root + 1;
  const first = left*left;
  const second = right*right;
  const last = 2*beta + 2;
  return [first, second, last];
}

/** momentum: the spectral radius */
export function momentum_rate(alpha, beta, lambda) {
  const x = alpha*lambda;
  const root = Math.sqrt(beta);
  const left = (1 - beta)/(root + 1);
  const right = root + 1;
  const first = left*left;
  const second = right*right;
  const D = (-first + x)*(-second + x);
  const T = beta - x + 1;
  const Q = beta;
  const size = ((D < 0) ? ( Math.sqrt(Q) ) : ( (1/2)*Math.sqrt(D) + (1/2)*Math.abs(T) ));
  return size;
}

/** momentum: the place in monotone, critical, ripples, oscillating, divergent, marginal */
export function momentum_regime(alpha, beta, lambda) {
  const x = alpha*lambda;
  const root = Math.sqrt(beta);
  const left = (1 - beta)/(root + 1);
  const right = root + 1;
  const first = left*left;
  const second = right*right;
  const last = 2*beta + 2;
  const t0 = -Math.sqrt(x);
  return ((x == 0 || Math.abs(Math.sqrt(last) + t0) <= 1/1125899906842624) ? ( 5 ) : ((Math.abs(Math.sqrt(first) + t0) <= 1/1125899906842624 || Math.abs(Math.sqrt(second) + t0) <= 1/1125899906842624) ? ( 1 ) : ((first > x) ? ( 0 ) : ((second > x) ? ( 2 ) : ((last > x) ? ( 3 ) : ( 4 ))))));
}

/** momentum: (v, z) after k steps */
export function momentum_state(alpha, beta, lambda, v, z, k) {
  const x = alpha*lambda;
  const root = Math.sqrt(beta);
  const left = (1 - beta)/(root + 1);
  const right = root + 1;
  const first = left*left;
  const second = right*right;
  const D = (-first + x)*(-second + x);
  const T = beta - x + 1;
  const Q = beta;
  const size = ((D < 0) ? ( Math.sqrt(Q) ) : ( (1/2)*Math.sqrt(D) + (1/2)*Math.abs(T) ));
  const low = -alpha*beta;
  const slack = 1 - beta;
  const twice = slack - x;
  const angle = Math.atan2(Math.sqrt(-D), Math.abs(T));
  const gap = Math.sqrt(D)/size;
  const rest = Math.abs(gap - 1);
  const odd = k - 2*Math.floor((1/2)*k);
  const power = Math.pow(rest, k)*((gap > 1) ? ( 1 - 2*odd ) : ( 1 ));
  const lost = Math.expm1(k*Math.log1p(-gap));
  const C = ((D < 0) ? ( Math.cos(angle*k) ) : ((D <= 0) ? ( 1 ) : ((gap < 1/2) ? ( (1/2)*lost + 1 ) : ( (1/2)*power + 1/2 ))));
  const S = ((D < 0) ? ( Math.sin(angle*k)/Math.sin(angle) ) : ((D <= 0) ? ( k ) : ((gap < 1/2) ? ( -lost/gap ) : ( (1 - power)/gap ))));
  const once = Math.min(1, k);
  const more = k - once;
  const flips = more - 2*Math.floor((1/2)*more);
  const outer = Math.pow(size, more)*((T < 0) ? ( 1 - 2*flips ) : ( 1 ));
  const r = ((T < 0) ? ( -size ) : ( size ));
  const mean = ((k < 1) ? ( C ) : ( C*r ));
  const change = low*v + (1/2)*twice*z;
  return [outer*(S*(lambda*z - 1/2*twice*v) + mean*v), outer*(S*change + mean*z)];
}

/** momentum: a bound of |z| after k steps */
export function momentum_envelope(alpha, beta, lambda, v, z, k) {
  const x = alpha*lambda;
  const root = Math.sqrt(beta);
  const left = (1 - beta)/(root + 1);
  const right = root + 1;
  const first = left*left;
  const second = right*right;
  const D = (-first + x)*(-second + x);
  const T = beta - x + 1;
  const Q = beta;
  const size = ((D < 0) ? ( Math.sqrt(Q) ) : ( (1/2)*Math.sqrt(D) + (1/2)*Math.abs(T) ));
  const low = -alpha*beta;
  const slack = 1 - beta;
  const twice = slack - x;
  const angle = Math.atan2(Math.sqrt(-D), Math.abs(T));
  const gap = Math.sqrt(D)/size;
  const rest = Math.abs(gap - 1);
  const odd = k - 2*Math.floor((1/2)*k);
  const power = Math.pow(rest, k)*((gap > 1) ? ( 1 - 2*odd ) : ( 1 ));
  const lost = Math.expm1(k*Math.log1p(-gap));
  const C = ((D < 0) ? ( Math.cos(angle*k) ) : ((D <= 0) ? ( 1 ) : ((gap < 1/2) ? ( (1/2)*lost + 1 ) : ( (1/2)*power + 1/2 ))));
  const S = ((D < 0) ? ( Math.sin(angle*k)/Math.sin(angle) ) : ((D <= 0) ? ( k ) : ((gap < 1/2) ? ( -lost/gap ) : ( (1 - power)/gap ))));
  const once = Math.min(1, k);
  const more = k - once;
  const flips = more - 2*Math.floor((1/2)*more);
  const outer = Math.pow(size, more)*((T < 0) ? ( 1 - 2*flips ) : ( 1 ));
  const r = ((T < 0) ? ( -size ) : ( size ));
  const mean = ((k < 1) ? ( C ) : ( C*r ));
  const change = low*v + (1/2)*twice*z;
  return ((D < 0) ? ( Math.pow(size, k)*Math.hypot(z, 2*change/Math.sqrt(-D)) ) : ( Math.pow(size, more)*(S*Math.abs(change) + ((k < 1) ? ( C ) : ( C*size ))*Math.abs(z)) ));
}

/** Nesterov's momentum: its borders */
export function nesterov_borders(beta) {
  const up = beta + 1;
  const left = (1 - beta)/up;
  const first = left*left;
  const second = 1;
  const last = (2*beta + 2)/(2*beta + 1);
  return [first, second, last];
}

/** Nesterov's momentum: the spectral radius */
export function nesterov_rate(alpha, beta, lambda) {
  const x = alpha*lambda;
  const up = beta + 1;
  const left = (1 - beta)/up;
  const first = left*left;
  const second = 1;
  const E = (-first + x)*(-second + x);
  const scale = up*up;
  const D = E*scale;
  const u = 1 - x;
  const T = u*up;
  const Q = beta*u;
  const size = ((D < 0) ? ( Math.sqrt(Q) ) : ( (1/2)*Math.sqrt(D) + (1/2)*Math.abs(T) ));
  return size;
}

/** Nesterov's momentum: the place in monotone, critical, ripples, oscillating, divergent, marginal */
export function nesterov_regime(alpha, beta, lambda) {
  const x = alpha*lambda;
  const up = beta + 1;
  const left = (1 - beta)/up;
  const first = left*left;
  const second = 1;
  const last = (2*beta + 2)/(2*beta + 1);
  const t0 = -Math.sqrt(x);
  return ((x == 0 || Math.abs(Math.sqrt(last) + t0) <= 1/1125899906842624) ? ( 5 ) : ((Math.abs(Math.sqrt(first) + t0) <= 1/1125899906842624 || Math.abs(Math.sqrt(second) + t0) <= 1/1125899906842624) ? ( 1 ) : ((first > x) ? ( 0 ) : ((second > x) ? ( 2 ) : ((last > x) ? ( 3 ) : ( 4 ))))));
}

/** Nesterov's momentum: (v, z) after k steps */
export function nesterov_state(alpha, beta, lambda, v, z, k) {
  const x = alpha*lambda;
  const up = beta + 1;
  const left = (1 - beta)/up;
  const first = left*left;
  const second = 1;
  const E = (-first + x)*(-second + x);
  const scale = up*up;
  const D = E*scale;
  const u = 1 - x;
  const T = u*up;
  const Q = beta*u;
  const size = ((D < 0) ? ( Math.sqrt(Q) ) : ( (1/2)*Math.sqrt(D) + (1/2)*Math.abs(T) ));
  const low = -alpha*beta*beta;
  const slack = 1 - beta;
  const wide = up*x;
  const twice = slack - wide;
  const angle = Math.atan2(Math.sqrt(-D), Math.abs(T));
  const gap = Math.sqrt(D)/size;
  const rest = Math.abs(gap - 1);
  const odd = k - 2*Math.floor((1/2)*k);
  const power = Math.pow(rest, k)*((gap > 1) ? ( 1 - 2*odd ) : ( 1 ));
  const lost = Math.expm1(k*Math.log1p(-gap));
  const C = ((D < 0) ? ( Math.cos(angle*k) ) : ((D <= 0) ? ( 1 ) : ((gap < 1/2) ? ( (1/2)*lost + 1 ) : ( (1/2)*power + 1/2 ))));
  const S = ((D < 0) ? ( Math.sin(angle*k)/Math.sin(angle) ) : ((D <= 0) ? ( k ) : ((gap < 1/2) ? ( -lost/gap ) : ( (1 - power)/gap ))));
  const once = Math.min(1, k);
  const more = k - once;
  const flips = more - 2*Math.floor((1/2)*more);
  const outer = Math.pow(size, more)*((T < 0) ? ( 1 - 2*flips ) : ( 1 ));
  const r = ((T < 0) ? ( -size ) : ( size ));
  const mean = ((k < 1) ? ( C ) : ( C*r ));
  const change = low*v + (1/2)*twice*z;
  return [outer*(S*(lambda*z - 1/2*twice*v) + mean*v), outer*(S*change + mean*z)];
}

/** Nesterov's momentum: a bound of |z| after k steps */
export function nesterov_envelope(alpha, beta, lambda, v, z, k) {
  const x = alpha*lambda;
  const up = beta + 1;
  const left = (1 - beta)/up;
  const first = left*left;
  const second = 1;
  const E = (-first + x)*(-second + x);
  const scale = up*up;
  const D = E*scale;
  const u = 1 - x;
  const T = u*up;
  const Q = beta*u;
  const size = ((D < 0) ? ( Math.sqrt(Q) ) : ( (1/2)*Math.sqrt(D) + (1/2)*Math.abs(T) ));
  const low = -alpha*beta*beta;
  const slack = 1 - beta;
  const wide = up*x;
  const twice = slack - wide;
  const angle = Math.atan2(Math.sqrt(-D), Math.abs(T));
  const gap = Math.sqrt(D)/size;
  const rest = Math.abs(gap - 1);
  const odd = k - 2*Math.floor((1/2)*k);
  const power = Math.pow(rest, k)*((gap > 1) ? ( 1 - 2*odd ) : ( 1 ));
  const lost = Math.expm1(k*Math.log1p(-gap));
  const C = ((D < 0) ? ( Math.cos(angle*k) ) : ((D <= 0) ? ( 1 ) : ((gap < 1/2) ? ( (1/2)*lost + 1 ) : ( (1/2)*power + 1/2 ))));
  const S = ((D < 0) ? ( Math.sin(angle*k)/Math.sin(angle) ) : ((D <= 0) ? ( k ) : ((gap < 1/2) ? ( -lost/gap ) : ( (1 - power)/gap ))));
  const once = Math.min(1, k);
  const more = k - once;
  const flips = more - 2*Math.floor((1/2)*more);
  const outer = Math.pow(size, more)*((T < 0) ? ( 1 - 2*flips ) : ( 1 ));
  const r = ((T < 0) ? ( -size ) : ( size ));
  const mean = ((k < 1) ? ( C ) : ( C*r ));
  const change = low*v + (1/2)*twice*z;
  return ((D < 0) ? ( Math.pow(size, k)*Math.hypot(z, 2*change/Math.sqrt(-D)) ) : ( Math.pow(size, more)*(S*Math.abs(change) + ((k < 1) ? ( C ) : ( C*size ))*Math.abs(z)) ));
}

/** v = beta v + g, z = z - alpha v */
export function step_outside(alpha, beta, lambda, v, z) {
  const g = lambda*z;
  const moved = beta*v + g;
  return [moved, -alpha*moved + z];
}

/** v = beta v + alpha g, z = z - v */
export function step_inside(alpha, beta, lambda, v, z) {
  const g = alpha*lambda*z;
  const moved = beta*v + g;
  return [moved, -moved + z];
}

/** v = beta v + g, z = z - alpha (g + beta v) */
export function step_nesterov_outside(alpha, beta, lambda, v, z) {
  const g = lambda*z;
  const moved = beta*v + g;
  return [moved, -alpha*(beta*moved + g) + z];
}

/** v = beta v + alpha g, z = z - (beta v + alpha g) */
export function step_nesterov_inside(alpha, beta, lambda, v, z) {
  const g = alpha*lambda*z;
  const moved = beta*v + g;
  return [moved, -beta*moved - g + z];
}

/** v = beta v + lam z + n, z = z - alpha v */
export function noisy_step(alpha, beta, lambda, v, z, noise) {
  const t0 = beta*v + lambda*z + noise;
  return [t0, -alpha*t0 + z];
}

/** v before / after */
export function kept_velocity(v, before, after) {
  return before*v/after;
}

/** z - alpha lam z + beta (z - z0): a part of the weight in place of the change */
export function previous_weight_step(alpha, beta, lambda, start, z) {
  return -alpha*lambda*z + beta*(-start + z) + z;
}

/** lam z^2 / 2 */
export function quadratic_loss(lambda, z) {
  return (1/2)*lambda*z*z;
}

/** the error at which the loss has this value */
export function level_radius(curve, loss) {
  return Math.sqrt(2)*Math.sqrt(loss)/Math.sqrt(curve);
}

/** a bound of |z| after k steps, exact where the roots are equal */
export function early_bound(alpha, beta, lambda, v, z, k) {
  const x = alpha*lambda;
  const root = Math.sqrt(beta);
  const left = (1 - beta)/(root + 1);
  const right = root + 1;
  const first = left*left;
  const second = right*right;
  const D = (-first + x)*(-second + x);
  const T = beta - x + 1;
  const Q = beta;
  const size = ((D < 0) ? ( Math.sqrt(Q) ) : ( (1/2)*Math.sqrt(D) + (1/2)*Math.abs(T) ));
  const low = -alpha*beta;
  const slack = 1 - beta;
  const twice = slack - x;
  const once = Math.min(1, k);
  const more = k - once;
  const change = low*v + (1/2)*twice*z;
  return Math.pow(size, more)*(k*Math.abs(change) + ((k < 1) ? ( 1 ) : ( size ))*Math.abs(z));
}

/** the mean loss under noise */
export function stationary_loss(alpha, beta, lambda, variance) {
  const x = alpha*lambda;
  const up = beta + 1;
  const room = 2*up - x;
  const zero = Math.max(0, room);
  return ((room > 0) ? ( alpha*up*variance/(room*(2 - 2*beta)) ) : ( 1/zero ));
}

/** equal roots */
export function critical_momentum(alpha, lambda) {
  const x = alpha*lambda;
  const root = Math.sqrt(x) + 1;
  const left = (1 - x)/root;
  return left*left;
}

/** Nesterov's momentum: equal roots */
export function critical_nesterov(alpha, lambda) {
  const x = alpha*lambda;
  const root = Math.sqrt(x) + 1;
  const left = (1 - x)/root;
  return left/root;
}

/** the best rate and momentum */
export function best_momentum(smallest, largest) {
  const total = Math.sqrt(largest) + Math.sqrt(smallest);
  const right = 2/total;
  const left = (largest - smallest)/(total*total);
  return [right*right, left*left];
}

/** Nesterov's momentum: the best rate and momentum */
export function best_nesterov(smallest, largest) {
  const total = 3*largest + smallest;
  const ratio = 2*Math.sqrt(smallest/total) + 1;
  const t0 = 1/total;
  return [4*t0, t0*(3*largest - 3*smallest)/(ratio*ratio)];
}

// Printed by SymPy in nbs/appendix/step_errors.ipynb. Do not edit: change the derivation there.

/** x³ */
export function value_cube(x, r) {
  const s = r(x*x);
  return r(s*x);
}

/** x³ + 10⁸ */
export function value_offset(x, r) {
  const s = r(x*x);
  const t = r(s*x);
  return r(t + 100000000);
}

/** exp x */
export function value_exp(x, r) {
  return r(Math.exp(x));
}

/** tanh x */
export function value_tanh(x, r) {
  return r(Math.tanh(x));
}

/** 1/(1 + x²) */
export function value_bell(x, r) {
  const s = r(x*x);
  const t = r(s + 1);
  return r(1/t);
}

/** |x| */
export function value_abs(x, r) {
  return r(Math.abs(x));
}

/** Im f(x + ih) */
export function imaginary_cube(x, h, r) {
  const s = r(x*x);
  const t = r(3*s);
  const q = r(h*h);
  const d = r(-q + t);
  return r(d*h);
}

/** Im f(x + ih) */
export function imaginary_exp(x, h, r) {
  const e = r(Math.exp(x));
  const s = r(Math.sin(h));
  return r(e*s);
}

/** Im f(x + ih) */
export function imaginary_tanh(x, h, r) {
  const u = r(2*h);
  const v = r(2*x);
  const s = r(Math.sin(u));
  const e = r(Math.cosh(v));
  const q = r(Math.cos(u));
  const d = r(e + q);
  return r(s/d);
}

/** Im f(x + ih) */
export function imaginary_bell(x, h, r) {
  const s = r(x*x);
  const t = r(s + 1);
  const q = r(h*h);
  const d = r(-q + t);
  const u = r(h*x);
  const n = r(2*u);
  const e = r(d*d);
  const v = r(u*u);
  const w = r(4*v);
  const total = r(e + w);
  return r(-n/total);
}

/** Im f(x + ih) */
export function imaginary_offset(x, h, r) {
  const s = r(x*x);
  const t = r(3*s);
  const q = r(h*h);
  const d = r(-q + t);
  return r(d*h);
}

/** its first three derivatives */
export function derivatives_cube(x) {
  return [3*x*x, 6*x, 6];
}

/** its first three derivatives */
export function derivatives_exp(x) {
  const e = Math.exp(x);
  return [e, e, e];
}

/** its first three derivatives */
export function derivatives_tanh(x) {
  const t = Math.tanh(x);
  const s = Math.pow(Math.cosh(x), -2);
  const t0 = 2*s;
  return [s, -t*t0, t0*(3*t*t - 1)];
}

/** its first three derivatives */
export function derivatives_bell(x) {
  const s = x*x;
  const t = 1/(s + 1);
  return [-2*t*t*x, Math.pow(t, 3)*(6*s - 2), 24*Math.pow(t, 4)*x*(1 - s)];
}

/** its first three derivatives */
export function derivatives_abs(x) {
  return [Math.sign(x), 0, 0];
}

/** its first three derivatives */
export function derivatives_offset(x) {
  return [3*x*x, 6*x, 6];
}

/** x + h */
export function shifted(x, h, r) {
  return r(h + x);
}

/** from two points, the slope of their secant */
export function secant(left, right, below, above, r) {
  const d = r(above - below);
  const e = r(-left + right);
  return r(d/e);
}

/** n / h */
export function quotient(n, h, r) {
  return r(n/h);
}

/** truncation and rounding */
export function forward_error(h, f0, f2, eps) {
  return 2*eps*Math.abs(f0)/h + (1/2)*h*Math.abs(f2);
}

/** truncation and rounding */
export function central_error(h, f0, f3, eps) {
  return eps*Math.abs(f0)/h + (1/6)*h*h*Math.abs(f3);
}

/** truncation and rounding */
export function complex_error(h, f1, f3, eps) {
  return eps*Math.abs(f1) + (1/6)*h*h*Math.abs(f3);
}

/** where forward_error is least */
export function forward_step(f0, f2, eps) {
  const ratio = eps*Math.abs(f0)/Math.abs(f2);
  return 2*Math.sqrt(ratio);
}

/** where central_error is least */
export function central_step(f0, f3, eps) {
  const ratio = 3*eps*Math.abs(f0)/Math.abs(f3);
  return Math.cbrt(ratio);
}

/** up to this h floats round x + h to x */
export function stuck_below(x, bits) {
  return ((x > 0) ? ( Math.pow(2, -bits + Math.floor(Math.log2(x))) ) : ((x < 0) ? ( Math.pow(2, -bits + Math.ceil(Math.log2(-x)) - 1) ) : ( 0 )));
}

/** how far an estimate is off */
export function error(found, slope) {
  return Math.abs(found - slope);
}

/** how many of its digits are right */
export function right_digits(found, slope) {
  return Math.floor(Math.log(Math.abs(slope)/Math.abs(found - slope))/Math.log(10));
}

/** h */
export function step_length(exponent) {
  return Math.pow(10, exponent);
}
