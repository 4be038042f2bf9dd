/** Files of one detector each as one dump: nothing lost, nothing moved, exact, in the order that the files say. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type Dump, type DumpFormat, type OpenOptions, openMerged } from "../../src/dumps/index.js";
import { chance } from "./streams.js";

const folder = mkdtempSync(join(tmpdir(), "merged-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Times = readonly bigint[] | BigUint64Array<ArrayBuffer>;
type Event = readonly [time: bigint, channel: number];

function written(times: readonly Times[]): string[] {
  return times.map((each, k) => {
    const path = join(folder, `${k}.u64`);
    writeFileSync(path, new Uint8Array(BigUint64Array.from(each).buffer));
    return path;
  });
}

async function events(dump: Dump): Promise<Event[]> {
  const found: Event[] = [];
  try {
    for await (const { base, dt, channel, length } of dump) {
      expect(length).toBeGreaterThan(0);
      for (let i = 0; i < length; i++) found.push([base + BigInt(dt[i]!), channel[i]!]);
    }
  } finally {
    await dump.close();
  }
  return found;
}

const merged = async (times: readonly Times[], options: OpenOptions = {}) =>
  events(await openMerged(written(times), { format: "u64", ...options }));

/** Of the heads of all files the earliest, of equal ones that of the lower file. */
function byHead(times: readonly Times[]): Event[] {
  const at = times.map(() => 0);
  const all: Event[] = [];
  for (;;) {
    let first: number | undefined;
    times.forEach((each, k) => {
      const time = each[at[k]!];
      if (time !== undefined && (first === undefined || time < times[first]![at[first]!]!)) first = k;
    });
    if (first === undefined) return all;
    all.push([times[first]![at[first]!++]!, first]);
  }
}

const ascending = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
const near = fc.integer({ min: 0, max: 40 }).map(BigInt);
const time = fc.oneof(
  near,
  near.map((t) => 2n ** 63n + t),
  near.map((t) => t * 2n ** 52n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const files = fc.array(fc.array(time, { maxLength: 30 }), { minLength: 1, maxLength: 6 });

describe("files of one detector each", () => {
  it("are merged as a stable sort by time would, whatever their times", async () => {
    await fc.assert(
      fc.asyncProperty(files, async (drawn) => {
        const sorted = drawn.map((each) => each.toSorted(ascending));
        const all = sorted.flatMap((each, k) => each.map((t): Event => [t, k]));
        expect(await merged(sorted)).toEqual(all.sort((a, b) => ascending(a[0], b[0])));
      }),
    );
  });

  it("keep their own order and their own steps back", async () => {
    await fc.assert(
      fc.asyncProperty(files, async (drawn) => {
        const found = await merged(drawn);
        expect(found).toEqual(byHead(drawn));
        const steps = (each: readonly bigint[]) =>
          each.slice(1).flatMap((t, i) => (t < each[i]! ? [each[i]! - t] : []));
        expect(steps(found.map(([t]) => t)).sort(ascending)).toEqual(drawn.flatMap(steps).sort(ascending));
      }),
    );
  });

  it.each([
    ["of a batch", [65_536, 65_536]],
    ["of one event more and one less", [65_537, 65_535, 1]],
    ["of several batches, and of none", [200_000, 0, 131_072, 70_001]],
  ])("are read on where a batch ends: %s", async (_name, counts) => {
    const random = chance(3);
    const times = counts.map((count) => {
      let t = 2n ** 60n;
      return BigUint64Array.from({ length: count }, () => {
        t += BigInt(Math.floor(random() * 3));
        return t;
      });
    });
    expect(await merged(times)).toEqual(byHead(times));
  });

  it("are as far apart as they are: a day, and all that 64 bits hold", async () => {
    const day = 86_400n * 10n ** 12n;
    const times = [[5n, day + 1n, day + 3n], [7n, day + 2n, 2n ** 64n - 1n], [2n ** 64n - 2n]];
    expect(await merged(times)).toEqual(byHead(times));
  });

  it("have the unit or tick that the options say", async () => {
    const times = [
      [1n, 2n ** 54n],
      [2n, 2n ** 54n + 1n],
    ];
    expect(await merged(times, { unit: "ns" })).toEqual(byHead(times.map((each) => each.map((t) => t * 1000n))));
    expect(await merged([[4n], [2n]], { tickPs: 80.5 })).toEqual([
      [161n, 1],
      [322n, 0],
    ]);
  });

  it("are counted and told of together, each warning with its file", async () => {
    const [whole, cut] = written([[1n, 2n], [3n]]) as [string, string];
    writeFileSync(cut, new Uint8Array(13));
    const seen: [number, number | undefined][] = [];
    const dump = await openMerged([whole, cut], { format: "idq_u64", onProgress: (...at) => seen.push(at) });
    const { warnings } = dump.info;
    await events(dump);
    expect(dump.info).toMatchObject({ format: "idq_u64", records: 3 });
    expect(warnings).toMatchObject([{ code: "DUMP_TRUNCATED_RECORD", message: expect.stringContaining(cut) }]);
    expect(seen.at(-1)).toEqual([29, 29]);
    const strict = openMerged([whole, cut], { format: "idq_u64", strict: true }).then(events);
    await expect(strict).rejects.toMatchObject({ code: "DUMP_TRUNCATED_RECORD", details: { file: cut } });
  });

  it("hold lost data where it was", async () => {
    const record = (type: number, time: bigint) => {
      const bytes = Buffer.alloc(16);
      bytes.writeUInt8(type);
      bytes.writeBigInt64LE(time, 8);
      return bytes;
    };
    const lost = join(folder, "lost.swabian");
    const plain = join(folder, "plain.swabian");
    writeFileSync(lost, Buffer.concat([record(0, 10n), record(2, 15n), record(3, 25n), record(0, 30n)]));
    writeFileSync(plain, Buffer.concat([record(0, 20n), record(0, 28n), record(0, 40n)]));
    const dump = await openMerged([lost, plain], { format: "swabian16" });
    const starts: [bigint, boolean][] = [];
    for await (const { base, dt, gapBefore } of dump) starts.push([base + BigInt(dt[0]!), gapBefore]);
    await dump.close();
    expect(starts).toEqual([
      [10n, false],
      [30n, true],
    ]);
  });
});

describe("what is no file of one detector is refused, and named", () => {
  const text = (name: string, content: string) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const open = (paths: readonly string[], format: DumpFormat | "auto" = "auto") =>
    openMerged(paths, { format }).then(events);

  it("channels of its own", async () => {
    const several = text("several.csv", "time_ps,channel\n1,0\n2,3\n");
    const single = text("single.csv", "time_ps,channel\n1,0\n");
    await expect(open([single, several])).rejects.toMatchObject({
      code: "LINK_CHANNEL_UNKNOWN",
      message: expect.stringContaining(several),
      details: { file: several, channel: 3 },
    });
  });

  it("another format, a missing file, too many", async () => {
    const csv = text("one.csv", "time_ps,channel\n1,0\n");
    const a2 = text("two.a2", "0000000000000c01\n".repeat(3));
    await expect(open([csv, a2])).rejects.toMatchObject({ code: "DUMP_BAD_MAGIC", details: { file: a2 } });
    const none = join(folder, "none.u64");
    await expect(open([csv, none])).rejects.toMatchObject({ code: "FILE_UNREADABLE", details: { file: none } });
    await expect(open(new Array<string>(129).fill(csv))).rejects.toMatchObject({ code: "USAGE_INVALID" });
  });
});
