// Syndrome decoding of quasi-cyclic codes: row-layered, int8, SIMD across the circulant (KERNELS.md B).
//
// Decodes the error pattern e from H·e = target: one prior C0 for every bit, L_v its posterior (scale 4 per nat), R_e the
// last message of each edge. A layer is a base row; per block of 32 checks
//   pass 1  T = L − R; sign product; smallest |T| and the combination of the others
//   pass 2  R = sign · magnitude without the edge itself; L = T + R
// Arithmetic: A-min* (tight) x ⊞ y = min + c(x + y) − c(|x − y|), c(i) = 4·ln(1 + e^(−i/4)) from a 16-entry swizzle (Jones et
// al., MILCOM 2003), or normalised min-sum (fast) with factor alpha/256. c is rounded up and down in turn from edge to edge:
// rounded alike, it vanishes from i = 9 on, and a check of a hundred edges answers twice what it should.
//
// Layout: L one padded column of Z + 64 bytes each; R one stream in processing order, 32 bytes a block and edge; the target
// packed, and spread to one byte a check, 0x00 or 0x80. A row of `code`: degree, (column address, shift) per edge, events, (block, edge) per event.
// A circulant's wrap is an event: from that block on the edge's pointer is Z lower. Cost: ~0.17 ns an edge and iteration.

import { ldpcSyndrome } from "./syndrome";

const lanes: i32 = 32;
/** Offsets behind `tables`: 16 bytes of c, then 64 bytes that select the spilled lanes. */
const selectAt: usize = 64;
/** Behind them eight tables of c, rounded up where (k + ½)/8 exceeds what is missing: edges take them in turn. */
const ditherAt: usize = 192;
const ditherMask: usize = 96;
/**
 * Fewer failing checks than that, and not fewer `trapped` iterations later, are a trap: some wrong bits in a row of checks
 * that agree on them (the chain of degree 2), whose priors outweigh what the checks at both ends may say. From then on
 * they may say more; earlier that would saturate the beliefs.
 */
