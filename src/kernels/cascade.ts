/**
 * Cascade frames on a WASM instance of their own (assembly/cascade). Memory a frame of n bits at QBER Q: Bob 1.5 n bytes
 * for three passes and n/32 + nQ entries of 24 bytes in lists; Alice 3 n/8 bytes; a pass that repairs, 1/2 n and n/8.
 * So a wave of 64 frames of 2^18 bits at 1 % takes Bob some 41 MB, Alice 10; B blocks of L waves in flight B·L times that,
 * spread over the threads. Frames are recycled: a pass that starts overwrites what a closed frame has left; what is
 * secret of it is zeroised with the kernel.
 */

import { CascadePair, frameAt, KernelAlice, KernelBob, type Slot } from "./cascade-ends.js";
import type { FrameShape } from "./cascade-halves.js";
import type { CascadeOrders } from "./cascade-order.js";
import { borrowInstance, returnInstance } from "./idle.js";

const passBytes = 32;
const headerBytes = 128;
const mostPasses = 12;
const orderBytes = 28;
/** Leaves searched together in the shortest frames; in longer ones at most a 512th of their bits (cascadeParameters). */
const mostTogether = 64;

const kinds = { identity: 0, words: 1, table: 2 } as const;

/** So many corrections are made before a queue is found to be full. */
const atOnce = 32;

/** All frames of one length, of either end or of both. */
export class CascadeKernel {
  readonly wasm = borrowInstance();
  private ended = false;
  private readonly words: number;
  private readonly orderAt: number[] = [];
  private readonly slots: Slot[] = [];
  private readonly free = { alice: [] as Slot[], bob: [] as Slot[] };
  readonly input: number;
  readonly output: number;
  readonly scratch: number;
  readonly found: number;
  private readonly table: number;
  private tableOf = -1n;
  private readonly ioBytes: number;
  private words32 = new Uint32Array(0);

  constructor(
    private readonly shape: FrameShape,
    private readonly orders: CascadeOrders,
  ) {
    this.words = shape.length / 64;
    this.ioBytes = shape.capacity * 4 + shape.length / 8 + 64;
    this.input = this.wasm.hold(this.ioBytes);
    this.output = this.wasm.hold(this.ioBytes);
    this.scratch = this.wasm.hold(shape.length / 8);
    this.found = this.wasm.hold(shape.capacity * 8);
    this.table = this.wasm.hold(2048 * 8);
  }

  alice(word: Uint8Array): KernelAlice {
    return new KernelAlice(this, this.slot("alice", 0), this.shape.length, word);
  }

  /** @param together at most this many odd leaves are searched together */
  bob(word: Uint8Array, together: number): KernelBob {
    return new KernelBob(this, this.slot("bob", together), this.shape.length, word);
  }

  both(words: { readonly alice: Uint8Array; readonly bob: Uint8Array }, together: number): CascadePair {
    return new CascadePair(this, this.alice(words.alice), this.bob(words.bob, together));
  }

  /**
   * Wipes what the key shows in; where leaves begin, which are odd and what was asked is public by the accounting
   * (FORMULAS.md 5b). No half of this kernel may be used after.
   */
  zeroise(): void {
    if (this.ended) return;
    this.ended = true;
    const bits = this.slots.flatMap(({ passes }) => passes.map(([address]) => [address!, 8 * this.words] as const));
    const windows = this.slots
      .filter(({ bob, frame }) => bob && this.word32(frame + frameAt.listed) > 0)
      .map(({ windows }) => [windows, 8 * this.shape.capacity] as const);
    const shared = [this.input, this.output].map((address) => [address, this.ioBytes] as const);
    returnInstance(this.wasm, [...bits, ...windows, ...shared, [this.scratch, this.shape.length / 8]]);
  }

  put(bytes: Uint8Array): number {
    this.wasm.u8.set(bytes, this.input);
    return this.input;
  }

  fits(bytes: number): boolean {
    return bytes + 8 <= this.ioBytes;
  }

