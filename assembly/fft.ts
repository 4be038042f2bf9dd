// FFT of 2^m complex f32, m ≥ 4, for correlations alone: forward by decimation in frequency, inverse by decimation in time,
// so that spectra stay in the order that falls out and no pass reorders them. Radix 4, one radix-2 pass first where m is odd,
// depth first, so that all but the top passes run in the cache. Not for secrets; nothing depends on values all the same.
//
// Layout: real parts, then as many imaginary ones. Twiddles w^k of a pass of length L lie by four k: for radix 2 w, for radix 4
// w, w², w³, each 4 real and 4 imaginary parts; a pass's table before the next shorter one's.

/** A pass this short goes with all shorter ones over its elements at once: 32 KB. */
const blockLength: u32 = 4096;

/** Forward, in place. */
export function fftForward(data: usize, length: u32, twiddles: usize): void {
  const im = data + (<usize>length << 2);
  if (clz(length) & 1) return depthFirst(data, im, length, twiddles);
  const half = length >> 1;
  const bytes = <usize>half << 2;
  for (let at: usize = 0; at < bytes; at += 16, twiddles += 32) {
    const x = data + at, y = x + bytes, u = im + at, v = u + bytes;
    const xr = v128.load(x), yr = v128.load(y), xi = v128.load(u), yi = v128.load(v);
    v128.store(x, f32x4.add(xr, yr));
    v128.store(u, f32x4.add(xi, yi));
    turned(y, v, f32x4.sub(xr, yr), f32x4.sub(xi, yi), twiddles);
  }
  depthFirst(data, im, half, twiddles);
  depthFirst(data + bytes, im + bytes, half, twiddles);
}

/** Inverse but for a factor `length`, in place. */
export function fftInverse(data: usize, length: u32, twiddles: usize): void {
  const im = data + (<usize>length << 2);
  if (clz(length) & 1) return depthFirstBack(data, im, length, twiddles);
  const half = length >> 1;
  const bytes = <usize>half << 2;
  depthFirstBack(data, im, half, twiddles + 2 * bytes);
  depthFirstBack(data + bytes, im + bytes, half, twiddles + 2 * bytes);
  for (let at: usize = 0; at < bytes; at += 16, twiddles += 32) {
    const x = data + at, y = x + bytes, u = im + at, v = u + bytes;
    const wr = v128.load(twiddles), wi = v128.load(twiddles, 16);
    const br = v128.load(y), bi = v128.load(v);
    const yr = f32x4.add(f32x4.mul(br, wr), f32x4.mul(bi, wi));
    const yi = f32x4.sub(f32x4.mul(bi, wr), f32x4.mul(br, wi));
    const xr = v128.load(x), xi = v128.load(u);
    v128.store(x, f32x4.add(xr, yr));
    v128.store(u, f32x4.add(xi, yi));
    v128.store(y, f32x4.sub(xr, yr));
    v128.store(v, f32x4.sub(xi, yi));
  }
}

/** out = scale·x·conj y, or that added to `out`. */
export function fftProduct(out: usize, x: usize, y: usize, length: u32, scale: f32, add: bool): void {
  const bytes = <usize>length << 2;
  const factor = f32x4.splat(scale);
  for (let at: usize = 0; at < bytes; at += 16) {
    const xr = v128.load(x + at), xi = v128.load(x + at + bytes);
    const yr = f32x4.mul(v128.load(y + at), factor), yi = f32x4.mul(v128.load(y + at + bytes), factor);
    let re = f32x4.add(f32x4.mul(xr, yr), f32x4.mul(xi, yi));
    let im = f32x4.sub(f32x4.mul(xi, yr), f32x4.mul(xr, yi));
    if (add) {
      re = f32x4.add(re, v128.load(out + at));
      im = f32x4.add(im, v128.load(out + at + bytes));
    }
    v128.store(out + at, re);
    v128.store(out + at + bytes, im);
  }
}