const fewChecks: i32 = 64;
const trapped: i32 = 2;
const openClip: i32 = 110;

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
function combine(tight: bool, rest: v128, other: v128, table: v128): v128 {
  return tight ? boxPlus(rest, other, table) : i8x16.min_u(rest, other);
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
function signed(magnitude: v128, negative: v128): v128 {
  return i8x16.sub(v128.xor(magnitude, negative), negative);
}

/** R of 16 checks on one edge, from T. `usual` and `gain` = the least one's own − `usual` carry the check's sign. */
// @ts-ignore: decorator
@inline
function reply(t: v128, least: v128, usual: v128, gain: v128): v128 {
  const value = i8x16.add(usual, v128.and(gain, i8x16.eq(i8x16.abs(t), least)));
  return signed(value, i8x16.gt_s(i8x16.splat(0), t));
}

/** One iteration over all layers. Returns how many checks were unsatisfied on the way. */
// @ts-ignore: decorator
@inline
function iterate(tight: bool, code: usize, rows: i32, z: i32, l: usize, r: usize, target: usize, pointers: usize, tables: usize, clip: i32, alpha: i32): i32 {
  const table = v128.load(tables);
  const limit = i8x16.splat(<i8>clip);
  const factor = i8x16.splat(<i8>alpha);
  let unsatisfied = 0;
  for (let row = 0; row < rows; row++) {
    const degree = load<i32>(code);
    const edges = code + 4;
    const pointersEnd = pointers + (<usize>degree << 2);
    const pairsEnd = pointers + (<usize>(degree & ~1) << 2);
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
    let nextAt = events ? load<i32>(event) : -1;
    for (let k = 0; k < z; k += lanes) {
      while (nextAt == k) {
        const pointer = pointers + (<usize>load<u32>(event, 4) << 2);
        store<u32>(pointer, load<u32>(pointer) - z);
        event += 8;
        nextAt = --events ? load<i32>(event) : -1;
      }
      let sign0 = v128.load(target), sign1 = v128.load(target, 16);
      let parity0 = sign0, parity1 = sign1;
      let least0 = i8x16.splat(127), least1 = least0, rest0 = least0, rest1 = least0;
      let message = r;
      let p = pointers;
      // Two edges a turn: the loop's own work is dear against so few instructions.
      for (; p < pairsEnd; p += 8) {
        const at = <usize>load<u32>(p) + k;
        let part = tight ? v128.load(tables + ditherAt + ((p << 2) & ditherMask)) : table;
        let bits = v128.load(at);
        let t = i8x16.sub_sat_s(bits, v128.load(message));
        v128.store(message, t);
        parity0 = v128.xor(parity0, bits);
        sign0 = v128.xor(sign0, t);
        t = i8x16.abs(t);
        rest0 = combine(tight, rest0, i8x16.max_u(least0, t), part);
        least0 = i8x16.min_u(least0, t);
        bits = v128.load(at, 16);
        t = i8x16.sub_sat_s(bits, v128.load(message, 16));
        v128.store(message, t, 16);
        parity1 = v128.xor(parity1, bits);
        sign1 = v128.xor(sign1, t);
        t = i8x16.abs(t);
        rest1 = combine(tight, rest1, i8x16.max_u(least1, t), part);
        least1 = i8x16.min_u(least1, t);
        part = tight ? v128.load(tables + ditherAt + ((p << 2) & ditherMask), 16) : table;
        const at2 = <usize>load<u32>(p, 4) + k;
        bits = v128.load(at2);
        t = i8x16.sub_sat_s(bits, v128.load(message, 32));
        v128.store(message, t, 32);
        parity0 = v128.xor(parity0, bits);
        sign0 = v128.xor(sign0, t);
        t = i8x16.abs(t);
        rest0 = combine(tight, rest0, i8x16.max_u(least0, t), part);
        least0 = i8x16.min_u(least0, t);
        bits = v128.load(at2, 16);
        t = i8x16.sub_sat_s(bits, v128.load(message, 48));
        v128.store(message, t, 48);
        parity1 = v128.xor(parity1, bits);
        sign1 = v128.xor(sign1, t);
        t = i8x16.abs(t);
        rest1 = combine(tight, rest1, i8x16.max_u(least1, t), part);
        least1 = i8x16.min_u(least1, t);
        message += 64;
      }
      if (p < pointersEnd) {
        const at = <usize>load<u32>(p) + k;
        let part = tight ? v128.load(tables + ditherAt + ((p << 2) & ditherMask)) : table;
        let bits = v128.load(at);
        let t = i8x16.sub_sat_s(bits, v128.load(message));
        v128.store(message, t);
        parity0 = v128.xor(parity0, bits);
        sign0 = v128.xor(sign0, t);
        t = i8x16.abs(t);
        rest0 = combine(tight, rest0, i8x16.max_u(least0, t), part);
        least0 = i8x16.min_u(least0, t);
        bits = v128.load(at, 16);
        t = i8x16.sub_sat_s(bits, v128.load(message, 16));
        v128.store(message, t, 16);
        parity1 = v128.xor(parity1, bits);
        sign1 = v128.xor(sign1, t);
        t = i8x16.abs(t);
        rest1 = combine(tight, rest1, i8x16.max_u(least1, t), table);
        least1 = i8x16.min_u(least1, t);
      }
      unsatisfied += popcnt(i8x16.bitmask(parity0)) + popcnt(i8x16.bitmask(parity1));
      sign0 = i8x16.gt_s(i8x16.splat(0), sign0);
      sign1 = i8x16.gt_s(i8x16.splat(0), sign1);
      let usual0 = tight ? boxPlus(least0, rest0, table) : scaled(least0, factor);
      let usual1 = tight ? boxPlus(least1, rest1, table) : scaled(least1, factor);
      const own0 = tight ? rest0 : scaled(rest0, factor);
      const own1 = tight ? rest1 : scaled(rest1, factor);
      usual0 = i8x16.min_u(usual0, limit);
      usual1 = i8x16.min_u(usual1, limit);
      const gain0 = signed(i8x16.sub(i8x16.min_u(own0, limit), usual0), sign0);
      const gain1 = signed(i8x16.sub(i8x16.min_u(own1, limit), usual1), sign1);
      usual0 = signed(usual0, sign0);
      usual1 = signed(usual1, sign1);
      message = r;
      for (p = pointers; p < pairsEnd; p += 8) {
        const at = <usize>load<u32>(p) + k;
        let t = v128.load(message);
        let back = reply(t, least0, usual0, gain0);
        v128.store(message, back);
        v128.store(at, i8x16.add_sat_s(t, back));
        t = v128.load(message, 16);
        back = reply(t, least1, usual1, gain1);
        v128.store(message, back, 16);
        v128.store(at, i8x16.add_sat_s(t, back), 16);
        const at2 = <usize>load<u32>(p, 4) + k;
        t = v128.load(message, 32);
        back = reply(t, least0, usual0, gain0);
        v128.store(message, back, 32);
        v128.store(at2, i8x16.add_sat_s(t, back));
        t = v128.load(message, 48);
        back = reply(t, least1, usual1, gain1);
        v128.store(message, back, 48);
        v128.store(at2, i8x16.add_sat_s(t, back), 16);
        message += 64;
      }
      if (p < pointersEnd) {
        const at = <usize>load<u32>(p) + k;
        let t = v128.load(message);
        let back = reply(t, least0, usual0, gain0);
        v128.store(message, back);
        v128.store(at, i8x16.add_sat_s(t, back));
        t = v128.load(message, 16);
        back = reply(t, least1, usual1, gain1);
        v128.store(message, back, 16);
        v128.store(at, i8x16.add_sat_s(t, back), 16);
        message += 32;
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
  return iterate(true, code, rows, z, l, r, target, pointers, tables, clip, 0);
}

function iterateFast(code: usize, rows: i32, z: i32, l: usize, r: usize, target: usize, pointers: usize, tables: usize, clip: i32, alpha: i32): i32 {
  return iterate(false, code, rows, z, l, r, target, pointers, tables, clip, alpha);
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

/** Whether the signs of L satisfy every check, exactly. `sweep`: the signs, the scratch of ldpcSyndrome, its answer. */
function satisfied(code: usize, rows: i32, z: i32, columns: i32, l: usize, target: usize, sweep: usize): bool {
  const doubled = sweep + <usize>(columns * (z >> 3) + 16);
  let answer = doubled + <usize>(columns * ((z >> 2) + 16) + 80);
  ldpcSigns(l, columns, z, sweep);
  ldpcSyndrome(code, rows, columns, z, sweep, doubled, answer);
  for (const end = answer + <usize>(rows * (z >> 3)); answer < end; answer += 4, target += 4) {
    if (load<u32>(answer) != load<u32>(target)) return false;
  }
  return true;
}

/**
 * Decodes until every check holds, `iterations` are spent, or the unsatisfied checks have not become a 64th fewer for
 * `patience` of them. `known`: (address in L, ±127) pairs that are put back after every iteration. alphaFrom 0: tight;
 * else alpha grows to alphaTo as checks come to hold: a ramp over time drives a frame that is behind into chaos.
 * R is zero at first. prior 0: goes on with what L and R hold. Returns the iterations used, negative where they did not do.
 */
export function ldpcDecode(
  code: usize, rows: i32, z: i32, columns: i32, l: usize, r: usize, target: usize, spread: usize, pointers: usize, tables: usize, sweep: usize,
  prior: i32, clip: i32, iterations: i32, patience: i32, alphaFrom: i32, alphaTo: i32, known: usize, knownCount: i32,
): i32 {
  if (prior != 0) {
    for (let c: usize = 0; c < <usize>columns; c++) memory.fill(l + c * (z + 64), <u8>prior, z);
  }
  ldpcSpread(target, rows * z, spread);
  pin(l, known, knownCount);
  let first = 0;
  let least = i32.MAX_VALUE;
  let gained = 0;
  let alpha = alphaFrom;
  for (let i = 1; i <= iterations; i++) {
    const unsatisfied =
      alphaFrom == 0
        ? iterateTight(code, rows, z, l, r, spread, pointers, tables, clip)
        : iterateFast(code, rows, z, l, r, spread, pointers, tables, clip, alpha);
    pin(l, known, knownCount);
    if (unsatisfied < fewChecks && satisfied(code, rows, z, columns, l, target, sweep)) return i;
    if (i == 1) first = max(1, unsatisfied);
    alpha = alphaTo - ((alphaTo - alphaFrom) * min(first, unsatisfied)) / first;
    if (unsatisfied < least - (least >> 6)) {
      least = unsatisfied;
      gained = i;
    } else if (clip < openClip && unsatisfied < fewChecks && i - gained >= trapped) {
      clip = openClip;
      gained = i;
    } else if (i - gained >= patience) return -i;
  }
  return -iterations;
}

function pin(l: usize, known: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<i8>(l + <usize>load<u32>(known), <i8>load<i32>(known, 4));
    known += 8;
  }
}

/** Signs of L as packed bits: out bit c·Z + i. Z a multiple of 32. Returns how many are negative. */
export function ldpcSigns(l: usize, columns: i32, z: i32, out: usize): i32 {
  let negative = 0;
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < z; i += 32) {
      const bits = <u32>i8x16.bitmask(v128.load(l + i)) | (<u32>i8x16.bitmask(v128.load(l + i, 16)) << 16);
      negative += popcnt(bits);
      store<u32>(out, bits);
      out += 4;
    }
    l += z + 64;
  }
  return negative;
}

/** Packed bits to one byte each, 0x00 or 0x80. */
function ldpcSpread(bits: usize, count: i32, out: usize): void {
  for (let i = 0; i < count; i += 8) {
    // The byte in all eight, its bit b alone in byte b, and that to the top by a carry out of seven ones.
    const own = (<u64>load<u8>(bits + (i >> 3)) * 0x0101010101010101) & 0x8040201008040201;
    store<u64>(out + i, ((own & 0x7f7f7f7f7f7f7f7f) + 0x7f7f7f7f7f7f7f7f | own) & 0x8080808080808080);
  }
}
