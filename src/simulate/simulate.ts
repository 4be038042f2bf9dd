/**
 * The link simulator: a link description and a seed in, both ends' instrument files and the truth out. For planning and
 * demonstrations. The same seed and description give the same bytes on any machine; memory does not grow with time.
 * `link.json` beside the dumps leaves the `simulation` section out: the pipeline never sees the truth.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { QkdError } from "../errors.js";
import { withoutReading } from "../link/end.js";
import { simulationDefaults } from "../link/simulation.js";
import type { Link } from "../link.js";
import { runPrepareAndMeasure } from "./bb84.js";
import { runEntangled } from "./bbm92.js";
import { DumpFile, OutputFile, type WritableFormat, writableFormat } from "./dump-file.js";

export interface SimulateOptions {
  /** Length of the acquisition. */
  readonly seconds: number;
  /** A whole number; from 2^53 on a bigint. */
  readonly seed: number | bigint;
  /** Folder for the files; made if absent. */
  readonly out: string;
  onProgress?(done: number, total: number): void;
  readonly signal?: AbortSignal;
}

export interface SimulationResult {
  readonly files: { readonly alice: string; readonly bob: string; readonly link: string; readonly truth: string };
  readonly formats: { readonly alice: string; readonly bob: string };
  /** Events in each tagger's file, clock events included; Alice's of a prepare-and-measure link are pulses. */
  readonly events: { readonly alice: number; readonly bob: number };
  readonly truth: Readonly<Record<string, unknown>>;
}

const extension: Record<WritableFormat | "preparation", string> = {
  ptu: "ptu",
  qutag: "bin",
  swabian16: "bin",
  u64: "bin",
  csv: "csv",
  preparation: "bin",
};

/** @throws QkdError LINK_CONFIG_INVALID for a format that cannot be written, FILE_WRITE_FAILED, USAGE_INVALID, INTERRUPTED */
export async function simulate(link: Link, options: SimulateOptions): Promise<SimulationResult> {
  const { seconds, seed, out, signal } = options;
  if (!(seconds > 0 && seconds <= 8000))
    throw new QkdError("USAGE_INVALID", `seconds: ${seconds} is not above 0 and up to 8000 (exact picoseconds).`);
  if (typeof seed !== "bigint" && !Number.isSafeInteger(seed))
    throw new QkdError("USAGE_INVALID", `seed: ${String(seed)} is no whole number below 2^53 or bigint.`);
  const simulation = link.simulation ?? simulationDefaults;
  const entangled = link.protocol === "bbm92";
  const formats = { alice: entangled ? formatOf(link, "alice") : ("preparation" as const), bob: formatOf(link, "bob") };
  const path = (end: "alice" | "bob") => join(out, `${end}.${extension[formats[end]]}`);
  const files = {
    alice: path("alice"),
    bob: path("bob"),
    link: join(out, "link.json"),
    truth: join(out, "truth.json"),
  };
  await makeFolder(out);

  const bob = await DumpFile.create(files.bob, formats.bob);
  const alice =
    formats.alice === "preparation"
      ? await OutputFile.create(files.alice)
      : await DumpFile.create(files.alice, formats.alice);
  let truth: Record<string, unknown>;
  try {
    const progress = options.onProgress ? { onProgress: options.onProgress } : {};
    const common = { link, simulation, seed, seconds, bob, signal, ...progress };
    truth =
      alice instanceof DumpFile
        ? await runEntangled({ ...common, alice })
        : await runPrepareAndMeasure({ ...common, alice });
    await alice.commit();
    await bob.commit();
  } catch (error) {
    await Promise.all([alice.discard(), bob.discard()]);
    throw error;
  }
  const events = { alice: alice instanceof DumpFile ? alice.events : Number(truth.pulses), bob: bob.events };
  truth = { seed: String(seed), seconds, protocol: link.protocol, formats, events, simulation, ...truth };
  await writeJson(files.link, describeFor(link, formats));
  await writeJson(files.truth, truth);
  return { files, formats, events, truth };
}

function formatOf(link: Link, end: "alice" | "bob"): WritableFormat {
  const asked = link[end].format === "auto" ? (link.simulation?.formats[end] ?? "ptu") : link[end].format;
  const codes = link[end].detectors!.map((d) => d.channel);
  if (link[end].clockChannel) codes.push(link[end].clockChannel.channel);
  return writableFormat(asked, codes, `${end}.format`);
}

/** The description for the pipeline: formats named as they are written, nothing of the simulation. */
function describeFor(link: Link, formats: SimulationResult["formats"]): unknown {
  const { simulation: _simulation, ...rest } = link;
  return {
    ...rest,
    alice: { ...withoutReading(link.alice), format: formats.alice },
    bob: { ...withoutReading(link.bob), format: formats.bob },
  };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    const message = `${path} cannot be made a folder (${why}).`;
    throw new QkdError("FILE_WRITE_FAILED", message, { file: path, why }, { cause });
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  const file = await OutputFile.create(path);
  try {
    await file.write(Buffer.from(`${JSON.stringify(value, null, 2)}\n`));
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}
