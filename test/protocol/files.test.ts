/** Instruments that write a file per detector: an end's dump of several files gives what the one file gives. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Role } from "../../src/channel/types.js";
import { type DistillOptions, distill } from "../../src/distill.js";
import { openDump } from "../../src/dumps/index.js";
import { type Link, parseLink } from "../../src/link.js";
import type { DistillReport } from "../../src/report/distill-report.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { bothKeys, keysOf, type Simulated, simulated, smallBbm92, smallDecoy } from "./links.js";
import { EndProcess, pairOf } from "./processes.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());

const channelsOf = ({ detectors = [], clockChannel }: Link[Role]) =>
  [...detectors, ...(clockChannel ? [clockChannel] : [])].map(({ channel }) => channel);

/** A u64 file per channel, in the list's order. */
async function split(path: string, channels: readonly number[]): Promise<string[]> {
  const times = channels.map((): bigint[] => []);
  const dump = await openDump(path);
  for await (const { base, dt, channel } of dump)
    dt.forEach((t, i) => {
      times[channels.indexOf(channel[i]!)]?.push(base + BigInt(t));
    });
  await dump.close();
  return times.map((each, k) => {
    const file = `${path}.${k}.u64`;
    writeFileSync(file, new Uint8Array(BigUint64Array.from(each).buffer));
    return file;
  });
}

/** The end as described for its files. */
function ofFiles(end: Link[Role]): object {
  const channels = channelsOf(end);
  const { clockChannel } = end;
  return {
    ...end,
    format: "u64",
    detectors: end.detectors?.map((detector) => ({ ...detector, channel: channels.indexOf(detector.channel) })),
    ...(clockChannel ? { clockChannel: { ...clockChannel, channel: channels.indexOf(clockChannel.channel) } } : {}),
  };
}

interface Split {
  readonly link: Link;
  readonly alice: string | string[];
  readonly bob: string[];
}

async function splitLink({ link, alice, bob }: Simulated): Promise<Split> {
  const both = link.protocol === "bbm92";
  return {
    link: parseLink({ ...link, ...(both ? { alice: ofFiles(link.alice) } : {}), bob: ofFiles(link.bob) }),
    alice: both ? await split(alice, channelsOf(link.alice)) : alice,
    bob: await split(bob, channelsOf(link.bob)),
  };
}

let runs = 0;
const run = (folder: string, options: Omit<DistillOptions, "out">) => {
  const out = join(folder, `out-${++runs}`);
  return { out, report: distill(executor, { ...options, out }) };
};

/** Sifted bits differ by the bits drawn at random for clicks of both bases. */
function expectSame(found: DistillReport, whole: DistillReport, fields: readonly (keyof DistillReport)[]): void {
  for (const field of fields) expect(found[field]).toEqual(whole[field]);
  expect(whole.siftedBits).toBeGreaterThan(1000);
  expect(Math.abs(found.siftedBits / whole.siftedBits - 1)).toBeLessThan(0.002);
}

