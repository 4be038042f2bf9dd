/** Syndromes and decoding of a batch of frames of one code of the catalogue. */
import { BitString, byteLength } from "../../bits.js";
import { loadCode } from "../../codes/catalogue.js";
import { decode, syndrome } from "../../kernels/ldpc.js";
import type { Job, WorkerContext } from "../job.js";

export interface SyndromeInput {
  readonly code: string;
  /** One packed word a frame. */
  readonly words: readonly Uint8Array[];
}

export const ldpcSyndromeJob: Job<SyndromeInput, { syndromes: Uint8Array[] }> = ({ wasm }, { code: id, words }) => {
  try {
    const code = loadCode(id);
    const syndromes = words.map((word) => syndrome(wasm, code, BitString.adopt(word, code.n)).bytes);
    return { output: { syndromes }, transfer: syndromes.map((bits) => bits.buffer as ArrayBuffer) };
  } finally {
    for (const word of words) word.fill(0);
  }
};

export interface DecodeFrame {
  readonly word: Uint8Array;
  readonly syndrome: Uint8Array;
  /** Known positions and their values, packed. */
  readonly positions: Uint32Array;
  readonly values: Uint8Array;
  /** Where an earlier attempt stopped. */
  readonly state?: Uint8Array<ArrayBuffer>;
}

export interface DecodeInput {
  readonly code: string;
  readonly frames: readonly DecodeFrame[];
  readonly qber: number;
  readonly arithmetic: "tight" | "fast";
  readonly maxIterations: number;
  readonly patience: number;
  /** Positions wanted of each frame that fails. */
  readonly weakest: number;
  /** Whether frames that fail come back with their decoder's state. */
  readonly keepState: boolean;
}

export interface DecodedFrame {
  readonly ok: boolean;
  readonly word: Uint8Array;
  readonly iterations: number;
  readonly corrected: number;
  readonly failing: number;
  readonly weakest?: Uint32Array;
  readonly state?: Uint8Array<ArrayBuffer>;
}

export const ldpcDecodeJob: Job<DecodeInput, { frames: DecodedFrame[] }> = (context, input) => {
  try {
    return decodeFrames(context, input);
  } finally {
    for (const { word } of input.frames) word.fill(0);
  }
};

function decodeFrames({ wasm, cancelled }: WorkerContext, input: DecodeInput) {
  const code = loadCode(input.code);
  const frames: DecodedFrame[] = [];
  for (const frame of input.frames) {
    if (cancelled()) break;
    const known = {
      positions: frame.positions,
      values: BitString.adopt(frame.values.slice(0, byteLength(frame.positions.length)), frame.positions.length),
    };
    const { ok, word, iterations, corrected, failing, weakest, state } = decode(
      wasm,
      code,
      BitString.adopt(frame.word, code.n),
      BitString.adopt(frame.syndrome, code.m),
      {
        qber: input.qber,
        arithmetic: input.arithmetic,
        maxIterations: input.maxIterations,
        patience: input.patience,
        weakest: input.weakest,
        effort: "int8",
        known,
        keepState: input.keepState,
        ...(frame.state ? { state: frame.state } : {}),
      },
    );
    if (state !== frame.state) frame.state?.fill(0);
    frames.push({
      ok,
      word: word.bytes,
      iterations,
      corrected,
      failing,
      ...(weakest ? { weakest } : {}),
      ...(state ? { state } : {}),
    });
  }
  const transfer = frames.flatMap(({ word, state }) => [word.buffer as ArrayBuffer, ...(state ? [state.buffer] : [])]);
  return { output: { frames }, transfer };
}
