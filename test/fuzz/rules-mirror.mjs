// The rules and schedules once more, in double precision and by the papers' formulas, element by element.

const each = (xs, f) => xs.map((x, i) => f(x, i))
const clamp = (x, low, high) => Math.min(high, Math.max(low, x))
const zeros = xs => xs.map(() => 0)

/** Moments as Adam has them. */
function moments(s, x, g, [b1, b2]) {
  s.m = each(s.m ?? zeros(x), (m, i) => b1 * m + (1 - b1) * g[i])
  s.v = each(s.v ?? zeros(x), (v, i) => b2 * v + (1 - b2) * g[i] ** 2)
}
function adam(s, t, x, g, { eta, beta, epsilon }) {
  moments(s, x, g, beta)
  return each(s.m, (m, i) => (eta * (m / (1 - beta[0] ** t))) / (Math.sqrt(s.v[i] / (1 - beta[1] ** t)) + epsilon))
}
const ADAM = { eta: 1e-3, beta: [0.9, 0.999], epsilon: 1e-8 }

const norm = (g, p) => (p === Infinity ? Math.max(0, ...g.map(Math.abs)) : g.reduce((sum, x) => sum + Math.abs(x) ** p, 0) ** (1 / p))

function transposed(a, rows, columns) {
  return Array.from({ length: rows * columns }, (_, k) => a[(k % rows) * columns + Math.floor(k / rows)])
}
function product(a, b, n, m, k) {
  return Array.from({ length: n * k }, (_, at) => {
    let sum = 0
    for (let j = 0; j < m; j++) sum += a[Math.floor(at / k) * m + j] * b[j * k + (at % k)]
    return sum
  })
}
function orthogonalized(matrix, rows, columns) {
  const length = norm(matrix, 2) + 1e-7
  let x = matrix.map(each => each / length)
  for (let i = 0; i < 5; i++) {
    const square = product(x, transposed(x, rows, columns), rows, columns, rows)
    const fourth = product(square, square, rows, rows, rows)
    const more = product(each(square, (a, j) => -4.775 * a + 2.0315 * fourth[j]), x, rows, rows, columns) // biome-ignore format: short
    x = each(x, (a, j) => 3.4445 * a + more[j])
  }
  return x
}