describe("a BBM92 link with files of both ends", () => {
  let made: Simulated;
  let files: Split;
  beforeAll(async () => {
    made = await simulated(smallBbm92({ blocks: { seconds: 0.5 } }), 1.2, 7);
    files = await splitLink(made);
  }, 60_000);

  it("gives as many keys, of the same clicks", async () => {
    const whole = await run(made.folder, made).report;
    const parts = run(made.folder, files);
    const report = await parts.report;
    expect(report.keys).toBeGreaterThan(1);
    expectSame(report, whole, ["detections", "clicks", "coincidences", "clock", "keys"]);
    expect(Math.abs(report.secretBits / whole.secretBits - 1)).toBeLessThan(0.02);
    const [a, b] = bothKeys(parts.out);
    expect(a).toBe(b);
    expect(keysOf(parts.out, "bob")).toHaveLength(report.keys);
  }, 60_000);

  it("goes on after a stop with the same files in the same order, and with no others", async () => {
    const stop = new AbortController();
    const { out, report } = run(made.folder, { ...files, signal: stop.signal, onBlock: () => stop.abort() });
    await expect(report).rejects.toMatchObject({ code: "INTERRUPTED" });
    const [first, second, ...rest] = files.bob as [string, string];
    const swapped = { ...files, bob: [second, first, ...rest] };
    await expect(distill(executor, { ...swapped, out })).rejects.toMatchObject({ code: "STATE_OTHER_RUN" });
    const { keys } = await distill(executor, { ...files, out });
    const [a, b] = bothKeys(out);
    expect(a).toBe(b);
    expect(keysOf(out, "alice")).toHaveLength(keys);
  }, 60_000);

  it("as two processes, with --dump once a file", async () => {
    const [alice, bob] = [files.alice as string[], files.bob];
    const more = (names: readonly string[]) => names.slice(1).flatMap((name) => ["--dump", name]);
    const pair = await pairOf({ ...made, alice: alice[0]!, bob: bob[0]! }, new Uint8Array(1 << 16).fill(7), {
      link: { alice: files.link, bob: files.link },
      extra: { alice: more(alice), bob: more(bob) },
    });
    const ended = await Promise.all([pair.alice.start(), pair.bob.start()]);
    pair.close();
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    const [a, b] = bothKeys(pair.out.alice, pair.out.bob);
    expect(a.length).toBeGreaterThan(0);
    expect(a).toBe(b);
  }, 60_000);
});

describe("a decoy link whose Bob has a file per detector and one of the clock", () => {
  let made: Simulated;
  let files: Split;
  beforeAll(async () => {
    made = await simulated(smallDecoy(), 0.1, 3);
    files = await splitLink(made);
  }, 60_000);

  it("has the same clicks and clock", async () => {
    const whole = await run(made.folder, made).report;
    const parts = await run(made.folder, files).report;
    expect(files.bob).toHaveLength(5);
    expectSame(parts, whole, ["detections", "clicks", "clock"]);
  }, 60_000);

  it("with a detector that saw nothing has the others' clicks", async () => {
    const bob = files.bob.with(3, join(made.folder, "empty.u64"));
    writeFileSync(bob[3]!, "");
    const { detections, siftedBits } = await run(made.folder, { ...files, bob }).report;
    const lost = readFileSync(files.bob[3]!).length / 8;
    expect(detections.bob).toBe((await run(made.folder, made).report).detections.bob! - lost);
    expect(siftedBits).toBeGreaterThan(1000);
  }, 60_000);

  it.each([
    ["a file too few", "LINK_CHANNEL_UNKNOWN", (bob: string[]) => ({ bob: bob.slice(1) })],
    ["the same file twice", "USAGE_INVALID", (bob: string[]) => ({ bob: bob.with(1, bob[0]!) })],
    ["no file", "USAGE_INVALID", () => ({ bob: [] })],
    ["files that still grow", "USAGE_INVALID", (bob: string[]) => ({ bob, follow: { idleSeconds: 1 } })],
    ["two preparation records", "USAGE_INVALID", (bob: string[]) => ({ bob, alice: [made.alice, "other"] })],
    ["a file that is not there", "FILE_UNREADABLE", (bob: string[]) => ({ bob: bob.with(2, "none.u64") })],
  ])("%s is refused with %s", async (_what, code, change) => {
    await expect(run(made.folder, { ...files, ...change(files.bob) }).report).rejects.toMatchObject({ code });
  });

  it("the command line says so as wrong usage", async () => {
    const link = join(made.folder, "files.json");
    writeFileSync(link, JSON.stringify(files.link));
    const bob = files.bob.flatMap((file) => ["--bob", file]);
    const args = ["--link", link, "--alice", made.alice, ...bob, "--out", join(made.folder, "cli"), "--follow", "1"];
    expect(await new EndProcess("distill", args).start()).toMatchObject({
      code: 2,
      json: { error: { code: "USAGE_INVALID", message: expect.stringContaining("followed") } },
    });
  });
});