function depthFirst(re: usize, im: usize, length: u32, twiddles: usize): void {
  const quarter = length >> 2;
  const step = <usize>length;
  if (length <= blockLength) {
    for (let part = length; part > 4; part >>= 2) {
      for (let at: usize = 0; at < step << 2; at += <usize>part << 2) pass(re + at, im + at, part, twiddles);
      twiddles += 6 * <usize>part;
    }
    return fours(re, im, length);
  }
  pass(re, im, length, twiddles);
  for (let i: usize = 0; i < 4; i++) depthFirst(re + i * step, im + i * step, quarter, twiddles + 6 * step);
}

function depthFirstBack(re: usize, im: usize, length: u32, twiddles: usize): void {
  const quarter = length >> 2;
  const step = <usize>length;
  if (length <= blockLength) {
    foursBack(re, im, length);
    for (let part: u32 = 16; part <= length; part <<= 2) {
      // Tables of all longer passes of this block: 6·(length + length/4 + … + 4·part).
      const table = twiddles + (8 * (step - <usize>part));
      for (let at: usize = 0; at < step << 2; at += <usize>part << 2) passBack(re + at, im + at, part, table);
    }
    return;
  }
  for (let i: usize = 0; i < 4; i++) depthFirstBack(re + i * step, im + i * step, quarter, twiddles + 6 * step);
  passBack(re, im, length, twiddles);
}

/** (re, im)·w to memory. */
// @ts-ignore: decorator
@inline
function turned(toRe: usize, toIm: usize, re: v128, im: v128, w: usize): void {
  const wr = v128.load(w), wi = v128.load(w, 16);
  v128.store(toRe, f32x4.sub(f32x4.mul(re, wr), f32x4.mul(im, wi)));
  v128.store(toIm, f32x4.add(f32x4.mul(re, wi), f32x4.mul(im, wr)));
}

function pass(re: usize, im: usize, length: u32, w: usize): void {
  const q = <usize>length;
  const q2 = q << 1;
  const q3 = q2 + q;
  for (let x = re, y = im, end = re + q; x < end; x += 16, y += 16, w += 96) {
    const ar = v128.load(x), br = v128.load(x + q), cr = v128.load(x + q2), dr = v128.load(x + q3);
    const ai = v128.load(y), bi = v128.load(y + q), ci = v128.load(y + q2), di = v128.load(y + q3);
    const sr = f32x4.add(ar, cr), si = f32x4.add(ai, ci), tr = f32x4.add(br, dr), ti = f32x4.add(bi, di);
    const ur = f32x4.sub(ar, cr), ui = f32x4.sub(ai, ci), vr = f32x4.sub(bi, di), vi = f32x4.sub(dr, br);
    v128.store(x, f32x4.add(sr, tr));
    v128.store(y, f32x4.add(si, ti));
    turned(x + q, y + q, f32x4.add(ur, vr), f32x4.add(ui, vi), w);
    turned(x + q2, y + q2, f32x4.sub(sr, tr), f32x4.sub(si, ti), w + 32);
    turned(x + q3, y + q3, f32x4.sub(ur, vr), f32x4.sub(ui, vi), w + 64);
  }
}

function passBack(re: usize, im: usize, length: u32, w: usize): void {
  const q = <usize>length;
  const q2 = q << 1;
  const q3 = q2 + q;
  for (let x = re, y = im, end = re + q; x < end; x += 16, y += 16, w += 96) {
    let r = v128.load(x + q), i = v128.load(y + q), wr = v128.load(w), wi = v128.load(w, 16);
    const br = f32x4.add(f32x4.mul(r, wr), f32x4.mul(i, wi)), bi = f32x4.sub(f32x4.mul(i, wr), f32x4.mul(r, wi));
    r = v128.load(x + q2), i = v128.load(y + q2), wr = v128.load(w, 32), wi = v128.load(w, 48);
    const cr = f32x4.add(f32x4.mul(r, wr), f32x4.mul(i, wi)), ci = f32x4.sub(f32x4.mul(i, wr), f32x4.mul(r, wi));
    r = v128.load(x + q3), i = v128.load(y + q3), wr = v128.load(w, 64), wi = v128.load(w, 80);
    const dr = f32x4.add(f32x4.mul(r, wr), f32x4.mul(i, wi)), di = f32x4.sub(f32x4.mul(i, wr), f32x4.mul(r, wi));
    butterflyBack(x, y, q, v128.load(x), v128.load(y), br, bi, cr, ci, dr, di);
  }
}

