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
  const state: LoopState = { offset: 0, length: 0, wrap, counted, firstRecord: 0, firstByte: 0 };
  let base = 0n;
  return {
    recordBytes,
    hasDtime: kind.endsWith("T3"),
    decode(chunk: Chunk, from: number, count: number, out: EventBuffer): number {
      base += BigInt(state.offset);
      state.offset = 0;
      out.base = base;
      state.length = out.length;
      state.firstRecord = chunk.firstRecord;
      state.firstByte = chunk.firstByte;
      const next = loop(chunk.words, from, count, out, state, info);
      out.length = state.length;
      return next;
    },
  };
}

interface LoopState {
  offset: number;
  length: number;
  readonly wrap: number;
  readonly counted: boolean;
  /** Of the chunk: its first record and that one's byte. */
  firstRecord: number;
  firstByte: number;
}

function bad(info: DumpInfo, state: LoopState, i: number): void {
  info.badRecords++;
  info.firstBad ??= { record: state.firstRecord + i, offset: state.firstByte + i * recordBytes };
}

function overflow(info: DumpInfo, state: LoopState, field: number): number {
  const periods = state.counted ? field || 1 : 1;
  info.overflowRecords++;
  info.overflowPeriods += periods;
  return periods * state.wrap;
}

function hydraT2(words: Uint32Array, from: number, count: number, out: EventBuffer, state: LoopState, info: DumpInfo) {
  const { tick, code } = out;
  let { offset, length } = state;
  let i = from;
  for (; i < count && offset < largestOffset; i++) {
    const record = words[i]!;
    const channel = (record >>> 25) & 63;
    const time = record & 0x1ffffff;
    if (record >>> 31 === 0) {
      tick[length] = offset + time;
      code[length++] = channel + 1;
    } else if (channel === 63) offset += overflow(info, state, time);
    else if (channel <= 15) {
      tick[length] = offset + time;
      code[length++] = channel === 0 ? 0 : 0x80 | channel;
    } else bad(info, state, i);
  }
  state.offset = offset;
  state.length = length;
  return i;
}

function hydraT3(words: Uint32Array, from: number, count: number, out: EventBuffer, state: LoopState, info: DumpInfo) {
  const { tick, code } = out;
  const dtime = out.dtime!;
  let { offset, length } = state;
  let i = from;
  for (; i < count && offset < largestOffset; i++) {
    const record = words[i]!;
    const channel = (record >>> 25) & 63;
    const nsync = record & 0x3ff;
    if (record >>> 31 === 0) {
      tick[length] = offset + nsync;
      dtime[length] = (record >>> 10) & 0x7fff;
      code[length++] = channel + 1;
    } else if (channel === 63) offset += overflow(info, state, nsync);
    else if (channel >= 1 && channel <= 15) {
      tick[length] = offset + nsync;
      dtime[length] = 0;
      code[length++] = 0x80 | channel;
    } else bad(info, state, i);
  }
  state.offset = offset;
  state.length = length;
  return i;
}

function picoT2(words: Uint32Array, from: number, count: number, out: EventBuffer, state: LoopState, info: DumpInfo) {
  const { tick, code } = out;
  let { offset, length } = state;
  let i = from;
  for (; i < count && offset < largestOffset; i++) {
    const record = words[i]!;
    const channel = record >>> 28;
    const time = record & 0xfffffff;
    if (channel <= 4) {
      tick[length] = offset + time;
      code[length++] = channel;
    } else if (channel !== 15) bad(info, state, i);
    else if ((time & 15) === 0) offset += overflow(info, state, 1);
    else {
      tick[length] = offset + time;
      code[length++] = 0x80 | (time & 15);
    }
  }
  state.offset = offset;
  state.length = length;
  return i;
}

function picoT3(words: Uint32Array, from: number, count: number, out: EventBuffer, state: LoopState, info: DumpInfo) {
  const { tick, code } = out;
  const dtime = out.dtime!;
  let { offset, length } = state;
  let i = from;
  for (; i < count && offset < largestOffset; i++) {
    const record = words[i]!;
    const channel = record >>> 28;
    const delay = (record >>> 16) & 0xfff;
    const nsync = record & 0xffff;
    if (channel >= 1 && channel <= 4) {
      tick[length] = offset + nsync;
      dtime[length] = delay;
      code[length++] = channel;
    } else if (channel !== 15) bad(info, state, i);
    else if (delay === 0) offset += overflow(info, state, 1);
    else {
      tick[length] = offset + nsync;
      dtime[length] = 0;
      code[length++] = 0x80 | (delay & 15);
    }
  }
  state.offset = offset;
  state.length = length;
  return i;
}
