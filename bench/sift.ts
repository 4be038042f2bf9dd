/** Alice's and Bob's half of sifting: with copies in and out, the WASM kernel alone, and plain TypeScript; before it, gating. */
import { BitString } from "../bits.js";
import type { BenchRow } from "../cli/bench.js";
import { loadKernels } from "../kernels/index.js";
import { WasmInstance } from "../kernels/wasm.js";
import { gating } from "./gating.js";
import { type BenchOptions, type Case, fill, generator, measure } from "./harness.js";

const detections = 200_000;
const unit = "M detections/s";

export async function sift({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const kernels = await loadKernels();
  const wasm = new WasmInstance();
  const draw = generator(seed);
  const cases: Case[] = [];
  const work = detections / 1e6;
  for (const click of [0.1, 0.01]) {
    const slots = new Uint32Array(detections);
    let at = 0;
    for (let i = 0; i < detections; i++) {
      at += 1 + Math.floor(Math.log((draw() + 1) / 2 ** 32) / Math.log1p(-click));
      slots[i] = at;
    }
    const preparation = fill((at >>> 1) + 1, draw);
    const bobBasis = BitString.from(fill(detections / 8, draw));
    const input = { preparation, slots, bobBasis, keyBasis: 0 } as const;
    const parameters = { detections, clickProbability: click, pulses: at + 1 };
    const alone = aliceInPlace(wasm, `sift ${click}`, preparation, slots, bobBasis);
    cases.push(
      { name: `sift alice p=${click} wasm`, unit, work, parameters, run: () => kernels.siftAlice(input) },
      { name: `sift alice p=${click} wasm, no copies`, unit, work, parameters, run: alone },
      { name: `sift alice p=${click} plain`, unit, work, parameters, run: () => kernels.reference.siftAlice(input) },
    );
  }
  const [bit, basis, same] = [0, 0, 0].map(() => BitString.from(fill(detections / 8, draw))) as [
    BitString,
    BitString,
    BitString,
  ];
  const input = { bit, basis, same, keyBasis: 0 } as const;
  const parameters = { detections };
  cases.push(
    { name: "sift bob wasm", unit, work, parameters, run: () => kernels.siftBob(input) },
    { name: "sift bob plain", unit, work, parameters, run: () => kernels.reference.siftBob(input) },
  );
  cases.push(...gating(draw));
  return measure(cases, seconds);
}

/** The kernel over data that already is in its memory, as a reader that writes there would leave it. */
function aliceInPlace(
  wasm: WasmInstance,
  name: string,
  preparation: Uint8Array,
  slots: Uint32Array,
  bases: BitString,
): () => void {
  const put = (part: string, data: Uint8Array, bytes: number) =>
    wasm.table(`${name} ${part}`, bytes, (view) => {
      view.fill(0);
      view.set(data);
    });
  const words = Math.ceil(slots.length / 64);
  const nibbles = put("preparation", preparation, preparation.length);
  const at = put("slots", new Uint8Array(slots.buffer), words * 256);
  const basis = put("bases", bases.bytes, words * 8);
  const [same, key, check] = ["same", "key", "check"].map((part) => put(part, new Uint8Array(0), words * 8 + 8)) as [
    number,
    number,
    number,
  ];
  const counts = put("counts", new Uint8Array(0), 32);
  return () => {
    wasm.exports.siftBegin(key, check);
    wasm.exports.siftAlice(nibbles, at, basis, slots.length, 0, same, counts);
    wasm.exports.siftEnd();
  };
}
