/** LDPC codes: the catalogue, and any code as alist. */
export { formatAlist, parseAlist } from "./alist.js";
export { type CodeInfo, catalogue, loadCode } from "./catalogue.js";
export type { LdpcCode, QuasiCyclic } from "./code.js";