// @ts-ignore: decorator
@inline
function butterflyBack(
  x: usize,
  y: usize,
  q: usize,
  ar: v128,
  ai: v128,
  br: v128,
  bi: v128,
  cr: v128,
  ci: v128,
  dr: v128,
  di: v128,
): void {
  const sr = f32x4.add(ar, cr), si = f32x4.add(ai, ci), tr = f32x4.sub(ar, cr), ti = f32x4.sub(ai, ci);
  const ur = f32x4.add(br, dr), ui = f32x4.add(bi, di), vr = f32x4.sub(di, bi), vi = f32x4.sub(br, dr);
  v128.store(x, f32x4.add(sr, ur));
  v128.store(y, f32x4.add(si, ui));
  v128.store(x + q, f32x4.add(tr, vr));
  v128.store(y + q, f32x4.add(ti, vi));
  v128.store(x + 2 * q, f32x4.sub(sr, ur));
  v128.store(y + 2 * q, f32x4.sub(si, ui));
  v128.store(x + 3 * q, f32x4.sub(tr, vr));
  v128.store(y + 3 * q, f32x4.sub(ti, vi));
}

/** The last pass, of fours in a row: transposed, and so they stay. */
function fours(re: usize, im: usize, length: u32): void {
  for (let x = re, y = im, end = re + (<usize>length << 2); x < end; x += 64, y += 64) {
    transpose(x);
    transpose(y);
    const ar = v128.load(x), br = v128.load(x, 16), cr = v128.load(x, 32), dr = v128.load(x, 48);
    const ai = v128.load(y), bi = v128.load(y, 16), ci = v128.load(y, 32), di = v128.load(y, 48);
    const sr = f32x4.add(ar, cr), si = f32x4.add(ai, ci), tr = f32x4.add(br, dr), ti = f32x4.add(bi, di);
    const ur = f32x4.sub(ar, cr), ui = f32x4.sub(ai, ci), vr = f32x4.sub(bi, di), vi = f32x4.sub(dr, br);
    v128.store(x, f32x4.add(sr, tr));
    v128.store(y, f32x4.add(si, ti));
    v128.store(x, f32x4.add(ur, vr), 16);
    v128.store(y, f32x4.add(ui, vi), 16);
    v128.store(x, f32x4.sub(sr, tr), 32);
    v128.store(y, f32x4.sub(si, ti), 32);
    v128.store(x, f32x4.sub(ur, vr), 48);
    v128.store(y, f32x4.sub(ui, vi), 48);
  }
}

function foursBack(re: usize, im: usize, length: u32): void {
  for (let x = re, y = im, end = re + (<usize>length << 2); x < end; x += 64, y += 64) {
    butterflyBack(
      x,
      y,
      16,
      v128.load(x),
      v128.load(y),
      v128.load(x, 16),
      v128.load(y, 16),
      v128.load(x, 32),
      v128.load(y, 32),
      v128.load(x, 48),
      v128.load(y, 48),
    );
    transpose(x);
    transpose(y);
  }
}

/** 4 × 4 in place. */
// @ts-ignore: decorator
@inline
function transpose(at: usize): void {
  const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load(at, 48);
  const e = v128.shuffle<i32>(a, b, 0, 4, 1, 5), f = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const g = v128.shuffle<i32>(c, d, 0, 4, 1, 5), h = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(at, v128.shuffle<i64>(e, g, 0, 2));
  v128.store(at, v128.shuffle<i64>(e, g, 1, 3), 16);
  v128.store(at, v128.shuffle<i64>(f, h, 0, 2), 32);
  v128.store(at, v128.shuffle<i64>(f, h, 1, 3), 48);
}
