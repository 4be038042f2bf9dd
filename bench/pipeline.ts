/**
 * To secret keys, both ends in this process or two: from raw dumps, the demonstration's BBM92 link, shorter; and from
 * sifted keys, beside the fastest link published.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchRow } from "../cli/bench.js";
import { createEngine } from "../engine.js";
import { parseLink } from "../link.js";
import { demoBbm92, simulate } from "../simulate/index.js";
import { distilled, published } from "./distilled.js";
import { twoProcesses } from "./ends.js";
import { type BenchOptions, type Case, generator, measure } from "./harness.js";

const simulatedSeconds = 2;
const endsSeconds = 7;

export async function pipeline({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "qkd-distill-bench-"));
  try {
    await using engine = await createEngine();
    const { files, events } = await simulate(parseLink(demoBbm92.link), {
      seconds: simulatedSeconds,
      seed,
      out: join(folder, "dumps"),
    });
    const { simulation: _, ...described } = demoBbm92.link;
    const link = parseLink(described);
    const out = join(folder, "out");
    const parameters: Record<string, unknown> = { link: link.name, simulatedSeconds, seed, events };
    const one: Case = {
      name: "pipeline bbm92",
      unit: "M events/s",
      work: (events.alice + events.bob) / 1e6,
      workers: availableParallelism(),
      parameters,
      before: () => rm(out, { recursive: true, force: true }),
      async run() {
        const report = await engine.distill({ link, alice: files.alice, bob: files.bob, out });
        const { siftedBits, qber, secretBits, seconds: stages } = report;
        Object.assign(parameters, { siftedBits, qber, secretBits, stages });
      },
    };
    return [
      ...(await measure([one], seconds)),
      ...(await ends(folder, seed, seconds)),
      ...(await fromSifted(seed, seconds)),
      published,
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same in 21 blocks: in this process with two workers, as two processes, and with a long way between them. */
async function ends(folder: string, seed: number, seconds: number): Promise<BenchRow[]> {
  const input = { ...demoBbm92.link, blocks: { seconds: endsSeconds / 21 } };
  const { files, events } = await simulate(parseLink(input), { seconds: endsSeconds, seed, out: join(folder, "long") });
  const { simulation: _, ...described } = input;
  const linkFile = join(folder, "link.json");
  await writeFile(linkFile, JSON.stringify(described));
  const work = (events.alice + events.bob) / 1e6;
  const parameters = { link: described.name, simulatedSeconds: endsSeconds, seed, events };
  const both = { folder, linkFile, alice: files.alice, bob: files.bob, work, parameters };
  const out = join(folder, "long-out");
  await using engine = await createEngine({ workers: 2 });
  const inProcess: Case = {
    name: "pipeline bbm92, 21 blocks, one process",
    unit: "M events/s",
    work,
    workers: 2,
    parameters,
    before: () => rm(out, { recursive: true, force: true }),
    run: () => engine.distill({ link: parseLink(described), alice: files.alice, bob: files.bob, out }),
  };
  return await measure([inProcess, twoProcesses(both, 0), twoProcesses(both, 50)], seconds);
}

async function fromSifted(seed: number, seconds: number): Promise<BenchRow[]> {
  await using one = await createEngine({ workers: 1 });
  await using two = await createEngine({ workers: 2 });
  return await measure([distilled(one, 1, generator(seed)), distilled(two, 2, generator(seed))], seconds);
}
