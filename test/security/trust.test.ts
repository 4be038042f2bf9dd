/** Verification, the ε budget, the self-test and the audit. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GHASH } from "@noble/ciphers/_polyval.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BitString } from "../../src/bits.js";
import { ghash } from "../../src/kernels/reference/ghash.js";
import {
  type AuditFacts,
  type AuditRecord,
  auditRecord,
  collisionEpsilon,
  EpsilonBudget,
  grantedBits,
  parseAudit,
  recompute,
  shortestTag,
  sumEpsilon,
  tagEpsilon,
  tagsEqual,
  totalEpsilon,
  verificationTag,
} from "../../src/security/index.js";
import { selfTest } from "../../src/security/self-test.js";
import { sharedFile, sharedFolder } from "../shared.js";

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

describe("verification", () => {
  it.skipIf(!sharedFolder)("is GHASH of the key as in the known answers", () => {
    const { ghash } = JSON.parse(readFileSync(sharedFile("vectors/auth.json"), "utf8")) as {
      ghash: Record<"h" | "aad" | "ct" | "digest", string>[];
    };
    const rows = ghash.filter(({ aad }) => aad === "");
    expect(rows.length).toBeGreaterThan(1);
    for (const { h, ct, digest } of rows)
      expect(Buffer.from(verificationTag(hex(h), BitString.from(hex(ct)))).toString("hex")).toBe(digest);
  });

  it("is the polynomial of FORMULAS.md 6, bit by bit", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ maxLength: 70 }),
        fc.integer({ min: 0, max: 7 }),
        (key, bytes, less) => {
          const word = BitString.from(bytes, Math.max(0, bytes.length * 8 - less));
          const length = new Uint8Array(16);
          new DataView(length.buffer).setBigUint64(8, BigInt(word.length));
          expect(verificationTag(key, word)).toEqual(ghash(key, [word.bytes, length]));
        },
      ),
      { numRuns: 100, seed: 41 },
    );
  });

  it("agrees with a library on long keys", () => {
    for (const bytes of [1263, 1279, 1280, 1281, 1535, 4096, 65_535, 65_536, 65_537, 65_800, 300_001]) {
      const [key, word] = [randomBytes(16), BitString.from(randomBytes(bytes))];
      const length = new Uint8Array(16);
      new DataView(length.buffer).setBigUint64(8, BigInt(word.length));
      expect(verificationTag(key, word)).toEqual(new GHASH(key).update(word.bytes).update(length).digest());
    }
  });

  it("tells keys apart that differ in a bit or in length only", () => {
    const key = hex("66e94bd4ef8a2c3b884cfa59ca342b2e");
    const word = BitString.from(new Uint8Array(1000).fill(0x5a));
    const tag = verificationTag(key, word);
    expect(tagsEqual(tag, verificationTag(key, BitString.from(word.bytes)))).toBe(true);
    for (const place of [0, 127, 128, 4001, 7999]) {
      const other = BitString.from(word.bytes);
      other.bytes[place >> 3]! ^= 1 << (place & 7);
      expect(tagsEqual(tag, verificationTag(key, other))).toBe(false);
    }
    const zeros = new Uint8Array(64);
    expect(
      tagsEqual(verificationTag(key, BitString.from(zeros, 500)), verificationTag(key, BitString.from(zeros, 501))),
    ).toBe(false);
    expect(tagsEqual(tag, tag.slice(0, 15))).toBe(false);
  });
});

describe("the ε budget", () => {
  it("sums secrecy, correctness and tags over blocks", () => {
    const budget = new EpsilonBudget(1e-9, 1e-15);
    budget.verify(1e6);
    budget.authenticate(1000);
    budget.authenticate(2000);
    expect(budget.verificationBits).toBe(128);
    expect(budget.authenticationTags).toBe(2);
    expect(budget.epsilon).toEqual({ secrecy: 1e-9, correctness: 1e-15, authentication: 3032 * 2 ** -128 });
    const link = sumEpsilon([budget.epsilon, budget.epsilon, budget.epsilon]);
    expect(totalEpsilon(link)).toBeCloseTo(3 * (1e-9 + 1e-15), 20);
    expect(tagEpsilon(0)).toBeGreaterThan(0);
    expect(() => new EpsilonBudget(0, 1e-15)).toThrowError(expect.objectContaining({ code: "SECURITY_EPS_RANGE" }));
  });

  it("refuses a verification that would exceed ε_cor: 64 bits at 1e8 bits do, 128 do not", () => {
    expect(collisionEpsilon([{ bits: 1e8, tagBits: 64 }])).toBeCloseTo(8.5e-14, 15);
    expect(() => new EpsilonBudget(1e-9, 1e-15).verify(1e8, 64)).toThrowError(
      expect.objectContaining({ code: "SECURITY_TAG_TOO_SHORT" }),
    );
    new EpsilonBudget(1e-9, 1e-15).verify(1e8);
    expect(shortestTag(1e8, 1, 1e-15)).toBe(72);
    expect(shortestTag(1e8, 1000, 1e-15)).toBe(88);
    expect(() => shortestTag(1e8, 1, 1e-33)).toThrowError(expect.objectContaining({ code: "SECURITY_TAG_TOO_SHORT" }));
    const strict = new EpsilonBudget(1e-9, 1e-38);
    strict.verify(256);
    expect(() => strict.verify(256)).toThrow();
    expect(strict.verificationBits).toBe(128);
  });

  it("grants what the counts allow, or the fixed length or none", () => {
    const [variable, fixed] = [{ length: "variable" } as const, { length: "fixed", secretBits: 512 } as const];
    expect(grantedBits(variable, 1000)).toEqual({ bits: 1000, poolBits: 0 });
    expect(grantedBits(variable, 1000, 256)).toEqual({ bits: 768, poolBits: 0 });
    expect(grantedBits(variable, 200, 256)).toEqual({ bits: 0, poolBits: 0, reason: "KEY_TOO_SHORT" });
    expect(grantedBits(variable, 0)).toEqual({ bits: 0, poolBits: 0, reason: "KEY_TOO_SHORT" });
    expect(grantedBits(fixed, 1000, 256)).toEqual({ bits: 512, poolBits: 0 });
    expect(grantedBits(fixed, 511)).toEqual({ bits: 0, poolBits: 0, reason: "BELOW_FIXED_LENGTH" });
    // pads for the pool first, but never the last key
    expect(grantedBits(variable, 1000, undefined, 2)).toEqual({ bits: 488, poolBits: 512 });
    expect(grantedBits(variable, 1000, undefined, 128)).toEqual({ bits: 232, poolBits: 768 });
    expect(grantedBits(variable, 1000, 256, 1)).toEqual({ bits: 512, poolBits: 256 });
    expect(grantedBits(variable, 512, 256, 2)).toEqual({ bits: 256, poolBits: 256 });
    expect(grantedBits(variable, 256, undefined, 1)).toEqual({ bits: 256, poolBits: 0 });
    expect(grantedBits(fixed, 9999, 256, 1)).toEqual({ bits: 256, poolBits: 256 });
    for (const bad of [Number.NaN, -1, 0.5, Infinity]) expect(() => grantedBits({ length: "variable" }, bad)).toThrow();
  });
});

describe("the self-test", () => {
  it("passes here, in little time", () => {
    selfTest();
    selfTest();
  });
  it("fails closed on a wrong answer and on a crash", () => {
    const wrong = { name: "toy", expected: "1", run: () => "2" };
    const crash = { name: "toy", expected: "1", run: () => JSON.parse("{") };
    for (const check of [wrong, crash])
      expect(() => selfTest([check])).toThrowError(expect.objectContaining({ code: "KERNEL_SELF_TEST_FAILED" }));
  });
});

const facts: AuditFacts = {
  software: "test",
  link: "belval",
  block: 3,
  protocol: "bb84-two-decoy",
  proof: "lim2014-two-decoy",
  mode: "variable",
  accounting: "one-way",
  epsilon: { secrecy: 1e-9, correctness: 1e-15, authentication: 4 * tagEpsilon(1000) },
  intensities: [
    { mean: 0.5, probability: 0.7 },
    { mean: 0.1, probability: 0.2 },
    { mean: 0.0002, probability: 0.1 },
  ],
  counts: {
    key: [940324568, 57364395, 2317392],
    test: [2604740, 158916, 6474],
    testErrors: [34432, 7038, 3246],
  },
  ledger: [
    { reason: "syndrome", bits: 138787000 },
    { reason: "revealed-bits", bits: 275 },
  ],
  verification: { tagBits: 128, tags: 1 },
  authentication: { mode: "wegman-carter", tags: 4, transcriptBlocks: 1000 },
  transcript: "00",
  secretBits: 348579616,
  createdAt: "2026-11-25T00:00:00.000Z",
};

const record = auditRecord(facts);

describe("the audit", () => {
  it("recomputes a block's length from its record alone", () => {
    expect(recompute(record)).toEqual({ index: 3, secretBits: 348579616, recomputed: 348579616, same: true });
    const same = (change: Partial<AuditFacts>) => recompute(auditRecord({ ...facts, ...change })).same;
    expect(same({ splitBits: 256, secretBits: 348579584 })).toBe(true);
    expect(same({ mode: "fixed", fixedBits: 1e6, secretBits: 1e6 })).toBe(true);
    expect(same({ reason: "ALARM_QBER", secretBits: 0 })).toBe(true);
    expect(same({ accounting: "pattern-public" })).toBe(false);
    expect(record.bound).toMatchObject({ x: 40965, d: 1381791, c: 590082263 });
    // through the file
    expect(recompute(parseAudit(JSON.stringify(record), "f")[0]!).same).toBe(true);
  });

  it.each([
    ["a count", { counts: { ...record.counts, testErrors: [34433, 7038, 3246] } }, "counts.testErrors"],
    ["a key count", { counts: { ...record.counts, key: [940324569, 57364395, 2317392] } }, "keyBits"],
    [
      "a count that the bound does not read",
      { counts: { ...record.counts, keyErrors: [1, 2, 3] } },
      "counts.keyErrors",
    ],
    [
      "the intensities",
      { intensities: record.intensities!.map((each) => ({ ...each, mean: each.mean * 1.001 })) },
      "bound.s1",
    ],
    ["the ledger", { ledger: record.ledger.slice(0, 1) }, "ell"],
    ["the secrecy ε", { epsilon: { ...record.epsilon, secrecy: 1e-10 } }, "ell"],
    ["the authentication ε", { epsilon: { ...record.epsilon, authentication: 0 } }, "epsilon.authentication"],
    ["the tag bits", { verification: { tagBits: 64, tags: 1 } }, "verification"],
    ["the length", { secretBits: 348579617 }, "secretBits"],
    [
      "impossible counts",
      { counts: { ...record.counts, testErrors: [34432, 7038, 6475] } },
      "SECURITY_COUNT_INCONSISTENT",
    ],
  ] as [string, Partial<AuditRecord>, string][])("names %s that was altered", (_what, change, named) => {
    const { same, difference } = recompute({ ...record, ...change });
    expect(same).toBe(false);
    expect(difference).toContain(named);
  });

  it("names every single count that is altered by one", () => {
    for (const kind of ["key", "test", "testErrors", "keyErrors"] as const) {
      const told = auditRecord({ ...facts, counts: { ...facts.counts, keyErrors: [11, 12, 13] } });
      for (const place of [0, 1, 2])
        for (const by of [1, -1]) {
          const counts = structuredClone(told.counts) as Record<string, number[]>;
          counts[kind]![place]! += by;
          const { same, difference } = recompute({ ...told, counts } as AuditRecord);
          expect(same, `${kind} ${place}`).toBe(false);
          expect(difference).toContain(`counts.${kind}`);
        }
    }
    for (const place of record.ledger.keys()) {
      const ledger = record.ledger.map((each, i) => (i === place ? { ...each, bits: each.bits - 1 } : each));
      expect(recompute({ ...record, ledger })).toMatchObject({
        same: false,
        difference: expect.stringContaining("ledger"),
      });
    }
  });

  it("reads files of lines, the last of a block counting, and names what is malformed", () => {
    const line = (value: object) => `${JSON.stringify(value)}\n`;
    const again = { ...record, secretBits: 0, reason: "X" };
    expect(
      parseAudit(line(record) + line({ ...record, block: 4 }) + line(again), "f").map(({ secretBits }) => secretBits),
    ).toEqual([0, 348579616]);
    expect(() => parseAudit(`${line(record)}{"version":1`, "f")).toThrowError(
      expect.objectContaining({ code: "AUDIT_INVALID", details: expect.objectContaining({ line: 2 }) }),
    );
    expect(() => parseAudit(line({ ...record, ell: -1 }), "f")).toThrowError(/line 1, ell/);
  });

  it("the command ends with 0 where all is the same, with 1 where it is not", () => {
    const folder = mkdtempSync(join(tmpdir(), "qkd-audit-"));
    const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
    const audit = (records: AuditRecord[]) => {
      writeFileSync(join(folder, "audit.jsonl"), records.map((each) => JSON.stringify(each)).join("\n"));
      try {
        return {
          code: 0,
          out: JSON.parse(
            execFileSync(process.execPath, [cli, "audit", join(folder, "audit.jsonl"), "--json"], { encoding: "utf8" }),
          ),
        };
      } catch (error) {
        const { status, stdout } = error as { status: number; stdout: string };
        return { code: status, out: JSON.parse(stdout) };
      }
    };
    expect(audit([record])).toMatchObject({ code: 0, out: { blocks: [{ index: 3, same: true }] } });
    const altered = { ...record, block: 4, ell: record.ell + 1 };
    expect(audit([record, altered])).toMatchObject({
      code: 1,
      out: { blocks: [{ same: true }, { index: 4, same: false, difference: expect.stringContaining("ell") }] },
    });
    rmSync(folder, { recursive: true });
  });
});
