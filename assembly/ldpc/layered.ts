// Syndrome decoding of quasi-cyclic codes: row-layered, int8, SIMD across the circulant (KERNELS.md B).
//
// Decodes the error pattern e from H·e = target: one prior C0 for every bit, L_v its posterior (scale 4 per nat), R_e the
// last message of each edge. A layer is a base row; per block of 32 checks
//   pass 1  T = L − R; sign product; smallest |T| and the combination of the others
//   pass 2  R = sign · magnitude without the edge itself; L = T + R
// Arithmetic: A-min* (tight) x ⊞ y = min + c(x + y) − c(|x − y|), c(i) = round(4·ln(1 + e^(−i/4))) from a 16-entry swizzle
// (Jones et al., MILCOM 2003), or normalised min-sum (fast) with factor alpha/256.
//
// Layout: L one padded column of Z + 64 bytes each; R one stream in processing order, 32 bytes a block and edge; target one
// byte a check, 0x00 or 0x80. A row of `code`: degree, (column address, shift) per edge, events, (block, edge) per event.
// A circulant's wrap is an event: from that block on the edge's pointer is Z lower. Cost: ~0.17 ns an edge and iteration.

const lanes: i32 = 32;
/** Offsets behind `tables`: 16 bytes of c, then 64 bytes that select the spilled lanes. */
const selectAt: usize = 64;

// @ts-ignore: decorator
@inline
function boxPlus(a: v128, b: v128, table: v128): v128 {
  const low = i8x16.min_u(a, b);
  const high = i8x16.max_u(a, b);
  const plus = i8x16.swizzle(table, i8x16.add_sat_u(high, low));
  const minus = i8x16.swizzle(table, i8x16.sub(high, low));
  return i8x16.sub_sat_u(i8x16.add_sat_u(low, plus), minus);
}

// @ts-ignore: decorator
@inline
function scaled(magnitude: v128, alpha: v128): v128 {
  const round = i16x8.splat(128);
  const low = i16x8.shr_u(i16x8.add(i16x8.extmul_low_i8x16_u(magnitude, alpha), round), 8);
  const high = i16x8.shr_u(i16x8.add(i16x8.extmul_high_i8x16_u(magnitude, alpha), round), 8);
  return i8x16.narrow_i16x8_u(low, high);
}

// @ts-ignore: decorator
@inline
function signed(magnitude: v128, sign: v128): v128 {
  const negative = i8x16.lt_s(sign, i8x16.splat(0));
  return i8x16.sub(v128.xor(magnitude, negative), negative);
}

