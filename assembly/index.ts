// The module's exports and nothing else. One line a kernel file.
export { xorInto } from "./bits";
export { heapBase } from "./memory";
