/** LDPC codes: the catalogue, and any code as alist. */
export { formatAlist, parseAlist } from "./alist.js";
export { type CatalogueCode, type CodeInfo, catalogue, loadCode } from "./catalogue.js";
export type { LdpcCode, QuasiCyclic } from "./code.js";
export type { CurvePoint } from "./frame-errors.js";
