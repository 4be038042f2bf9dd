/** WebAssembly.Memory as used here: that name would ask users of the types for the DOM library. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What the WASM module exports, by hand: addresses and lengths are numbers, 64-bit values bigint. */
export interface WasmExports {
  readonly memory: WasmMemory;
  heapBase(): number;
  cascadeAliceAsk(frame: number, requests: number, count: number, out: number): number;
  cascadeAliceGo(frame: number, directions: number, out: number): number;
  cascadeAliceList(frame: number, requests: number, count: number, out: number): number;
  cascadeAliceOwed(frame: number): number;
  cascadeAliceStart(frame: number, level: number, out: number, scratch: number): void;
  cascadeBobAsk(frame: number, out: number, found: number): number;
  cascadeBobStart(frame: number, level: number, answers: number, mine: number, scratch: number): void;
  cascadeBobTake(frame: number, answers: number, found: number, out: number): void;
  cascadeBoth(alice: number, bob: number, requests: number, answers: number, found: number, most: number): number;
  cascadeDeal(block: number, frames: number, stride: number, count: number, rows: number, back: boolean): void;
  cascadeMix(words: number, groups: number): void;
  cascadeTag(key: bigint, data: number, words: number, table: number): bigint;
  cascadeTagTable(key: bigint, table: number): void;
  fftForward(data: number, length: number, twiddles: number): void;
  fftInverse(data: number, length: number, twiddles: number): void;
  fftProduct(out: number, x: number, y: number, length: number, scale: number, add: number): void;
  ghashBlocks(table: number, state: number, data: number, blocks: number): void;
  ghashGroups(table: number, wide: number, work: number, state: number, data: number, groups: number): void;
  ghashTable(key: number, table: number): void;
  ghashWideTable(key: number, table: number, wide: number, work: number): void;
  ldpcDecode(
    code: number,
    rows: number,
    z: number,
    columns: number,
    l: number,
    r: number,
    target: number,
    spread: number,
    pointers: number,
    tables: number,
    sweep: number,
    prior: number,
    clip: number,
    iterations: number,
    patience: number,
    alphaFrom: number,
    alphaTo: number,
    known: number,
    knownCount: number,
  ): number;
  ldpcDecodeGeneral(
    rowStart: number,
    columns: number,
    m: number,
    l: number,
    r: number,
    target: number,
    work: number,
    iterations: number,
    damping: number,
  ): number;
  ldpcSigns(l: number, columns: number, z: number, out: number): number;
  ldpcWeakest(l: number, columns: number, z: number, count: number, out: number): number;
  ldpcSyndrome(
    code: number,
    rows: number,
    columns: number,
    z: number,
    word: number,
    doubled: number,
    out: number,
  ): void;
  multiply(out: number, a: number, b: number, bytes: number, scratch: number): void;
  multiplyScratch(bytes: number): number;
  siftAlice(
    preparation: number,
    slots: number,
    bases: number,
    count: number,
    keyBasis: number,
    same: number,
    counts: number,
  ): void;
  siftBegin(key: number, check: number): void;
  siftBob(bits: number, bases: number, same: number, count: number, keyBasis: number, counts: number): void;
  siftEnd(): void;
  siftRange(slots: number, count: number, range: number): void;
  xorInto(target: number, source: number, bytes: number): void;
  extractBits(target: number, source: number, bit: number, length: number): void;
  toeplitzForward(bits: number, points: number, m: number, w: number, live: number, scratch: number): void;
  toeplitzInverse(points: number, bits: number, m: number, w: number, need: number, scratch: number): void;
  toeplitzPointBytes(m: number, w: number): number;
  toeplitzPointwise(
    a: number,
    b: number,
    m: number,
    w: number,
    r: number,
    three: number,
    block: number,
    scratch: number,
  ): void;
  toeplitzScratch(m: number, w: number, r: number, three: number, block: number): number;
}
