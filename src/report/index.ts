export type * from "./model.js";
export { renderReport } from "./page.js";
