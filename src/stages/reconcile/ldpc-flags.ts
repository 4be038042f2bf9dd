/** Bob's flags, as both ends read them: what they cost, and what Alice shows in answer. */
import type { z } from "zod";
import type { FramePlan } from "../../codes/adapt.js";
import { mostColumns } from "../../codes/catalogue.js";
import type { LeakLedger } from "../../security/ledger.js";
import type { Disclosure, OpenFrame } from "./ldpc-frame.js";
import { rowsBits } from "./ldpc-further.js";
import { type flagsSchema, misbehaves } from "./ldpc-messages.js";
import type { Accounting } from "./types.js";

/** One-way, what Bob says depends on the key: a bit a frame, and the number of rows. */
export function countFlags(ledger: LeakLedger, accounting: Accounting, frames: number): void {
  if (accounting === "one-way") ledger.add("reconciliation-flag", frames + rowsBits);
}

/** What Alice shows of each open frame. @param splits rows split in all */
export function disclosures(
  plan: FramePlan,
  accounting: Accounting,
  open: readonly OpenFrame[],
  { rows, positions }: Pick<z.infer<typeof flagsSchema>, "rows" | "positions">,
  round: number,
  splits: number,
): Disclosure[] {
  if (rows >= mostColumns) throw misbehaves("Bob asks for more rows than a code has");
  if (positions.length !== (rows > 0 ? 0 : open.length)) throw misbehaves("Bob's positions do not fit his frames");
  if (accounting === "one-way" && rows === 0) throw misbehaves("Bob asks for positions one-way");
  const syndromeBits = plan.m + splits * plan.lifting;
  return open.map((frame, i) =>
    rows > 0 ? frame.split(rows, splits) : frame.answer(round, positions[i]!, syndromeBits),
  );
}