/** One iteration over all layers. alpha 0: tight. Returns how many checks were unsatisfied on the way. */
// @ts-ignore: decorator
@inline
function iterate(code: usize, rows: i32, z: i32, l: usize, r: usize, target: usize, pointers: usize, tables: usize, clip: i32, alpha: i32): i32 {
  const table = v128.load(tables);
  const limit = i8x16.splat(<i8>clip);
  const factor = i8x16.splat(<i8>alpha);
  let unsatisfied = 0;
  for (let row = 0; row < rows; row++) {
    const degree = load<i32>(code);
    const edges = code + 4;
    const pointersEnd = pointers + (<usize>degree << 2);
    for (let e: usize = 0; e < <usize>degree; e++) {
      const column = l + <usize>load<u32>(edges + (e << 3));
      v128.store(column + z, v128.load(column));
      v128.store(column + z, v128.load(column, 16), 16);
      store<u32>(pointers + (e << 2), <u32>(column + <usize>load<u32>(edges + (e << 3), 4)));
    }
    let event = edges + (<usize>degree << 3);
    let events = load<i32>(event);
    event += 4;
    const next = event + (<usize>events << 3);
    for (let k = 0; k < z; k += lanes) {
      while (events > 0 && load<i32>(event) == k) {
        const pointer = pointers + (<usize>load<u32>(event, 4) << 2);
        store<u32>(pointer, load<u32>(pointer) - z);
        event += 8;
        events--;
      }
      let sign0 = v128.load(target), sign1 = v128.load(target, 16);
      let parity0 = sign0, parity1 = sign1;
      let least0 = i8x16.splat(127), least1 = least0, rest0 = least0, rest1 = least0;
      let message = r;
      for (let p = pointers; p < pointersEnd; p += 4) {
        const at = <usize>load<u32>(p) + k;
        const l0 = v128.load(at), l1 = v128.load(at, 16);
        const t0 = i8x16.sub_sat_s(l0, v128.load(message)), t1 = i8x16.sub_sat_s(l1, v128.load(message, 16));
        v128.store(message, t0);
        v128.store(message, t1, 16);
        parity0 = v128.xor(parity0, l0);
        parity1 = v128.xor(parity1, l1);
        sign0 = v128.xor(sign0, t0);
        sign1 = v128.xor(sign1, t1);
        const a0 = i8x16.abs(t0), a1 = i8x16.abs(t1);
        const other0 = i8x16.max_u(least0, a0), other1 = i8x16.max_u(least1, a1);
        least0 = i8x16.min_u(least0, a0);
        least1 = i8x16.min_u(least1, a1);
        if (alpha == 0) {
          rest0 = boxPlus(rest0, other0, table);
          rest1 = boxPlus(rest1, other1, table);
        } else {
          rest0 = i8x16.min_u(rest0, other0);
          rest1 = i8x16.min_u(rest1, other1);
        }
        message += lanes;
      }
      unsatisfied += popcnt(i8x16.bitmask(parity0)) + popcnt(i8x16.bitmask(parity1));
      let usual0: v128, usual1: v128, own0: v128, own1: v128;
      if (alpha == 0) {
        usual0 = boxPlus(least0, rest0, table);
        usual1 = boxPlus(least1, rest1, table);
        own0 = rest0;
        own1 = rest1;
      } else {
        usual0 = scaled(least0, factor);
        usual1 = scaled(least1, factor);
        own0 = scaled(rest0, factor);
        own1 = scaled(rest1, factor);
      }
      usual0 = i8x16.min_u(usual0, limit);
      usual1 = i8x16.min_u(usual1, limit);
      own0 = i8x16.min_u(own0, limit);
      own1 = i8x16.min_u(own1, limit);
      message = r;
      for (let p = pointers; p < pointersEnd; p += 4) {
        const at = <usize>load<u32>(p) + k;
        const t0 = v128.load(message), t1 = v128.load(message, 16);
        const m0 = v128.bitselect(own0, usual0, i8x16.eq(i8x16.abs(t0), least0));
        const m1 = v128.bitselect(own1, usual1, i8x16.eq(i8x16.abs(t1), least1));
        const r0 = signed(m0, v128.xor(sign0, t0)), r1 = signed(m1, v128.xor(sign1, t1));
        v128.store(message, r0);
        v128.store(message, r1, 16);
        v128.store(at, i8x16.add_sat_s(t0, r0));
        v128.store(at, i8x16.add_sat_s(t1, r1), 16);
        message += lanes;
      }
      r = message;
      target += lanes;
    }
    for (let e: usize = 0; e < <usize>degree; e++) mergeSpill(l + <usize>load<u32>(edges + (e << 3)), z, load<u32>(edges + (e << 3), 4) & (lanes - 1), tables);
    code = next;
  }
  return unsatisfied;
}

function iterateTight(code: usize, rows: i32, z: i32, l: usize, r: usize, target: usize, pointers: usize, tables: usize, clip: i32): i32 {
  return iterate(code, rows, z, l, r, target, pointers, tables, clip, 0);
}

function iterateFast(code: usize, rows: i32, z: i32, l: usize, r: usize, target: usize, pointers: usize, tables: usize, clip: i32, alpha: i32): i32 {
  return iterate(code, rows, z, l, r, target, pointers, tables, clip, alpha | 1);
}

