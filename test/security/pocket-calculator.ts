/** A reader with a pocket calculator: from the terms and φ alone to the length, nothing of the engine used. */
import type { SecretKeyLength } from "../../src/security/index.js";

export function pocketCalculator({ phi, terms }: SecretKeyLength): number {
  const term = (name: string) => terms[name] as number;
  const h = phi === 0 ? 0 : -phi * Math.log2(phi) - (1 - phi) * Math.log2(1 - phi);
  const secrecy =
    "keyBits" in terms ? term("keyBits") * (1 - h) : term("vacuumCredit") + term("singlePhotons") * (1 - h);
  const rest = term("leak") + term("secrecyPenalty") + term("correctnessPenalty") + term("roundingGuard");
  return Math.max(0, Math.floor(secrecy - rest));
}
