/**
 * PicoQuant TTTR records, u32 (FORMATS.md 1.1; PicoQuant, doc/apx_tttrrecords.html, ptudemo.cc):
 *   HH T2  [31] special [30:25] channel [24:0] time          HH T3  [31] special [30:25] channel [24:10] dtime [9:0] nsync
 *   PH T2  [31:28] channel [27:0] time                       PH T3  [31:28] channel [27:16] dtime [15:0] nsync
 * Codes: T2 HH sync 0, input raw n → n + 1; T3 HH raw n → n + 1; PH raw; markers 0x80 | bits.
 * Overflow records carry the number of periods (0 means 1); HH version 1 and PH always mean 1.
 */
import type { Chunk, EventBuffer, RecordDecoder } from "./records.js";
import type { DumpInfo } from "./types.js";

/** Offsets stay far below 2^53; past this a batch ends and its base moves on. */
const largestOffset = 2 ** 51;
const recordBytes = 4;

export type RecordKind = "HH-T2" | "HH-T3" | "PH-T2" | "PH-T3";

const loops = { "HH-T2": hydraT2, "HH-T3": hydraT3, "PH-T2": picoT2, "PH-T3": picoT3 };

/** @param wrap ticks of a period  @param counted overflow records carry a number of periods */
export function picoquantDecoder(kind: RecordKind, wrap: number, counted: boolean, info: DumpInfo): RecordDecoder {
  const loop = loops[kind];
  const state: LoopState = { offset: 0, wrap, counted, info };
  let base = 0n;
  return {
    recordBytes,
    hasDtime: kind.endsWith("T3"),
    decode(chunk: Chunk, from: number, to: number, out: EventBuffer): number {
      if (out.length === 0) {
        base += BigInt(state.offset);
        state.offset = 0;
        out.base = base;
      }
      return loop(chunk, from, to, out, state);
    },
  };
}

interface LoopState {
  /** Ticks of the periods since the base. */
  offset: number;
  readonly wrap: number;
  readonly counted: boolean;
  readonly info: DumpInfo;
}

function bad({ info }: LoopState, { firstRecord, firstByte }: Chunk, i: number): void {
  info.badRecords++;
  info.firstBad ??= { record: firstRecord + i, offset: firstByte + i * recordBytes };
}

/** @returns the new offset */
function overflow(state: LoopState, offset: number, field: number): number {
  const periods = state.counted ? field || 1 : 1;
  state.info.overflowRecords++;
  state.info.overflowPeriods += periods;
  return offset + periods * state.wrap;
}

function hydraT2(chunk: Chunk, from: number, to: number, out: EventBuffer, state: LoopState): number {
  const { words } = chunk;
  const { tick, code } = out;
  let { offset } = state;
  let { length } = out;
  let i = from;
  for (; i < to && offset < largestOffset; i++) {
    const record = words[i]! | 0;
    const time = record & 0x1ffffff;
    const channel = (record >>> 25) & 63;
    if (record >= 0) {
      tick[length] = offset + time;
      code[length++] = channel + 1;
    } else if (channel === 63) offset = overflow(state, offset, time);
    else if (channel <= 15) {
      tick[length] = offset + time;
      code[length++] = channel === 0 ? 0 : 0x80 | channel;
    } else bad(state, chunk, i);
  }
  state.offset = offset;
  out.length = length;
  return i;
}

function hydraT3(chunk: Chunk, from: number, to: number, out: EventBuffer, state: LoopState): number {
  const { words } = chunk;
  const { tick, code } = out;
  const dtime = out.dtime!;
  let { offset } = state;
  let { length } = out;
  let i = from;
  for (; i < to && offset < largestOffset; i++) {
    const record = words[i]! | 0;
    const nsync = record & 0x3ff;
    const channel = (record >>> 25) & 63;
    if (record >= 0) {
      tick[length] = offset + nsync;
      dtime[length] = (record >>> 10) & 0x7fff;
      code[length++] = channel + 1;
    } else if (channel === 63) offset = overflow(state, offset, nsync);
    else if (channel >= 1 && channel <= 15) {
      tick[length] = offset + nsync;
      dtime[length] = 0;
      code[length++] = 0x80 | channel;
    } else bad(state, chunk, i);
  }
  state.offset = offset;
  out.length = length;
  return i;
}

function picoT2(chunk: Chunk, from: number, to: number, out: EventBuffer, state: LoopState): number {
  const { words } = chunk;
  const { tick, code } = out;
  let { offset } = state;
  let { length } = out;
  let i = from;
  for (; i < to && offset < largestOffset; i++) {
    const record = words[i]! | 0;
    const channel = record >>> 28;
    const time = record & 0xfffffff;
    if (channel <= 4) {
      tick[length] = offset + time;
      code[length++] = channel;
    } else if (channel !== 15) bad(state, chunk, i);
    else if ((time & 15) === 0) offset = overflow(state, offset, 1);
    else {
      tick[length] = offset + time;
      code[length++] = 0x80 | (time & 15);
    }
  }
  state.offset = offset;
  out.length = length;
  return i;
}

function picoT3(chunk: Chunk, from: number, to: number, out: EventBuffer, state: LoopState): number {
  const { words } = chunk;
  const { tick, code } = out;
  const dtime = out.dtime!;
  let { offset } = state;
  let { length } = out;
  let i = from;
  for (; i < to && offset < largestOffset; i++) {
    const record = words[i]! | 0;
    const channel = record >>> 28;
    const delay = (record >>> 16) & 0xfff;
    const nsync = record & 0xffff;
    if (channel >= 1 && channel <= 4) {
      tick[length] = offset + nsync;
      dtime[length] = delay;
      code[length++] = channel;
    } else if (channel !== 15) bad(state, chunk, i);
    else if (delay === 0) offset = overflow(state, offset, 1);
    else {
      tick[length] = offset + nsync;
      dtime[length] = 0;
      code[length++] = 0x80 | (delay & 15);
    }
  }
  state.offset = offset;
  out.length = length;
  return i;
}
