// The module's exports and nothing else. One line a kernel file.
export { xorInto } from "./bits";
export { multiply, multiplyScratch } from "./gf2/multiply";
export { ldpcDecodeGeneral } from "./ldpc/general";
export { ldpcDecode, ldpcSigns, ldpcSpread } from "./ldpc/layered";
export { ldpcSyndrome } from "./ldpc/syndrome";
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