/** `hyper`: the defaults in the constructor's order; `step(state, t, x, g, hyper, shape)` what is subtracted. */
export const RULES = {
  Descent: { hyper: { eta: 0.1 }, step: (_, __, ___, g, { eta }) => g.map(a => eta * a) },
  Momentum: {
    hyper: { eta: 0.01, rho: 0.9 },
    step: (s, _, x, g, { eta, rho }) => (s.v = each(s.v ?? zeros(x), (v, i) => rho * v + eta * g[i])),
  },
  Nesterov: {
    hyper: { eta: 1e-3, rho: 0.9 },
    step(s, _, x, g, { eta, rho }) {
      s.v = each(s.v ?? zeros(x), (v, i) => rho * v + eta * g[i])
      return each(s.v, (v, i) => eta * g[i] + rho * v)
    },
  },
  RMSProp: {
    hyper: { eta: 1e-3, rho: 0.9, epsilon: 1e-8, centred: false },
    step(s, _, x, g, { eta, rho, epsilon, centred }) {
      s.q = each(s.q ?? zeros(x), (q, i) => rho * q + (1 - rho) * g[i] ** 2)
      s.l = each(s.l ?? zeros(x), (l, i) => (centred ? rho * l + (1 - rho) * g[i] : 0))
      return each(g, (a, i) => (eta * a) / (Math.sqrt(Math.max(0, s.q[i] - s.l[i] ** 2)) + epsilon))
    },
  },
  Adam: { hyper: ADAM, step: adam },
  AdamW: {
    hyper: { eta: 1e-3, beta: [0.9, 0.999], lambda: 0, epsilon: 1e-8, couple: true, decay: true },
    step(s, t, x, g, { eta, beta, lambda, epsilon, couple, decay }) {
      const step = adam(s, t, x, g, { eta: 1, beta, epsilon })
      const rest = decay ? lambda : 0
      return each(step, (a, i) => (couple ? eta * (a + rest * x[i]) : eta * a + rest * x[i]))
    },
  },
  RAdam: {
    hyper: ADAM,
    step(s, t, x, g, { eta, beta, epsilon }) {
      moments(s, x, g, beta)
      const [b1, b2] = beta
      const top = 2 / (1 - b2) - 1
      const rho = top - (2 * t * b2 ** t) / (1 - b2 ** t)
      const r = rho > 4 ? Math.sqrt(((rho - 4) * (rho - 2) * top) / ((top - 4) * (top - 2) * rho)) : 0
      return each(s.m, (m, i) => {
        const mean = (eta * m) / (1 - b1 ** t)
        return rho > 4 ? (r * mean) / (Math.sqrt(s.v[i] / (1 - b2 ** t)) + epsilon) : mean
      })
    },
  },
  AdaMax: {
    hyper: ADAM,
    step(s, t, x, g, { eta, beta, epsilon }) {
      moments(s, x, g, beta)
      s.u = each(s.u ?? zeros(x), (u, i) => Math.max(beta[1] * u, Math.abs(g[i])))
      return each(s.m, (m, i) => ((eta / (1 - beta[0] ** t)) * m) / (s.u[i] + epsilon))
    },
  },
  OAdam: {
    hyper: { eta: 1e-3, beta: [0.5, 0.9], epsilon: 1e-8 },
    step(s, t, x, g, hyper) {
      const d = adam(s, t, x, g, hyper)
      const step = each(d, (a, i) => 2 * a - (s.d?.[i] ?? 0))
      s.d = d
      return step
    },
  },
  AMSGrad: {
    hyper: ADAM,
    step(s, _, x, g, { eta, beta, epsilon }) {
      moments(s, x, g, beta)
      s.top = each(s.top ?? zeros(x), (top, i) => Math.max(top, s.v[i]))
      return each(s.m, (m, i) => (eta * m) / (Math.sqrt(s.top[i]) + epsilon))
    },
  },
  NAdam: {
    hyper: ADAM,
    step(s, t, x, g, { eta, beta: [b1, b2], epsilon }) {
      moments(s, x, g, [b1, b2])
      const ahead = (m, i) => (b1 * m) / (1 - b1 ** (t + 1)) + ((1 - b1) * g[i]) / (1 - b1 ** t)
      return each(s.m, (m, i) => (eta * ahead(m, i)) / (Math.sqrt((b2 * s.v[i]) / (1 - b2 ** t)) + epsilon))
    },
  },
  AdaBelief: {
    hyper: { ...ADAM, epsilon: 1e-16 },
    step(s, t, x, g, { eta, beta: [b1, b2], epsilon }) {
      s.m = each(s.m ?? zeros(x), (m, i) => b1 * m + (1 - b1) * g[i])
      s.s = each(s.s ?? zeros(x), (a, i) => b2 * a + (1 - b2) * (g[i] - s.m[i]) ** 2 + epsilon)
      return each(s.m, (m, i) => (eta * (m / (1 - b1 ** t))) / (Math.sqrt(s.s[i] / (1 - b2 ** t)) + epsilon))
    },
  },
  AdaGrad: {
    hyper: { eta: 0.1, epsilon: 1e-8 },
    step(s, _, x, g, { eta, epsilon }) {
      s.a = each(s.a ?? x.map(() => epsilon), (a, i) => a + g[i] ** 2)
      return each(g, (a, i) => (eta * a) / (Math.sqrt(s.a[i]) + epsilon))
    },
  },
  AdaDelta: {
    hyper: { rho: 0.9, epsilon: 1e-8 },
    step(s, _, x, g, { rho, epsilon }) {
      s.a = each(s.a ?? zeros(x), (a, i) => rho * a + (1 - rho) * g[i] ** 2)
      s.d ??= zeros(x)
      const step = each(g, (a, i) => (a * Math.sqrt(s.d[i] + epsilon)) / Math.sqrt(s.a[i] + epsilon))
      s.d = each(s.d, (d, i) => rho * d + (1 - rho) * step[i] ** 2)
      return step
    },
  },
  Rprop: {
    hyper: { eta: 1e-3, ell: [0.5, 1.2], gamma: [1e-6, 50] },
    step(s, _, x, g, { eta, ell, gamma }) {
      s.last ??= zeros(x)
      s.size ??= x.map(() => eta)
      const signs = each(g, (a, i) => Math.sign(s.last[i]) * Math.sign(a))
      s.size = each(s.size, (size, i) =>
        signs[i] > 0 ? Math.min(size * ell[1], gamma[1]) : signs[i] < 0 ? Math.max(size * ell[0], gamma[0]) : size,
      )
      s.last = each(g, (a, i) => (signs[i] < 0 ? 0 : a))
      return each(s.size, (size, i) => size * Math.sign(s.last[i]))
    },
  },
  Lion: {
    hyper: { eta: 1e-3, beta: [0.9, 0.99], lambda: 0, decay: true },
    step(s, _, x, g, { eta, beta: [b1, b2], lambda, decay }) {
      const m = s.m ?? zeros(x)
      s.m = each(m, (a, i) => b2 * a + (1 - b2) * g[i])
      return each(m, (a, i) => eta * (Math.sign(b1 * a + (1 - b1) * g[i]) + (decay ? lambda : 0) * x[i]))
    },
  },
  Muon: {
    hyper: { eta: 0.02, rho: 0.95, lambda: 0, restEta: 3e-4, beta: [0.9, 0.95], epsilon: 1e-10, orthogonal: true, decay: true },
    step(s, t, x, g, { eta, rho, lambda, restEta, beta, epsilon, orthogonal, decay }, shape) {
      s.isMatrix ??= orthogonal && shape.length > 1
      const rest = decay ? lambda : 0
      if (!s.isMatrix) return RULES.AdamW.step(s, t, x, g, { eta: restEta, beta, lambda: rest, epsilon, couple: true, decay: true })
      s.m = each(s.m ?? zeros(x), (m, i) => rho * m + (1 - rho) * g[i])
      const u = each(s.m, (m, i) => rho * m + (1 - rho) * g[i])
      const rows = shape[0]
      const columns = x.length / rows
      const isTall = rows > columns
      const wide = isTall ? transposed(u, rows, columns) : u
      const done = orthogonalized(wide, Math.min(rows, columns), Math.max(rows, columns))
      const step = isTall ? transposed(done, columns, rows) : done
      return each(step, (a, i) => eta * (a * Math.sqrt(Math.max(1, rows / columns)) + rest * x[i]))
    },
  },
  WeightDecay: {
    hyper: { lambda: 5e-4, decay: true },
    step: (_, __, x, g, { lambda, decay }) => each(g, (a, i) => a + (decay ? lambda : 0) * x[i]),
  },
  SignDecay: {
    hyper: { lambda: 1e-3, decay: true },
    step: (_, __, x, g, { lambda, decay }) => each(g, (a, i) => a + (decay ? lambda : 0) * Math.sign(x[i])),
  },
  ClipGrad: { hyper: { delta: 10 }, step: (_, __, ___, g, { delta }) => g.map(a => clamp(a, -delta, delta)) },
  ClipNorm: {
    hyper: { omega: 10, p: 2 },
    step(_, __, ___, g, { omega, p }) {
      const length = norm(g, p)
      return g.map(a => a * (length === 0 ? 1 : Math.min(omega / length, 1)))
    },
  },
  ClipGlobalNorm: {
    hyper: { omega: 10 },
    factor: ({ omega }, steps) => {
      const length = norm(steps.flat(), 2)
      return length <= omega ? 1 : omega / length
    },
  },
  AccumGrad: {
    hyper: { n: 1 },
    step(s, _, x, g, { n }) {
      s.mean = each(s.mean ?? zeros(x), (a, i) => a + g[i])
      s.count = (s.count ?? 0) + 1
      if (s.count < n) return undefined
      const mean = s.mean.map(a => a / n)
      s.mean = undefined
      s.count = 0
      return mean
    },
  },
}

