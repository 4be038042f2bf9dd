import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { distill } from "../../src/distill.js";
import { openDump } from "../../src/dumps/index.js";
import { endData } from "../../src/end-data.js";
import { linkDigests } from "../../src/link/digests.js";
import { ownReading } from "../../src/link/end.js";
import { type Link, parseLink } from "../../src/link.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { bothKeys, keysOf, type Simulated, simulated, smallBbm92, smallDecoy } from "./links.js";

const quTauTick = 80.955;
const executor = new InlineExecutor();
afterAll(() => executor.close());

async function eventsOf(path: string): Promise<[bigint, number][]> {
  const dump = await openDump(path);
  const events: [bigint, number][] = [];
  for await (const { base, dt, channel, length } of dump)
    for (let i = 0; i < length; i++) events.push([base + BigInt(dt[i]!), channel[i]!]);
  await dump.close();
  return events;
}

describe("a link file says how each end's own dump is read", () => {
  let made: Simulated;
  let files: { alice: string; bob: string };
  let described: Link;
  beforeAll(async () => {
    made = await simulated(smallBbm92({ keyBits: 256 }), 1.2, 7);
    files = { alice: join(made.folder, "alice.txt"), bob: join(made.folder, "bob.raw") };
    const lines = (await eventsOf(made.alice)).map(
      ([t, channel]) => `7;${channel};${t / 1000n}.${String(t % 1000n).padStart(3, "0")}\n`,
    );
    writeFileSync(files.alice, lines.join(""));
    const events = await eventsOf(made.bob);
    const raw = Buffer.alloc(events.length * 10);
    events.forEach(([t, channel], i) => {
      raw.writeBigUInt64LE(BigInt(Math.round(Number(t) / quTauTick)), i * 10);
      raw.writeUInt16LE(channel, i * 10 + 8);
    });
    writeFileSync(files.bob, raw);
    described = parseLink({
      ...made.link,
      alice: { ...made.link.alice, format: "csv", columns: ["gate", "channel", "time"], unit: "ns" },
      bob: { ...made.link.bob, format: "qutag_raw", tickPs: String(quTauTick) },
    });
  }, 60_000);

  it("a table with described columns and a quTAU's raw dump give keys, as the PTU files do", async () => {
    const out = join(made.folder, "out");
    const report = await distill(executor, { link: described, ...files, out });
    const plain = await distill(executor, { ...made, out: join(made.folder, "plain") });
    expect(report.secretBits).toBeGreaterThan(0.9 * plain.secretBits);
    expect(report.secretBits).toBeGreaterThan(2000);
    const [alice, bob] = bothKeys(out);
    expect(alice).toBe(bob);
    expect(keysOf(out, "alice")).toHaveLength(report.keys);
    // The tick is part of what Bob's state belongs to: with another one the events are others.
    const other = parseLink({ ...described, bob: { ...described.bob, tickPs: 81 } });
    await expect(distill(executor, { link: other, ...files, out })).rejects.toMatchObject({ code: "STATE_OTHER_RUN" });
  });

  it("plain u64 times in ns, or in ticks of their own", async () => {
    const path = join(made.folder, "times.bin");
    writeFileSync(path, Buffer.from(BigUint64Array.of(5n, 2n ** 54n, 2n ** 54n + 4n).buffer));
    const read = async (change: object) => {
      const link = parseLink({ ...made.link, bob: { ...made.link.bob, format: "u64", ...change } });
      const { data, close } = await endData("bob", link, path);
      const times: bigint[] = [];
      if ("events" in data)
        for await (const { base, dt } of data.events) for (const t of dt) times.push(base + BigInt(t));
      await close();
      return times;
    };
    expect(await read({ unit: "ns" })).toEqual([5000n, 2n ** 54n * 1000n, (2n ** 54n + 4n) * 1000n]);
    // Rounded to whole picoseconds, halves up.
    expect(await read({ tickPs: 15.625 })).toEqual([78n, 2n ** 48n * 1000n, 2n ** 48n * 1000n + 63n]);
    expect(await read({})).toEqual([5n, 2n ** 54n, 2n ** 54n + 4n]);
  });

  it("it is an end's own affair: the other end need not have the same, formats and detectors it must", () => {
    expect(linkDigests(described).alice).toBe(
      linkDigests(parseLink({ ...described, alice: { ...described.alice, columns: ["time"] } })).alice,
    );
    const others = { ...described.bob, deadTimePs: 5 };
    expect(linkDigests(described).bob).not.toBe(linkDigests(parseLink({ ...described, bob: others })).bob);
    expect(ownReading(described.bob)).toEqual({ tickPs: quTauTick });
    expect(ownReading(made.link.bob)).toEqual({});
  });

  it.each([
    ["bob.format", { format: "ptx" }],
    ["bob.columns", { columns: [] }],
    ["bob.columns.0", { columns: [5] }],
    ["bob.unit", { unit: "ms" }],
    ["bob.tickPs", { tickPs: 0 }],
    ["bob.tickPs", { tickPs: "x" }],
    ["bob.referencePeriodPs", { referencePeriodPs: 0.5 }],
    ["bob.tickps", { tickps: 1 }],
  ])("%s is refused by name", (field, change) => {
    const link = { ...made.link, bob: { ...made.link.bob, ...change } };
    let error: unknown;
    try {
      parseLink(link);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "LINK_CONFIG_INVALID", details: { field } });
  });

  it("a preparation record has neither columns nor times", () => {
    const link = smallDecoy();
    expect(() => parseLink({ ...link, alice: { format: "preparation", unit: "ns" } })).toThrow(/alice\.unit/);
  });
});
