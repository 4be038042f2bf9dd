/**
 * A frame's two halves on a kernel (cascade.ts), and both together where both ends are in this thread: their exchange is
 * one call then.
 */
import type { CascadeKernel } from "./cascade.js";
import type { AliceHalf, Answer, BobHalf, Request } from "./cascade-halves.js";

/** What cascadeBobAsk answers. */
const asking = ["none", "go", "list", "ask"] as const;
const nothing: Request = { kind: "none", bytes: new Uint8Array(0), answerBits: 0 };
/** Offsets of Frame in assembly/cascade/layout.ts. */
export const frameAt = {
  words: 0,
  passes: 4,
  together: 8,
  capacity: 12,
  failed: 20,
  starts: 32,
  windows: 36,
  listed: 40,
  asks: 52,
  answerBits: 60,
} as const;
/** Memory of a frame at one end. */
export interface Slot {
  readonly bob: boolean;
  readonly frame: number;
  readonly starts: number;
  readonly windows: number;
  readonly asks: number;
  /** Of each pass that has ever begun here: bits, and Bob's records, filled, shots, queue. */
  readonly passes: (readonly number[])[];
}

abstract class KernelHalf {
  private released = false;
  /** The frame as it came. */
  private readonly bits: number;
  constructor(
    protected readonly kernel: CascadeKernel,
    readonly slot: Slot,
    readonly length: number,
    word: Uint8Array,
  ) {
    this.bits = kernel.begin(slot, 0);
    kernel.wasm.u8.set(word, this.bits);
  }

  get passes(): number {
    return this.kernel.word32(this.slot.frame + frameAt.passes);
  }

  protected nextPass(): void {
    if (this.passes > 0) this.kernel.begin(this.slot, this.passes);
  }

  tag(key: Uint8Array): Uint8Array {
    return this.kernel.tag(this.bits, key);
  }

  word(): Uint8Array {
    return this.kernel.view(this.bits, this.length / 8);
  }

  zeroise(): void {
    if (!this.released) this.kernel.release(this.slot);
    this.released = true;
  }
}

export class KernelAlice extends KernelHalf implements AliceHalf {
  start(level: number): Answer {
    this.nextPass();
    const { wasm, output, scratch } = this.kernel;
    wasm.exports.cascadeAliceStart(this.slot.frame, level, output, scratch);
    return this.answer(this.length >>> level);
  }

  list(requests: Uint8Array): Answer | undefined {
    if (!this.kernel.fits(requests.length)) return undefined;
    const { wasm, output } = this.kernel;
    const input = this.kernel.put(requests);
    return this.answer(wasm.exports.cascadeAliceList(this.slot.frame, input, requests.length >>> 2, output));
  }

  owed(): number {
    return this.kernel.wasm.exports.cascadeAliceOwed(this.slot.frame);
  }

  go(directions: Uint8Array): Answer {
    const { wasm, output } = this.kernel;
    const input = this.kernel.put(directions);
    return this.answer(wasm.exports.cascadeAliceGo(this.slot.frame, input, output))!;
  }

  ask(requests: Uint8Array): Answer | undefined {
    if (!this.kernel.fits(requests.length)) return undefined;
    const { wasm, output } = this.kernel;
    const input = this.kernel.put(requests);
    return this.answer(wasm.exports.cascadeAliceAsk(this.slot.frame, input, requests.length >>> 2, output));
  }

  private answer(bits: number): Answer;
  private answer(bits: number): Answer | undefined {
    return bits < 0 ? undefined : { bits, bytes: this.kernel.view(this.kernel.output, (bits + 7) >>> 3) };
  }
}

export class KernelBob extends KernelHalf implements BobHalf {
  get failed(): boolean {
    return this.kernel.word32(this.slot.frame + frameAt.failed) !== 0;
  }

  start(level: number, answers: Uint8Array): void {
    this.nextPass();
    const { wasm, output, scratch } = this.kernel;
    const input = this.kernel.put(answers);
    wasm.exports.cascadeBobStart(this.slot.frame, level, input, output, scratch);
  }

  next(): Request {
    const { wasm, output, found } = this.kernel;
    const asked = wasm.exports.cascadeBobAsk(this.slot.frame, output, found) >>> 0;
    const count = asked >>> 2;
    const kind = asking[asked & 3]!;
    if (kind === "none") return nothing;
    const bytes = this.kernel.view(this.kernel.output, kind === "go" ? (count + 7) >>> 3 : count * 4);
    return {
      kind,
      bytes,
      answerBits: kind === "ask" ? this.kernel.word32(this.slot.frame + frameAt.answerBits) : count,
    };
  }

  take(answers: Uint8Array): void {
    const { wasm, found, output } = this.kernel;
    wasm.exports.cascadeBobTake(this.slot.frame, this.kernel.put(answers), found, output);
  }
}

/** Both ends of a frame. */
export class CascadePair {
  constructor(
    private readonly kernel: CascadeKernel,
    readonly alice: KernelAlice,
    readonly bob: KernelBob,
  ) {}

  /** Starts the next pass at both ends. @returns bits that Alice tells */
  start(level: number): number {
    const { bytes, bits } = this.alice.start(level);
    // Bob's pass may need more memory, which detaches views.
    this.bob.start(level, bytes.slice());
    return bits;
  }

  /** Until no leaf is odd, or more than `most` bits were told. */
  search(most: number): { readonly rounds: number; readonly answered: number; readonly owed: number } {
    const { wasm, input, output, found } = this.kernel;
    const { alice, bob } = this;
    const rounds = wasm.exports.cascadeBoth(alice.slot.frame, bob.slot.frame, output, input, found, most);
    return { rounds, answered: this.kernel.word32(found), owed: this.kernel.word32(found + 4) };
  }

  zeroise(): void {
    this.alice.zeroise();
    this.bob.zeroise();
  }
}