/**
 * What a chain of rules makes of the parameters { x, shape, path }, in place; `rules` are { name, hyper }, where a number may be a function of the count
 * and a boolean one of the parameter, and `gradients` has an array or undefined for each.
 */
export class Mirror {
  constructor(rules) {
    this.rules = rules
    this.slots = rules.map(() => new Map())
    /** How many updates came as far as each rule: what a schedule counts. */
    this.counts = rules.map(() => 0)
  }

  update(parameters, gradients) {
    let steps = new Map(parameters.flatMap((p, i) => (gradients[i] ? [[p, gradients[i]]] : [])))
    this.rules.forEach(({ name, hyper }, k) => {
      const slots = this.slots[k]
      const { step, factor, hyper: defaults } = RULES[name]
      if (steps.size === 0) return
      const count = this.counts[k]++
      const numbers = p => {
        const of = (key, value) =>
          typeof value !== 'function' ? value : typeof defaults[key] === 'boolean' ? value(p.tensor, p.path) : value(count)
        return Object.fromEntries(Object.entries({ ...defaults, ...hyper }).map(([key, value]) => [key, of(key, value)]))
      }
      for (const p of steps.keys()) {
        if (!slots.has(p)) slots.set(p, { t: 0 })
        slots.get(p).t++
      }
      if (factor) {
        const times = factor(numbers(), [...steps.values()])
        steps = new Map([...steps].map(([p, g]) => [p, g.map(a => a * times)]))
        return
      }
      const made = [...steps].map(([p, g]) => {
        const s = slots.get(p)
        return [p, step(s, s.t, p.x, g, numbers(p), p.shape)]
      })
      steps = new Map(made.filter(([, g]) => g))
    })
    for (const [p, step] of steps) p.x = p.x.map((x, i) => x - step[i])
  }
}

