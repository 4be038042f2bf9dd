/** The run as one self-contained page (DESIGN.md, decision 12). */
import type { ReportModel } from "./model.js";

export function renderReport(model: ReportModel): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${model.link.replace(/[<>&"]/g, "")}</title></html>\n`;
}
