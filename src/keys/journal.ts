/**
 * An append-only journal of records: one line each, `<checksum> <JSON>`, on the disk when `append` resolves. A crash can
 * tear only the last line, which is dropped (its append was never acknowledged); damage anywhere else is refused, for a
 * journal with a hole may say the opposite of what happened.
 */
import { createHash } from "node:crypto";
import { QkdError } from "../errors.js";
import { LineFile } from "./durable.js";

export interface Journal<R> {
  readonly records: readonly R[];
  /** Durable when it resolves; records keep the order of the calls. */
  append(record: R): Promise<void>;
}

export class FileJournal<R> implements Journal<R> {
  private constructor(
    private readonly file: LineFile,
    private readonly kept: R[],
  ) {}

  /** @throws QkdError STATE_DAMAGED, FILE_WRITE_FAILED */
  static async open<R>(path: string): Promise<FileJournal<R>> {
    const file = await LineFile.open(path);
    try {
      return new FileJournal(
        file,
        file.lines.map((line, i) => parse<R>(line, path, i)),
      );
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get records(): readonly R[] {
    return this.kept;
  }

  async append(record: R): Promise<void> {
    const json = JSON.stringify(record);
    await this.file.append([`${checksum(json)} ${json}`]);
    this.kept.push(record);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

/** For runs and tests whose state does not outlive the process. */
export class MemoryJournal<R> implements Journal<R> {
  readonly records: R[] = [];
  async append(record: R): Promise<void> {
    this.records.push(record);
  }
}

/** The first 32 bits of SHA-256: against torn and damaged lines, not against an adversary on the machine. */
export function checksum(json: string): string {
  return createHash("sha256").update(json).digest("hex").slice(0, 8);
}

function parse<R>(line: string, path: string, index: number): R {
  const json = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(json))
    throw new QkdError("STATE_DAMAGED", `${path}: line ${index + 1} of the journal is damaged.`, {
      file: path,
      line: index + 1,
    });
  return JSON.parse(json) as R;
}
