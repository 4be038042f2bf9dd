/**
 * Waves of Cascade's frames that stay in one thread from their first step to their last (RunOptions.lane). What a thread
 * holds of a block is wiped when the block ends, however it does, and with the thread's executor.
 */
import { QkdError } from "../../errors.js";
import type { WasmInstance } from "../../kernels/wasm.js";
import { AliceWave, type Answered } from "../../stages/reconcile/cascade-alice.js";
import { BlockFrames, type Pace, type Side } from "../../stages/reconcile/cascade-block.js";
import { BobWave, type Taken } from "../../stages/reconcile/cascade-bob.js";
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
  /** Packed bits of each frame; zeroised here. */
  readonly words: readonly Uint8Array[];
}

interface Held {
  readonly frames: BlockFrames;
  readonly waves: Map<number, AliceWave | BobWave>;
}

const held = new WeakMap<WasmInstance, Map<number, Held>>();

/** Bob's wave answers with what he asks first. */
export const cascadeOpenJob: Job<OpenInput, { ask?: Ask }> = ({ wasm }, { block, wave, side, seed, pace, words }) => {
  try {
    const blocks = held.get(wasm) ?? new Map<number, Held>();
    held.set(wasm, blocks);
    const here = blocks.get(block) ?? { frames: new BlockFrames(side, seed, pace), waves: new Map() };
    blocks.set(block, here);
    const opened = side === "alice" ? new AliceWave(here.frames, words) : new BobWave(here.frames, words);
    here.waves.set(wave, opened);
    return { output: opened instanceof BobWave ? { ask: opened.ask() } : {}, transfer: [] };
  } finally {
    for (const word of words) word.fill(0);
  }
};

export const cascadeAnswerJob: Job<WaveOf & { ask: Ask; tagKey: Uint8Array }, Answered> = (
  { wasm },
  { ask, tagKey, ...of },
) => {
  const wave = find(wasm, of);
  if (!(wave instanceof AliceWave)) throw unknown(of);
  return { output: wave.answer(ask, tagKey), transfer: [] };
};

export const cascadeTakeJob: Job<WaveOf & { answer: Answer }, Taken> = ({ wasm }, { answer, ...of }) => {
  const wave = find(wasm, of);
  if (!(wave instanceof BobWave)) throw unknown(of);
  const output = wave.take(answer);
  return { output, transfer: output.ended.map(({ word }) => word.buffer as ArrayBuffer) };
};

/** Wipes a block, or without one all of this thread's. */
export const cascadeCloseJob: Job<{ block?: number }, object> = ({ wasm }, { block }) => {
  const blocks = held.get(wasm);
  for (const [number, { frames }] of blocks ?? [])
    if (block === undefined || number === block) {
      frames.zeroise();
      blocks?.delete(number);
    }
  return { output: {}, transfer: [] };
};

function find(wasm: WasmInstance, of: WaveOf): AliceWave | BobWave {
  const wave = held.get(wasm)?.get(of.block)?.waves.get(of.wave);
  if (!wave) throw unknown(of);
  return wave;
}

/** The thread that held it is gone: nothing of the block may be used. */
function unknown({ block, wave }: WaveOf): QkdError {
  return new QkdError("ENGINE_WORKER_FAILED", "A worker that held a part of a block is gone.", { block, wave });
}
