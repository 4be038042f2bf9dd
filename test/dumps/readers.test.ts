import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { type Dump, type OpenOptions, openDump } from "../../src/dumps/index.js";
import { inspectDump } from "../../src/dumps/inspect.js";
import { QkdError } from "../../src/errors.js";
import { progress, sharedFile, sharedFolder } from "../shared.js";
import { ptu, type Sample, samples } from "./samples.js";

const folder = mkdtempSync(join(tmpdir(), "dumps-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const optionsOf = (sample: Sample): OpenOptions => ({ ...sample.options, format: sample.format });

/** A stream of the bytes in pieces of the sizes given, the last one repeated. */
function pieces(bytes: Uint8Array, ...sizes: number[]): Readable {
  const parts: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)]!;
    parts.push(bytes.slice(at, at + size));
    at += size;
  }
  return Readable.from(parts);
}

async function nativeEvents(dump: Dump): Promise<[bigint, number, number?][]> {
  const events: [bigint, number, number?][] = [];
  for await (const { base, tick, code, dtime, length } of dump.native())
    for (let i = 0; i < length; i++) {
      const event: [bigint, number, number?] = [base + BigInt(tick[i]!), code[i]!];
      if (dtime) event.push(dtime[i]!);
      events.push(event);
    }
  await dump.close();
  return events;
}

const nameOf = (sample: Sample, i: number) => `${i} ${sample.format}`;

describe.each(samples.map((sample, i) => [nameOf(sample, i), sample] as const))("%s", (name, sample) => {
  it("decodes to the events that were written", async () => {
    const dump = await openDump(Readable.from([Buffer.from(sample.bytes)]), optionsOf(sample));
    expect(await nativeEvents(dump)).toEqual(sample.events);
    expect(dump.info.warnings).toEqual([]);
  });

  it("is found by its content where the content tells", async () => {
    const open = openDump(pieces(sample.bytes, 5), sample.options ?? {});
    if (sample.detected) expect((await open).info.format).toBe(sample.format);
    else expect((await open.catch(() => undefined))?.info.format).not.toBe("ptu");
  });

  it("does not care where the bytes are cut in pieces", async () => {
    for (let at = 1; at < sample.bytes.length; at++) {
      const dump = await openDump(pieces(sample.bytes, at, sample.bytes.length), optionsOf(sample));
      expect(await nativeEvents(dump)).toEqual(sample.events);
    }
    expect(await nativeEvents(await openDump(pieces(sample.bytes, 1), optionsOf(sample)))).toEqual(sample.events);
  });

  it("gives whole picoseconds, exact, in file order, and marks what follows lost data", async () => {
    const dump = await openDump(Readable.from([Buffer.from(sample.bytes)]), optionsOf(sample));
    if (dump.info.timeless) {
      await expect(dump[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "DUMP_NO_TIMES" });
      return;
    }
    const times: number[][] = [];
    const gaps: number[] = [];
    for await (const { base, dt, channel, length, gapBefore } of dump) {
      if (gapBefore) gaps.push(times.length);
      for (let i = 0; i < length; i++) {
        expect(Number.isSafeInteger(dt[i])).toBe(true);
        times.push([Number(base + BigInt(dt[i]!) - absolute(sample, times.length, dump)), channel[i]!]);
      }
    }
    expect(times).toEqual(sample.events.map(([, code]) => [0, code]));
    expect(gaps).toEqual(sample.gaps ?? []);
  });

  it("salvages what precedes a cut at any byte, or says what is wrong", async () => {
    for (let size = 0; size < sample.bytes.length; size++) {
      const file = join(folder, `${name.replace(" ", "-")}-cut`);
      writeFileSync(file, sample.bytes.subarray(0, size));
      const answer = await inspectDump(file, optionsOf(sample)).catch((error: unknown) => error);
      if (answer instanceof QkdError) expect(answer.code).toMatch(/^DUMP_/);
      else {
        const { events } = answer as { events: number };
        expect(events).toBeLessThanOrEqual(sample.events.length);
      }
    }
  });
});

/** An event's time in ps by exact integers; T3's float products are rounded alike only to 1 ps, checked apart. */
function absolute(sample: Sample, i: number, dump: Dump): bigint {
  const [tick, , dtime] = sample.events[i]!;
  const wrapped = /^a[012]/.test(sample.format) && tick < 2n ** 53n ? 2n ** 54n : 0n;
  const units = (tick + wrapped) * BigInt(Math.round(dump.info.resolutionPs * 1e6));
  const fine = dtime === undefined ? 0n : BigInt(Math.round(dtime * (dump.info.dtimeResolutionPs ?? 0) * 1e6));
  const micro = units + fine;
  return (micro + (micro >= 0n ? 500_000n : -500_000n)) / 1_000_000n;
}

