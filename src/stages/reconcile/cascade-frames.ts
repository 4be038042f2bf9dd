/**
 * From a block to Cascade's frames and back. The block is mixed publicly first, so that neither dead time (bits close by)
 * nor drift (bits far apart) meets one frame or one block of parities: groups of 64 words are transposed bit by bit, then
 * words are dealt like cards. Blocks below 2^16 bits are one frame in a random order. Frames are padded by bits that are
 * zero at both ends; their parities count as leaked all the same. A small block that is revealed is told without them; of
 * a large one they are dealt over its frames, and count.
 */
import { BitString } from "../../bits.js";
import { collectBlock, dealBlock } from "../../kernels/cascade-deal.js";
import { type FrameShape, frameShape } from "../../kernels/cascade-halves.js";
import type { CascadeOrders } from "../../kernels/cascade-order.js";
import { entropy } from "../../security/entropy.js";
import type { ReconcileOptions } from "./types.js";

const largestFrame = 2 ** 18;
const smallBlock = 2 ** 16;
const framesOfWave = 64;
/** So many waves keep both ends busy; a block in more of them would only have more messages, each of which costs time. */
const enoughLanes = 3;
/** A wave's memory at Bob is some 41 MB at 1 %, 55 MB at 8 % (kernels/cascade.ts): this many bound it. */
export const mostLanes = 8;
/** Bits a second of one end's core at best, and the round trips of a wave: enough lanes to keep that core busy. */
const coreSpeed = 400e6;
export const roundTripsOfWave = 125;
/** Frames of large blocks are multiples of this many words: the largest block of parities, 2^13 bits. */
const unitWords = 128;
const mixingPass = 15;

export interface FramePlan {
  /** Words of each frame. */
  readonly words: readonly number[];
  readonly bits: number;
}

export function planFrames(bits: number): FramePlan {
  if (isSmall(bits)) return { bits, words: bits === 0 ? [] : [paddedSmall(bits) / 64] };
  const units = Math.ceil(bits / (unitWords * 64));
  const count = Math.ceil((units * unitWords * 64) / largestFrame);
  const words = Array.from({ length: count }, (_, f) => Math.floor((units + f) / count) * unitWords);
  return { bits, words: words.reverse() };
}

/**
 * Waves of a block that take turns: one more than wait for the other end, which computes while this one does. Other
 * blocks keep the ends busy as well, and a block in fewer waves has fewer messages.
 */
export function lanesFor(
  bits: number,
  { roundTripSeconds = 0 }: Pick<ReconcileOptions, "roundTripSeconds">,
  others = 0,
): number {
  const waiting = (coreSpeed * roundTripsOfWave * roundTripSeconds) / (framesOfWave * largestFrame);
  const wanted = Math.min(mostLanes, 2 + Math.floor(waiting)) - others;
  const inWhole = Math.ceil(bits / (framesOfWave * largestFrame));
  return Math.max(1, Math.min(wanted, Math.max(enoughLanes - others, inWhole)));
}

/** Numbers of the frames that advance together, one step a message. */
export function planWaves(frames: number, lanes: number): number[][] {
  const size = Math.min(framesOfWave, Math.ceil(frames / Math.min(lanes, enoughLanes)));
  return Array.from({ length: Math.ceil(frames / Math.max(1, size)) }, (_, w) =>
    Array.from({ length: Math.min(size, frames - w * size) }, (_, i) => w * size + i),
  );
}

/** One frame in a random order: the padded length decides, as it does of the order's kind. */
function isSmall(bits: number): boolean {
  return paddedSmall(bits) < smallBlock;
}

/** A multiple of a power of two of at least 64 that is at most an eighth of it. */
function paddedSmall(bits: number): number {
  const unit = Math.max(64, 2 ** Math.floor(Math.log2(bits / 8)));
  return Math.ceil(bits / unit) * unit;
}

/**
 * log₂ of the largest block of parities in a frame of this many bits: five blocks at least, or a word each. Of a block
 * as large as the frame later passes would have one and the same parity, and never find an even number of errors.
 */
export function largestLevel(length: number): number {
  const fiveBlocks = Math.max(6, Math.ceil(Math.log2(length)) - 3);
  return Math.min(13, fiveBlocks, Math.log2(length & -length));
}

/**
 * log₂ block sizes of the three passes (KERNELS.md E, 2), and where all leaves are searched together (6).
 * @param few smaller blocks: about half the round trips for 0.015 to 0.04 in f
 */
