/**
 * Start-up known-answer tests: hashes, ciphers, bounds, kernels and what a caller adds. Failing closed: a machine that
 * gives a wrong answer here gives no key. Under 50 ms.
 */
import { createCipheriv, createHash } from "node:crypto";
import { BitString } from "../bits.js";
import { QkdError } from "../errors.js";
import { kernelChecks } from "../kernels/self-checks.js";
import { secretKeyLength } from "./key-length.js";
import { verificationTag } from "./verification.js";

export interface SelfCheck {
  readonly name: string;
  /** The known answer, and what this machine gives; compared as strings. */
  readonly expected: string;
  run(): string;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** Sources: FIPS 180-4; the GCM specification's test case 2; vectors/security.json. */
const checks: readonly SelfCheck[] = [
  {
    name: "SHA-256",
    expected: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    run: () => createHash("sha256").update("abc").digest("hex"),
  },
  {
    name: "AES-256-GCM",
    expected: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    run: () => {
      const cipher = createCipheriv("aes-256-gcm", new Uint8Array(32), new Uint8Array(12));
      return hex(Buffer.concat([cipher.update(new Uint8Array(16)), cipher.final(), cipher.getAuthTag()]));
    },
  },
  {
    name: "verification hash",
    expected: "f38cbb1ad69223dcc3457ae5b6b0f885",
    run: () =>
      hex(
        verificationTag(
          bytes("66e94bd4ef8a2c3b884cfa59ca342b2e"),
          BitString.from(bytes("0388dace60b6a392f328c2b971b2fe78")),
        ),
      ),
  },
  {
    name: "two-decoy key length",
    expected: "x 40965, d 1381791, c 590082263, ell 348579693, public 333413848",
    run: () => {
      const { x, d, c, ell, ell_pattern_public } = secretKeyLength({
        proof: "lim2014-two-decoy",
        input: {
          mu: [0.5, 0.1, 0.0002],
          p: [0.7, 0.2, 0.1],
          n_key: [940324568, 57364395, 2317392],
          n_test: [2604740, 158916, 6474],
          m_test: [34432, 7038, 3246],
          leak: 138787275,
          eps_sec: 1e-9,
          eps_cor: 1e-15,
          tag_bits: 0,
        },
      });
      return `x ${x}, d ${d}, c ${c}, ell ${ell}, public ${ell_pattern_public}`;
    },
  },
  {
    name: "one-decoy key length",
    expected: "x 3940, d 76462, c 5396516, ell 1856663",
    run: () => {
      const { x, d, c, ell } = secretKeyLength({
        proof: "rusca2018-one-decoy",
        input: {
          mu: [0.51, 0.15],
          p: [0.7, 0.3],
          n_key: [8875913, 1124087],
          m_key: [185856, 26055],
          n_test: [165048, 20902],
          m_test: [3456, 484],
          leak: 1776924,
          eps_sec: 1e-9,
          eps_cor: 1e-15,
          tag_bits: 0,
        },
      });
      return `x ${x}, d ${d}, c ${c}, ell ${ell}`;
    },
  },
  {
    name: "BBM92 key length",
    expected: "ell 47450, refused SECURITY_COUNT_INCONSISTENT",
    run: () => {
      const input = { n: 50000, k: 20000, m: 0, leak: 1000, eps_sec: 1e-10, eps_cor: 1e-15, tag_bits: 0 };
      const { ell } = secretKeyLength({ proof: "tomamichel2012-bbm92", input });
      try {
        return `ell ${secretKeyLength({ proof: "tomamichel2012-bbm92", input: { ...input, m: 20001 } }).ell}`;
      } catch (error) {
        return `ell ${ell}, refused ${(error as QkdError).code}`;
      }
    },
  },
];

/**
 * @param more checks of the caller
 * @throws QkdError KERNEL_SELF_TEST_FAILED naming the check
 */
export function selfTest(more: readonly SelfCheck[] = []): void {
  for (const check of [...checks, ...startedKernels(), ...more]) {
    let got: string;
    try {
      got = check.run();
    } catch (cause) {
      throw failed(check.name, cause);
    }
    if (got !== check.expected) throw failed(check.name);
  }
}

/** A module that does not even start has failed too. */
function startedKernels(): readonly SelfCheck[] {
  try {
    return kernelChecks();
  } catch (cause) {
    throw failed("the kernels' module", cause);
  }
}

function failed(name: string, cause?: unknown): QkdError {
  return new QkdError(
    "KERNEL_SELF_TEST_FAILED",
    `The start-up test of ${name} gave a wrong answer; no key is made on this machine.`,
    { check: name },
    { cause },
  );
}