  view(address: number, bytes: number): Uint8Array {
    return this.wasm.u8.subarray(address, address + bytes);
  }

  private slot(side: "alice" | "bob", together: number): Slot {
    const slot = this.free[side].pop() ?? this.make(side === "bob");
    const view = this.fields();
    const { frame } = slot;
    const { words, shape } = this;
    for (const [field, value] of [
      [frameAt.words, words],
      [frameAt.together, together],
      [frameAt.capacity, shape.capacity],
      [frameAt.starts, slot.starts],
      [frameAt.windows, slot.windows],
      [frameAt.asks, slot.asks],
    ] as const)
      view.setUint32(frame + field, value, true);
    return slot;
  }

  private make(bob: boolean): Slot {
    const { capacity, length } = this.shape;
    const frame = this.wasm.hold(headerBytes + mostPasses * passBytes);
    this.wasm.u8.fill(0, frame, frame + headerBytes);
    const slot: Slot = {
      bob,
      frame,
      starts: this.wasm.hold(capacity * 4),
      windows: bob ? this.wasm.hold(capacity * 8) : 0,
      asks: bob ? this.wasm.hold(Math.max(mostTogether, length / 512) * 4) : 0,
      passes: [],
    };
    this.slots.push(slot);
    return slot;
  }

  /** Memory and order of the frame's next pass. @returns where its bits lie */
  begin(slot: Slot, pass: number): number {
    const { words, wasm } = this;
    const books = slot.bob
      ? [16 * (words + 1), 8 * ((words >>> 6) + 1), 8 * words, 4 * (this.shape.capacity + atOnce)]
      : [];
    slot.passes[pass] ??= [8 * words, ...books].map((bytes) => wasm.hold(bytes));
    const [bits = 0, ...own] = slot.passes[pass];
    const order = this.order(pass);
    const view = this.fields();
    const address = slot.frame + headerBytes + pass * passBytes;
    for (const [i, value] of [bits, order, ...own, 0].entries()) view.setUint32(address + 4 * i, value, true);
    return bits;
  }

  private order(pass: number): number {
    const known = this.orderAt[pass];
    if (known !== undefined) return known;
    const order = this.orders.pass(pass);
    const tables =
      order.kind === "identity"
        ? []
        : order.kind === "table"
          ? [order.to, undefined, undefined, order.from]
          : [...order.to, ...order.from];
    const address = this.wasm.hold(orderBytes);
    const places = tables.map((table) => (table ? this.wasm.hold(table.byteLength) : 0));
    const view = this.fields();
    view.setUint32(address, kinds[order.kind], true);
    tables.forEach((table, i) => {
      view.setUint32(address + 4 + 4 * i, places[i]!, true);
      if (table) new Uint32Array(this.wasm.u8.buffer, places[i]!, table.length).set(table);
    });
    this.orderAt[pass] = address;
    return address;
  }

  tag(data: number, key: Uint8Array): Uint8Array {
    const { exports } = this.wasm;
    const number = new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0, true);
    if (number !== this.tableOf) exports.cascadeTagTable(number, this.table);
    this.tableOf = number;
    const out = new Uint8Array(8);
    const tag = exports.cascadeTag(number, data, this.words, this.table);
    new DataView(out.buffer).setBigUint64(0, BigInt.asUintN(64, tag), true);
    return out;
  }

  release(slot: Slot): void {
    if (this.ended) return;
    this.wasm.u8.fill(0, slot.frame, slot.frame + headerBytes + mostPasses * passBytes);
    this.free[slot.bob ? "bob" : "alice"].push(slot);
  }

  fields(): DataView {
    return new DataView(this.wasm.u8.buffer);
  }

  word32(address: number): number {
    const { buffer } = this.wasm.u8;
    if (this.words32.buffer !== buffer) this.words32 = new Uint32Array(buffer);
    return this.words32[address >>> 2]!;
  }
}
