/** Deterministic link simulator and planning (`qkd-distill/simulate`). */
export { type Demo, demoBbm92, demoDecoy } from "./demo.js";
export { writableFormats } from "./dump-file.js";
export { type SimulateOptions, type SimulationResult, simulate } from "./simulate.js";
