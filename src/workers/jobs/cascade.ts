/**
 * Waves of Cascade's frames that stay in one thread from their first step to their last (RunOptions.lane). What a thread
 * holds of a block is wiped when the block ends, however it does, and with the thread's executor.
 */
import { QkdError } from "../../errors.js";
import { wipeShared } from "../../kernels/shared.js";
import type { WasmInstance } from "../../kernels/wasm.js";
import { AliceWave, type Answered } from "../../stages/reconcile/cascade-alice.js";
import { BlockFrames, nothingSpent, type Pace, type Side } from "../../stages/reconcile/cascade-block.js";
import { BobWave, type Taken } from "../../stages/reconcile/cascade-bob.js";
import { type BothSpent, reconcileFrame } from "../../stages/reconcile/cascade-frame.js";
import type { Answer, Ask } from "../../stages/reconcile/cascade-messages.js";
import type { Job } from "../job.js";

export interface WaveOf {
  /** Number of the block at one end, never the same twice in a process. */
  readonly block: number;
  readonly wave: number;
}

export interface OpenInput extends WaveOf {
  readonly side: Side;
  readonly seed: Uint32Array;
  readonly pace: Pace;
  /** Of the whole block. */
  readonly bits: number;
  /** Packed bits of each frame, in shared memory; zeroised here. */
  readonly words: readonly Uint8Array[];
}

interface Held {
  readonly frames: BlockFrames;
  readonly wave: AliceWave | BobWave;
}

/** Of each block the waves that have not ended. */
const held = new WeakMap<WasmInstance, Map<number, Map<number, Held>>>();

/** Bob's wave answers with what he asks first. */
export const cascadeOpenJob: Job<OpenInput, { ask?: Ask }> = (
  { wasm },
  { block, wave, side, seed, pace, bits, words },
) => {
  try {
    const blocks = held.get(wasm) ?? new Map<number, Map<number, Held>>();
    held.set(wasm, blocks);
    const waves = blocks.get(block) ?? new Map<number, Held>();
    blocks.set(block, waves);
    const frames = new BlockFrames(seed, pace, bits);
    const opened = side === "alice" ? new AliceWave(frames, words) : new BobWave(frames, words);
    waves.set(wave, { frames, wave: opened });
    return { output: opened instanceof BobWave ? { ask: opened.ask() } : {}, transfer: [] };
  } finally {
    for (const word of words) wipeShared(word);
  }
};

export const cascadeAnswerJob: Job<WaveOf & { ask: Ask; tagKey: Uint8Array }, Answered> = (
  { wasm },
  { ask, tagKey, ...of },
) => {
  const wave = find(wasm, of);
  if (!(wave instanceof AliceWave)) throw unknown(of);
  const output = wave.answer(ask, tagKey);
  if (!output.open) end(wasm, of);
  return { output, transfer: [] };
};

export const cascadeTakeJob: Job<WaveOf & { answer: Answer }, Taken> = ({ wasm }, { answer, ...of }) => {
  const wave = find(wasm, of);
  if (!(wave instanceof BobWave)) throw unknown(of);
  const output = wave.take(answer);
  if (!output.ask) end(wasm, of);
  return { output, transfer: output.ended.map(({ word }) => word.buffer as ArrayBuffer) };
};

export interface PairInput {
  readonly seed: Uint32Array;
  readonly pace: Pace;
  /** Of the whole block. */
  readonly bits: number;
  /** Packed bits of the frames, one behind the other, in shared memory; Bob's become what he ends with. */
  readonly alice: Uint8Array;
  readonly bob: Uint8Array;
  /** Bytes of each. */
  readonly lengths: readonly number[];
}

/** Both ends of some frames, one after the other: a frame's two halves stay in the processor's cache. */
export const cascadePairJob: Job<PairInput, BothSpent> = ({ cancelled }, { seed, pace, bits, alice, bob, lengths }) => {
  const frames = new BlockFrames(seed, pace, bits);
  const spent: BothSpent = { alice: nothingSpent(), bob: nothingSpent(), rounds: 0, errors: 0 };
  try {
    let at = 0;
    for (const length of lengths) {
      if (cancelled()) throw new QkdError("ENGINE_CANCELLED", "The job was cancelled.");
      const end = at + length;
      reconcileFrame(frames, alice.subarray(at, end), bob.subarray(at, end), spent);
      at = end;
    }
    return { output: spent, transfer: [] };
  } finally {
    frames.zeroise();
  }
};

/** Wipes a block, or without one all of this thread's. */
export const cascadeCloseJob: Job<{ block?: number }, object> = ({ wasm }, { block }) => {
  const blocks = held.get(wasm);
  for (const [number, waves] of blocks ?? [])
    if (block === undefined || number === block) {
      for (const { frames } of waves.values()) frames.zeroise();
      blocks?.delete(number);
    }
  return { output: {}, transfer: [] };
};

function find(wasm: WasmInstance, of: WaveOf): AliceWave | BobWave {
  const wave = held.get(wasm)?.get(of.block)?.get(of.wave)?.wave;
  if (!wave) throw unknown(of);
  return wave;
}

/** Its memory serves the next wave. */
function end(wasm: WasmInstance, { block, wave }: WaveOf): void {
  const waves = held.get(wasm)?.get(block);
  waves?.get(wave)?.frames.zeroise();
  waves?.delete(wave);
}

/** The thread that held it is gone: nothing of the block may be used. */
function unknown({ block, wave }: WaveOf): QkdError {
  return new QkdError("ENGINE_WORKER_FAILED", "A worker that held a part of a block is gone.", { block, wave });
}
