/**
 * The record of used pads: `FILE.used` beside the authentication key file (CONTRACT.md). An append-only log of
 * reservations; a pad may be handed out once the line that reserves it is on the disk.
 *
 * The order of the lines is the lock: every process appends with O_APPEND, reads the log back and learns from its own
 * line's place which pads it got. Nobody holds anything, so nobody can die holding it, and two processes, roles or output
 * folders with the same file never get the same pad. Each line opens with a line feed, so that a line torn by a full
 * disk or a power cut spoils no other; a line that cannot be read counts as the largest reservation a line can make.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { QkdError } from "../errors.js";
import { readIfThere, replaceFile, syncFolder, writeFailed } from "./durable.js";
import { checksum } from "./journal.js";

const version = 1;
/** Pads reserved at once by a sender, or ahead of what a receiver has seen. */
export const padRun = 16;

export type Area = "shared" | "link";
export type Direction = "aliceToBob" | "bobToAlice";
/** One sequence of pads as one side uses it: a sender and a receiver of the same file each keep their own. */
export type Track = `${Area}.${Direction}.${"sent" | "received"}`;

const tracks = (["shared", "link"] as const).flatMap((area) =>
  (["aliceToBob", "bobToAlice"] as const).flatMap((direction) =>
    (["sent", "received"] as const).map((use): Track => `${area}.${direction}.${use}`),
  ),
);
const track = z.enum(tracks as [Track, ...Track[]]);
const number = z.int().min(0);
const lineSchema = z.union([
  z.strictObject({ version: z.int(), fingerprint: z.string() }),
  z.strictObject({ take: track, from: number, count: z.int().min(1).max(padRun), id: z.string() }),
  z.strictObject({ raise: track, to: number, id: z.string() }),
  z.strictObject({ burn: track, pad: number, id: z.string() }),
  z.strictObject({ slot: number, pads: number, id: z.string() }),
  z.strictObject({ claim: number, id: z.string() }),
]);
type Line = z.output<typeof lineSchema>;
export type Reservation =
  | { readonly take: Track; readonly from: number; readonly count: number }
  | { readonly raise: Track; readonly to: number }
  | { readonly burn: Track; readonly pad: number }
  | { readonly slot: number; readonly pads: number }
  /** A slot of one's own, at or above. */
  | { readonly claim: number };

/** What the lines so far say; the same for everybody who reads them. */
export class PadMarks {
  /** Pads below are used or reserved. Shared pads 0 and 1 are spent on the fingerprint. */
  readonly mark = new Map<Track, number>(tracks.map((name) => [name, name.startsWith("shared") ? 1 : 0]));
  /** Single pads used above the mark. */
  readonly burned = new Map<Track, Set<number>>(tracks.map((name) => [name, new Set()]));
  /** Pads per direction that a block of the link put into its slot. */
  readonly slots = new Map<number, number>();
  /** No slot from here on was ever claimed or filled. */
  nextSlot = 0;

  /** @returns the first pad or the slot taken, or whether the pad was free to burn */
  apply(line: Reservation): number | boolean {
    if ("take" in line) {
      const start = Math.max(this.mark.get(line.take)!, line.from);
      this.mark.set(line.take, start + line.count);
      return start;
    }
    if ("raise" in line) {
      this.mark.set(line.raise, Math.max(this.mark.get(line.raise)!, line.to));
      return true;
    }
    if ("claim" in line) {
      const slot = Math.max(this.nextSlot, line.claim);
      this.nextSlot = slot + 1;
      return slot;
    }
    if ("slot" in line) {
      this.nextSlot = Math.max(this.nextSlot, line.slot + 1);
      if (!this.slots.has(line.slot)) this.slots.set(line.slot, line.pads);
      return this.slots.get(line.slot) === line.pads;
    }
    const free = line.pad >= this.mark.get(line.burn)! && !this.burned.get(line.burn)!.has(line.pad);
    if (free) this.burned.get(line.burn)!.add(line.pad);
    return free;
  }

  /** A line that is there and says nothing: whatever it reserved is taken as used. */
  applyUnreadable(): void {
    for (const [name, mark] of this.mark) this.mark.set(name, mark + padRun);
  }
}

export interface PadRecord {
  readonly marks: PadMarks;
  /** Durable when it resolves. @returns as PadMarks.apply */
  reserve(line: Reservation): Promise<number | boolean>;
  close(): Promise<void>;
}

/** For pools that do not outlive the process. */
export class MemoryPadRecord implements PadRecord {
  readonly marks = new PadMarks();
  async reserve(line: Reservation): Promise<number | boolean> {
    return this.marks.apply(line);
  }
  async close(): Promise<void> {
    return Promise.resolve();
  }
}

export class FilePadRecord implements PadRecord {
  readonly marks = new PadMarks();
  private offset = 0;
  private readonly results = new Map<string, number | boolean>();
  private own: Record<string, Record<string, number>> = {};

  private constructor(
    private readonly path: string,
    private readonly copy: string,
    private readonly fingerprint: string,
    private readonly file: FileHandle,
  ) {}

