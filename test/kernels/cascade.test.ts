/**
 * Cascade's kernel and its twin say the same bytes: 1 000 random frames of mixed sizes and error rates, every request and
 * every answer; and each ends with Alice's word unless the answers were wrong.
 */
import { expect, it } from "vitest";
import { CascadeKernel } from "../../src/kernels/cascade.js";
import { type AliceHalf, type BobHalf, packRequest } from "../../src/kernels/cascade-halves.js";
import { CascadeOrders } from "../../src/kernels/cascade-order.js";
import * as twin from "../../src/kernels/reference/cascade.js";
import { cascadeParameters, passLevel, shapeOf } from "../../src/stages/reconcile/cascade-frames.js";

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function noisy(length: number, qber: number, draw: () => number): { alice: Uint8Array; bob: Uint8Array } {
  const alice = Uint8Array.from({ length: length / 8 }, () => draw() * 256);
  const bob = alice.slice();
  for (let i = 0; i < length; i++) if (draw() < qber) bob[i >>> 3]! ^= 1 << (i & 7);
  return { alice, bob };
}

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex");

/** Every message of one frame; both ends of each pair are driven by their own answers. */
function transcript(alice: AliceHalf, bob: BobHalf, qber: number, twist?: (bytes: Uint8Array) => void) {
  const said: (string | number | undefined)[] = [];
  const { length } = alice;
  let rounds = 0;
  for (let pass = 0; pass < 4 && !bob.failed; pass++) {
    const level = passLevel(qber, pass, length);
    const first = alice.start(level);
    twist?.(first.bytes);
    said.push(hex(first.bytes), first.bits);
    bob.start(level, first.bytes);
    for (let request = bob.next(); request.kind !== "none" && rounds < 600; request = bob.next()) {
      said.push(hex(request.bytes));
      const answer = alice[request.kind](request.bytes);
      rounds++;
      said.push(request.kind, request.answerBits, hex(answer?.bytes), answer?.bits);
      if (!answer) throw new Error("an honest request was refused");
      twist?.(answer.bytes);
      bob.take(answer.bytes);
    }
  }
  const key = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2);
  said.push(hex(alice.tag(key)), hex(bob.tag(key)), hex(bob.word()), String(bob.failed));
  const same = hex(alice.word()) === hex(bob.word());
  expect(hex(alice.tag(key)) === hex(bob.tag(key))).toBe(same);
  return { said, same };
}

function compare(length: number, qber: number, assumed: number, seed: number, wrongAnswers = 0): boolean {
  const words = noisy(length, qber, generator(seed));
  const shape = shapeOf(length, assumed);
  const orders = new CascadeOrders(length, Uint32Array.of(seed, 2, 3, 4));
  const together = Math.max(1, Math.floor(length * cascadeParameters(assumed).together));
  const [a, b] = [new CascadeKernel(shape, orders), new CascadeKernel(shape, orders)];
  const wrong = () => {
    const draw = generator(seed + 1);
    return (bytes: Uint8Array) => {
      if (bytes.length > 0 && draw() < wrongAnswers) bytes[Math.floor(draw() * bytes.length)]! ^= 1;
    };
  };
  const kernel = transcript(a.alice(words.alice), b.bob(words.bob, together), assumed, wrong());
  const plain = transcript(
    new twin.CascadeAlice(shape, orders, words.alice),
    new twin.CascadeBob(shape, orders, words.bob, together),
    assumed,
    wrong(),
  );
  expect(kernel.said).toEqual(plain.said);
  a.zeroise();
  b.zeroise();
  return kernel.same;
}

it("1 000 small frames, error rates from 0 to 12 %", () => {
  let same = 0;
  for (let i = 0; i < 1000; i++) {
    const draw = generator(i + 1);
    const length = 64 * Math.ceil(1 + draw() * 24);
    const qber = draw() * 0.12;
    if (compare(length, qber, Math.max(0.002, qber), i + 7)) same++;
  }
  // What differs after four passes is for the tag to find: small frames more often than long ones.
  expect(same).toBeGreaterThan(850);
});

it.each([
  [8192, 0.03, 0.03],
  [65536, 0.01, 0.01],
  [65536 + 8192, 0.05, 0.05],
  [131072, 0.005, 0.005],
  [262144, 0.02, 0.02],
  [65536, 0.03, 0.01],
  [65536, 0.03, 0.09],
])("frames of %d bits at QBER %d when %d was assumed", (length, qber, assumed) => {
  compare(length, qber, assumed, length + 1);
});

it("wrong answers: the same bytes, an end, no endless correction", () => {
  for (let i = 0; i < 60; i++) compare(64 * (8 + (i % 9)), 0.04, 0.04, 1000 + i, 0.2);
});

it("recycled memory carries nothing over", () => {
  const shape = shapeOf(8192, 0.03);
  const orders = new CascadeOrders(8192, Uint32Array.of(1, 2, 3, 4));
  const [a, b] = [new CascadeKernel(shape, orders), new CascadeKernel(shape, orders)];
  const runs = [5, 6, 5].map((seed) => {
    const words = noisy(8192, 0.03, generator(seed));
    const [alice, bob] = [a.alice(words.alice), b.bob(words.bob, 2)];
    const { said } = transcript(alice, bob, 0.03);
    alice.zeroise();
    bob.zeroise();
    return said;
  });
  expect(runs[2]).toEqual(runs[0]);
  b.zeroise();
  a.zeroise();
  expect(Buffer.from(a.wasm.u8).includes(Buffer.from(noisy(8192, 0.03, generator(5)).alice.slice(0, 16)))).toBe(false);
});

it("whatever Bob asks in whatever order, kernel and twin answer the same", () => {
  const draw = generator(77);
  const below = (n: number) => Math.floor(draw() * n);
  for (let run = 0; run < 300; run++) {
    const length = 1024 << below(3);
    const shape = shapeOf(length, 0.03);
    const orders = new CascadeOrders(length, Uint32Array.of(run, 2, 3, 4));
    const word = noisy(length, 0, draw).alice;
    const kernel = new CascadeKernel(shape, orders);
    const halves: AliceHalf[] = [kernel.alice(word), new twin.CascadeAlice(shape, orders, word)];
    const passes = () => halves[0]!.passes;
    const leaf = (pass: number, shot: boolean, level = 1 + below(9)) =>
      packRequest(below(length >>> level) << level, pass, shot, level);
    const requests = (words: number[]) => new Uint8Array(Uint32Array.from(words).buffer);
    const said: string[] = [];
    for (let step = 0; step < 30; step++) {
      const what = passes() === 0 ? 0 : below(8) || (passes() < 6 ? 0 : 1);
      const levels = Array.from({ length: below(6) }, () => 1 + below(9)).sort((a, b) => b - a);
      const pass = below(passes() || 1);
      const list = requests(levels.map((level) => leaf(pass, false, level)));
      const asked = requests(levels.map((level) => leaf(below(passes()), draw() < 0.3, level)));
      const directions = noisy(8 * Math.ceil(halves[0]!.owed() / 8), 0, draw).alice;
      const answers = halves.map((half) => {
        if (what === 0) return half.start(3 + (step % 5));
        if (what < 3) return half.list(list);
        return what < 6 ? half.go(directions) : half.ask(asked);
      });
      said.push(`${what}: ${levels}`);
      const [told, expected] = answers.map((answer) => answer && [hex(answer.bytes), answer.bits]);
      expect(told, said.join(", ")).toEqual(expected);
      expect(halves[0]!.owed(), said.join(", ")).toBe(halves[1]!.owed());
    }
    kernel.zeroise();
  }
});