/** The last block of a rotated column wrote its first `over` lanes behind the column's end: they belong to its start. */
// @ts-ignore: decorator
@inline
function mergeSpill(column: usize, z: i32, over: u32, tables: usize): void {
  if (over == 0) return;
  const select = tables + selectAt + lanes - over;
  v128.store(column, v128.bitselect(v128.load(column + z), v128.load(column), v128.load(select)));
  v128.store(column, v128.bitselect(v128.load(column + z, 16), v128.load(column, 16), v128.load(select, 16)), 16);
}

/** Checks that the signs of L do not satisfy, exactly. `work`: Z bytes. */
function countUnsatisfied(code: usize, rows: i32, z: i32, l: usize, target: usize, work: usize): i32 {
  let unsatisfied = 0;
  for (let row = 0; row < rows; row++) {
    const degree = load<i32>(code);
    code += 4;
    for (let i = 0; i < z; i += 16) v128.store(work + i, v128.load(target + i));
    for (let e = 0; e < degree; e++) {
      const column = l + <usize>load<u32>(code);
      const shift = load<i32>(code, 4);
      code += 8;
      v128.store(column + z, v128.load(column));
      v128.store(column + z, v128.load(column, 16), 16);
      let from = column + shift;
      for (let i = 0; i < z; i += 16) {
        if (i + shift >= z && from >= column + shift) from = column + shift - z;
        v128.store(work + i, v128.xor(v128.load(work + i), v128.load(from + i)));
      }
    }
    for (let i = 0; i < z; i += 16) unsatisfied += popcnt(i8x16.bitmask(v128.load(work + i)));
    code += 4 + (<usize>load<u32>(code) << 3);
    target += z;
  }
  return unsatisfied;
}

/**
 * Decodes until every check holds or `iterations` are spent. `known`: (address in L, ±127) pairs that are put back after
 * every iteration. alphaFrom 0: tight throughout. Returns the iterations used, or −1.
 */
export function ldpcDecode(
  code: usize, rows: i32, z: i32, columns: i32, l: usize, r: usize, messages: i32, target: usize, pointers: usize, tables: usize,
  prior: i32, clip: i32, iterations: i32, alphaFrom: i32, alphaTo: i32, ramp: i32, known: usize, knownCount: i32,
): i32 {
  for (let c: usize = 0; c < <usize>columns; c++) memory.fill(l + c * (z + 64), <u8>prior, z);
  memory.fill(r, 0, messages);
  pin(l, known, knownCount);
  for (let i = 1; i <= iterations; i++) {
    const alpha = alphaFrom == 0 ? 0 : i < ramp ? alphaFrom + ((alphaTo - alphaFrom) * i) / ramp : alphaTo;
    const unsatisfied =
      alpha == 0
        ? iterateTight(code, rows, z, l, r, target, pointers, tables, clip)
        : iterateFast(code, rows, z, l, r, target, pointers, tables, clip, alpha);
    pin(l, known, knownCount);
    if (unsatisfied < 64 && countUnsatisfied(code, rows, z, l, target, pointers + 4096) == 0) return i;
  }
  return -1;
}

function pin(l: usize, known: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<i8>(l + <usize>load<u32>(known), <i8>load<i32>(known, 4));
    known += 8;
  }
}

/** Signs of L as packed bits: out bit c·Z + i. Z a multiple of 32. */
export function ldpcSigns(l: usize, columns: i32, z: i32, out: usize): void {
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < z; i += 16) {
      store<u16>(out, <u16>i8x16.bitmask(v128.load(l + i)));
      out += 2;
    }
    l += z + 64;
  }
}

/** Packed bits to one byte each, 0x00 or 0x80. */
export function ldpcSpread(bits: usize, count: i32, out: usize): void {
  for (let i = 0; i < count; i += 8) {
    const byte: u32 = load<u8>(bits + (i >> 3));
    for (let b = 0; b < 8; b++) store<u8>(out + i + b, <u8>(((byte >> b) & 1) << 7));
  }
}