export function cascadeParameters(qber: number, few = false): { levels: readonly number[]; together: number } {
  const q = Math.min(Math.max(qber, 0.0005), 0.25);
  const first = Math.floor(Math.log2(1.3 / q));
  const wide = 2 ** first * q <= 1;
  const third = q < 0.015 ? 13 : q <= 0.05 ? 12 : q <= 0.08 ? 11 : 10;
  const second = wide ? first + 2 : first + 1;
  const [k1, k2] = few ? [wide ? first : first - 1, second - 1] : [first, second];
  return { levels: [Math.max(1, k1), k2, Math.max(third, second)], together: q / 160 };
}

/** About: f and round trips, of a frame and of a wave. */
const tightPace = { efficiency: 1.045, roundTrips: roundTripsOfWave };
const fewPace = { efficiency: 1.09, roundTrips: 50 };

/**
 * Whether fewer round trips leave more secret bits a second; a source that fills a block more slowly sets the pace, and
 * other blocks fill their share of the waits.
 */
export function fewTrips(
  bits: number,
  {
    qber,
    roundTripSeconds = 0,
    sourceSeconds = 0,
  }: Pick<ReconcileOptions, "qber" | "roundTripSeconds" | "sourceSeconds">,
  others = 0,
): boolean {
  const h = entropy(Math.min(0.5, qber));
  const wait = roundTripSeconds / (1 + others);
  const rate = ({ efficiency, roundTrips }: typeof tightPace) =>
    Math.max(0, 1 - h - efficiency * h) / Math.max(sourceSeconds, bits / coreSpeed + roundTrips * wait);
  return rate(fewPace) > rate(tightPace);
}

/** Level of each of a frame's passes; those after the third are to find what three have missed. */
export function passLevel(qber: number, pass: number, length: number, few = false): number {
  return Math.min(cascadeParameters(qber, few).levels[pass] ?? 13, largestLevel(length));
}

export function shapeOf(length: number, qber: number, few = false): FrameShape {
  return frameShape(length, passLevel(qber, 0, length, few));
}

/** @returns each frame's packed bits; the caller zeroises them */
export function dealFrames(word: BitString, plan: FramePlan, orders: (length: number) => CascadeOrders): Uint8Array[] {
  const [only] = plan.words;
  if (only === undefined) return [];
  if (isSmall(word.length)) return [reorder(word.bytes, only * 64, orders(only * 64), "to")];
  return dealBlock(word.bytes, plan.words);
}

/** The inverse. */
export function collectFrames(
  frames: readonly Uint8Array[],
  plan: FramePlan,
  orders: (length: number) => CascadeOrders,
): BitString {
  const [only] = plan.words;
  if (only === undefined) return BitString.zeros(0);
  const bytes = isSmall(plan.bits)
    ? reorder(frames[0]!, only * 64, orders(only * 64), "from")
    : collectBlock(frames, plan.words);
  // What a revealed frame's padding holds stays behind.
  bytes.fill(0, Math.ceil(plan.bits / 8));
  return BitString.adopt(bytes, plan.bits);
}

/** Bits that Alice tells of a frame that is revealed. */
export function toldBits(bits: number, length: number): number {
  return isSmall(bits) ? bits : length;
}

/** What she tells: a small block as it came, without the padding. @param bits of the block */
export function toldOf(frame: Uint8Array, bits: number, orders: (length: number) => CascadeOrders): Uint8Array {
  if (!isSmall(bits)) return frame;
  const length = frame.length * 8;
  return reorder(frame, length, orders(length), "from").subarray(0, Math.ceil(bits / 8));
}

/** The frame that she told, in memory of its own. */
export function frameOfTold(
  told: Uint8Array,
  bits: number,
  length: number,
  orders: (length: number) => CascadeOrders,
): Uint8Array {
  if (!isSmall(bits)) return told.slice();
  return reorder(BitString.from(told, bits).bytes, length, orders(length), "to").slice();
}

function reorder(bytes: Uint8Array, length: number, orders: CascadeOrders, way: "to" | "from"): Uint8Array {
  const order = orders.pass(mixingPass);
  if (order.kind !== "table") throw new Error("a large frame has no table");
  const out = way === "to" ? new Uint8Array(new SharedArrayBuffer(length / 8)) : new Uint8Array(length / 8);
  const places = order[way];
  for (let i = 0; i < length; i++) {
    const bit = ((bytes[i >>> 3] ?? 0) >>> (i & 7)) & 1;
    const place = places[i]!;
    out[place >>> 3]! |= bit << (place & 7);
  }
  return out;
}
