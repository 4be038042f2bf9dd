/**
 * Keys as JSON lines in DIR/<role>/keys.jsonl, mode 0600 (CONTRACT.md, "Keys of a run"). A line is whole and on the disk
 * when `store` resolves, or not there; storing the same ID again changes nothing; a torn last line of a crash is dropped
 * when the file is opened (its key was not acknowledged and comes again).
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { QkdError } from "../errors.js";
import { base64Bytes } from "./base64.js";
import { LineFile, makeFolder } from "./durable.js";
import type { KeySink, SecretKey } from "./types.js";

export class JsonlSink implements KeySink {
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly file: LineFile,
    /** Digest of the key under each ID, to tell a repetition from a conflict without keeping keys in memory. */
    private readonly known: Map<string, string>,
  ) {}

  /** Makes the file, and its folder, where they are not there. @throws QkdError FILE_WRITE_FAILED, KEYS_FILE_DAMAGED */
  static async open(path: string): Promise<JsonlSink> {
    await makeFolder(dirname(path));
    const file = await LineFile.open(path);
    const known = new Map<string, string>();
    for (const [i, line] of file.lines.entries()) {
      const entry = parseLine(line);
      if (!entry) {
        await file.close();
        throw new QkdError(
          "KEYS_FILE_DAMAGED",
          `${path}: line ${i + 1} is no key; move the file away, keys in it cannot be trusted to be complete.`,
          { file: path, line: i + 1 },
        );
      }
      known.set(entry.key_ID, digest(entry.key));
    }
    return new JsonlSink(file, known);
  }

  get count(): number {
    return this.known.size;
  }

  has(id: string): boolean {
    return this.known.has(id);
  }

  /** @throws QkdError FILE_WRITE_FAILED, KEYS_ID_CONFLICT */
  store(key: SecretKey): Promise<void> {
    const turn = this.queue.then(() => this.write(key));
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  private async write({ id, bytes, ...metadata }: SecretKey): Promise<void> {
    const encoded = base64Bytes(bytes);
    try {
      const earlier = this.known.get(id);
      if (earlier === digest(encoded)) return;
      if (earlier !== undefined)
        throw new QkdError("KEYS_ID_CONFLICT", `Key ${id} is stored already with other bytes.`, { id });
      const [head, tail] = [`{"key_ID":${JSON.stringify(id)},"key":"`, `",${JSON.stringify(metadata).slice(1)}`];
      const line = Buffer.alloc(Buffer.byteLength(head) + encoded.length + Buffer.byteLength(tail));
      line.write(head);
      line.set(encoded, Buffer.byteLength(head));
      line.write(tail, Buffer.byteLength(head) + encoded.length);
      await this.file.append([line]).finally(() => line.fill(0));
      this.known.set(id, digest(encoded));
    } finally {
      encoded.fill(0);
    }
  }

  async close(): Promise<void> {
    await this.queue;
    this.known.clear();
    await this.file.close();
  }
}

function digest(key: string | Uint8Array): string {
  return createHash("sha256").update(key).digest("base64");
}

function parseLine(line: string): { key_ID: string; key: string } | undefined {
  try {
    const entry = JSON.parse(line) as { key_ID?: unknown; key?: unknown } | null;
    if (typeof entry?.key_ID === "string" && typeof entry.key === "string")
      return { key_ID: entry.key_ID, key: entry.key };
  } catch {
    return undefined;
  }
  return undefined;
}