  /**
   * @param path `FILE.used`  @param copy this end's own copy of the marks, in its state folder
   * @throws QkdError AUTH_STATE_ROLLED_BACK, AUTH_STATE_FOREIGN, AUTH_STATE_VERSION, FILE_WRITE_FAILED
   */
  static async open(path: string, copy: string, fingerprint: string): Promise<FilePadRecord> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600).catch((cause) => {
      throw writeFailed(path, cause);
    });
    const record = new FilePadRecord(path, copy, fingerprint, file);
    try {
      record.own = await readCopy(copy);
      await record.readOn();
      record.checkAgainstCopy();
      if (record.offset === 0) await record.append({ version, fingerprint });
      await syncFolder(dirname(path));
      await record.keepCopy();
      return record;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The marks as they stand, nothing changed. @throws QkdError as `open` */
  static async read(path: string, fingerprint: string): Promise<PadMarks> {
    const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return undefined;
      throw new QkdError("FILE_UNREADABLE", `${path} cannot be read (${cause.code}).`, { file: path }, { cause });
    });
    if (!file) return new PadMarks();
    try {
      const record = new FilePadRecord(path, "", fingerprint, file);
      await record.readOn();
      return record.marks;
    } finally {
      await file.close();
    }
  }

  async reserve(line: Reservation): Promise<number | boolean> {
    const id = randomUUID().slice(0, 13);
    await this.append({ ...line, id });
    const result = this.results.get(id);
    this.results.clear();
    if (result === undefined) throw writeFailed(this.path, new Error("the line written is not there"));
    await this.keepCopy();
    return result;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private async append(line: Line): Promise<void> {
    await this.checkSameFile();
    const json = JSON.stringify(line);
    const data = Buffer.from(`\n${checksum(json)} ${json}\n`);
    try {
      const { bytesWritten } = await this.file.write(data);
      if (bytesWritten < data.length) throw new Error("the disk is full");
      await this.file.datasync();
    } catch (cause) {
      throw writeFailed(this.path, cause);
    }
    await this.readOn();
    this.checkAgainstCopy();
  }

  /** A record that was replaced or removed while in use says nothing about what others reserve. */
  private async checkSameFile(): Promise<void> {
    const [ours, there] = await Promise.all([this.file.stat(), stat(this.path).catch(() => undefined)]);
    if (there?.ino !== ours.ino || ours.size < this.offset) throw this.rolledBack();
  }

  private async readOn(): Promise<void> {
    const { size } = await this.file.stat();
    const data = Buffer.alloc(Math.max(0, size - this.offset));
    const { bytesRead } = await this.file.read(data, 0, data.length, this.offset);
    const end = data.lastIndexOf(0x0a, bytesRead - 1) + 1;
    this.offset += end;
    for (const line of data.toString("utf8", 0, end).split("\n")) if (line !== "") this.learn(line);
  }

  private learn(text: string): void {
    const json = text.slice(9);
    const parsed = text.slice(0, 9) === `${checksum(json)} ` ? lineSchema.safeParse(JSON.parse(json)) : undefined;
    if (!parsed?.success) {
      this.marks.applyUnreadable();
      return;
    }
    const line = parsed.data;
    if (!("fingerprint" in line)) {
      this.results.set(line.id, this.marks.apply(line));
      return;
    }
    if (line.version !== version)
      throw new QkdError("AUTH_STATE_VERSION", `${this.path} is of version ${line.version}, not ${version}.`, {
        file: this.path,
      });
    if (line.fingerprint !== this.fingerprint)
      throw new QkdError(
        "AUTH_STATE_FOREIGN",
        `${this.path} belongs to other key than what is in the key file now; give new key a new name.`,
        { file: this.path },
      );
  }

  private checkAgainstCopy(): void {
    for (const [name, mark] of Object.entries(this.own[this.fingerprint] ?? {}))
      if (this.marks.mark.get(name as Track)! < mark) throw this.rolledBack();
  }

  private async keepCopy(): Promise<void> {
    this.own[this.fingerprint] = Object.fromEntries(this.marks.mark);
    await replaceFile(this.copy, JSON.stringify({ version, pools: this.own }));
  }

  private rolledBack(): QkdError {
    return new QkdError(
      "AUTH_STATE_ROLLED_BACK",
      `${this.path} was restored, replaced or removed: it says that fewer pads are used than this end knows of. Use fresh key.`,
      { file: this.path },
    );
  }
}

const copySchema = z.strictObject({
  version: z.literal(version),
  pools: z.record(z.string(), z.record(z.string(), number)),
});

async function readCopy(path: string): Promise<Record<string, Record<string, number>>> {
  const bytes = await readIfThere(path);
  if (!bytes) return {};
  try {
    return copySchema.parse(JSON.parse(new TextDecoder().decode(bytes))).pools;
  } catch (cause) {
    throw new QkdError("STATE_DAMAGED", `${path}, the copy of the pads' marks, is damaged.`, { file: path }, { cause });
  }
}
