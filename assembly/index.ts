// The module's exports and nothing else. One line a kernel file.
export { xorInto } from "./bits";
export { cascadeAliceAsk, cascadeAliceGo, cascadeAliceList, cascadeAliceOwed, cascadeAliceStart } from "./cascade/alice";
export { cascadeBoth } from "./cascade/both";
export { cascadeBobAsk, cascadeBobStart, cascadeBobTake } from "./cascade/bob";
export { cascadeDeal, cascadeMix } from "./cascade/deal";
export { cascadeTag, cascadeTagTable } from "./cascade/tag";
export { fftForward, fftInverse, fftProduct } from "./fft";
export { multiply, multiplyScratch } from "./gf2/multiply";
export { ghashBlocks, ghashGroups, ghashTable, ghashWideTable } from "./ghash";
export { ldpcDecodeGeneral } from "./ldpc/general";
export { ldpcDecode, ldpcSigns } from "./ldpc/layered";
export { ldpcSyndrome } from "./ldpc/syndrome";
export { ldpcWeakest } from "./ldpc/weakest";
export { heapBase } from "./memory";
export { siftAlice, siftBegin, siftBob, siftEnd, siftRange } from "./sift";
export {
  extractBits,
  toeplitzForward,
  toeplitzInverse,
  toeplitzPointBytes,
  toeplitzPointwise,
  toeplitzScratch,
} from "./toeplitz";