const cosine = part => (1 + Math.cos(Math.PI * part)) / 2
const plain = s => (typeof s === 'number' ? () => s : s)

/** Schedules by ParameterSchedulers.jl's definitions, at steps from 0. */
export const SCHEDULES = {
  Step: (start, decay, sizes) => step => {
    if (typeof sizes === 'number') return start * decay ** Math.floor(step / sizes)
    let end = 0
    return start * decay ** sizes.filter(size => (end += size) <= step).length
  },
  Exp: (start, decay) => step => start * decay ** step,
  Poly: (start, degree, most) => step => (step >= most ? 0 : start * (1 - step / most) ** degree),
  Inv: (start, decay, degree) => step => start / (1 + decay * step) ** degree,
  Triangle: (l0, l1, period) => step => {
    const height = (2 / Math.PI) * Math.abs(Math.asin(Math.sin((Math.PI * step) / period)))
    return Math.abs(l0 - l1) * height + Math.min(l0, l1)
  },
  Sin: (l0, l1, period) => step => Math.abs(l0 - l1) * Math.abs(Math.sin((Math.PI * step) / period)) + Math.min(l0, l1),
  CosAnneal:
    (l0, l1, period, { restart = true } = {}) =>
    step =>
      Math.abs(l0 - l1) * cosine((restart ? step % period : step) / period) + Math.min(l0, l1),
  OneCycle:
    (n, max, { startval = max / 25, endval = max / 1e5, percentStart = 0.25 } = {}) =>
    step => {
      const rise = Math.ceil(n * percentStart)
      if (step < rise) return startval + (max - startval) * (1 - cosine(step / rise))
      return step >= n ? endval : endval + (max - endval) * cosine((step - rise) / (n - rise))
    },
  Warmup: (s, steps) => step => (step < steps ? (plain(s)(0) * (step + 1)) / steps : plain(s)(step - steps)),
  Sequence:
    (...parts) =>
    step => {
      for (const [s, n] of parts.slice(0, -1)) {
        if (step < n) return plain(s)(step)
        step -= n
      }
      return plain(parts.at(-1)[0])(step)
    },
  Loop: (s, period) => step => plain(s)(step % period),
  Interpolator: (s, rate) => step => plain(s)(Math.ceil((step + 1) / rate) - 1),
  Shifted: (s, offset) => step => plain(s)(step + offset),
}