describe("faults name their place", () => {
  const place = async (bytes: Uint8Array, options: OpenOptions = {}) => {
    const found = await inspectDump(Readable.from([Buffer.from(bytes)]), options).catch((error: unknown) => error);
    return found instanceof QkdError
      ? { code: found.code, ...found.details }
      : (found as { warnings: unknown }).warnings;
  };
  const bad = [0x02000005, 0xa8000001, 0x02000006];

  it("of a record of no meaning, and of a header's value that cannot be", async () => {
    const file = ptu(0x01010204, bad);
    const offset = file.length - 8;
    expect(await place(file)).toMatchObject([{ code: "DUMP_BAD_RECORD", record: 1, offset }]);
    expect(await place(file, { strict: true })).toMatchObject({ code: "DUMP_BAD_RECORD", record: 1, offset });
    const at = (name: string) => ({ offset: file.indexOf(name) });
    expect(await place(ptu(0x99, []))).toMatchObject({
      code: "DUMP_UNKNOWN_RECORD_TYPE",
      ...at("TTResultFormat_TTTR"),
    });
    expect(await place(ptu(0x01010204, [], { tick: Number.NaN }))).toMatchObject({
      code: "DUMP_BAD_TAG",
      ...at("MeasDesc_GlobalResolution"),
    });
  });

  it("of a last line that is cut, and of a compressed file what to do", async () => {
    expect(await place(Buffer.from("1,2\n3,4\n5"))).toMatchObject([
      { code: "DUMP_TRUNCATED_RECORD", line: 3, record: 2, offset: 8 },
    ]);
    await expect(openDump(Readable.from([gzipSync("1,2\n")]))).rejects.toMatchObject({
      code: "DUMP_BAD_MAGIC",
      message: expect.stringContaining("compressed"),
    });
  });
});

describe("hostile bytes", () => {
  it("end in events, warnings or typed errors, whatever is changed", { timeout: 3_600_000 }, async () => {
    const rounds = process.env.QKD_SLOW ? 1_000_000 : 10_000;
    let seed = 20260101;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let round = 0; round < rounds; round++) {
      progress("mutated files", round, rounds, 20_000);
      const sample = samples[random(samples.length)]!;
      const bytes = Buffer.from(sample.bytes);
      for (let changes = 1 + random(6); changes > 0; changes--) {
        const at = random(bytes.length);
        const kind = random(4);
        if (kind === 0) bytes[at] = random(256);
        else if (kind === 1) bytes[at]! ^= 1 << random(8);
        else if (kind === 2) bytes.fill(random(2) * 255, at, Math.min(at + 8, bytes.length));
        else bytes.copyWithin(at, random(bytes.length));
      }
      const cut = random(3) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
      const options = random(4) === 0 ? {} : optionsOf(sample);
      try {
        const dump = await openDump(Readable.from([cut]), { ...options, strict: random(2) === 0 });
        let events = 0;
        for await (const batch of dump.native()) events += batch.length;
        expect(events).toBeLessThanOrEqual(cut.length * 8);
      } catch (error) {
        if (!(error instanceof QkdError && error.code.startsWith("DUMP_"))) throw error;
      }
    }
  });

  it("that claim sizes do not make the reader allocate or wait", async () => {
    for (const sample of samples.filter(({ format }) => format.startsWith("qcrypto_T"))) {
      const bytes = Buffer.from(sample.bytes);
      bytes.writeUInt32LE(0xffffffff, 8);
      await expect(nativeEvents(await openDump(Readable.from([bytes]), optionsOf(sample)))).rejects.toMatchObject({
        code: expect.stringMatching(/^DUMP_(BAD|TRUNCATED)_RECORD$/),
      });
    }
  });
});

interface Golden {
  readonly file: string;
  readonly format: OpenOptions["format"];
  readonly expect: { outcome: string; columns?: string; unit?: string; reference_period_ps?: number };
  readonly truth?: { digest?: string; digest_t3?: string; packets?: { epoch: number; entries: number }[] };
}

describe.skipIf(!sharedFolder)("golden files (skipped where ../shared is absent)", () => {
  const manifest = sharedFolder
    ? (JSON.parse(readFileSync(sharedFile("dumps/golden/manifest.json"), "utf8")) as { files: Golden[] })
    : { files: [] };
  it.each(manifest.files.map((golden) => [golden.file, golden] as const))("%s", async (file, golden) => {
    const { outcome, columns, unit, reference_period_ps } = golden.expect;
    const options: OpenOptions & { digest: boolean } = {
      format: golden.format!,
      digest: true,
      ...(columns ? { columns: columns.split(","), unit: unit!.split(" ")[0] as "ps" } : {}),
      ...(reference_period_ps ? { referencePeriodPs: reference_period_ps } : {}),
    };
    const path = sharedFile(`dumps/golden/${file}`);
    const answer = inspectDump(path, options);
    if (outcome === "error") {
      await expect(answer).rejects.toBeInstanceOf(QkdError);
      return;
    }
    const found = await answer;
    if (golden.truth?.digest) expect(found.digest).toBe(golden.truth.digest);
    if (golden.truth?.digest_t3) expect(found.digestT3).toBe(golden.truth.digest_t3);
    if (golden.truth?.packets)
      expect(found.packets).toEqual(golden.truth.packets.map(({ epoch, entries }) => ({ epoch, entries })));
    expect(found.warnings.length > 0).toBe(outcome !== "ok");
    if (outcome === "warn_or_error")
      await expect(inspectDump(path, { ...options, strict: true })).rejects.toBeInstanceOf(QkdError);
  });

  it("real files of three PicoQuant formats", async () => {
    const truths = JSON.parse(readFileSync(sharedFile("dumps/real/truth_public.json"), "utf8")) as {
      entries: { file: string; truth: { digest: string; digest_t3?: string; events: number } }[];
    };
    for (const { file, truth } of truths.entries) {
      const found = await inspectDump(sharedFile(`dumps/real/${file}`), { digest: true });
      expect([found.digest, found.digestT3, found.events]).toEqual([truth.digest, truth.digest_t3, truth.events]);
    }
  });
});
