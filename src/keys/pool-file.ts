/**
 * Where pads lie (CONTRACT.md, "Authentication key file"):
 *
 *   FILE        bytes 0–15 hash key Alice → Bob, 16–31 Bob → Alice, then pads of 16 bytes, even Alice → Bob, odd
 *               Bob → Alice. Pads 0 and 1 are spent on the fingerprint.
 *   FILE.link   pads from the link's own output: block b's at byte 4096·b, so that a crash cannot shift the ends
 */
import { open, stat } from "node:fs/promises";
import { GHASH } from "@noble/ciphers/_polyval.js";
import { QkdError } from "../errors.js";
import { readIfThere, replaceFile, writeFailed } from "./durable.js";
import type { Area, Direction } from "./pad-record.js";

export const padBytes = 16;
export const smallestPoolBytes = 4096;
/** Most bytes that one block of the link can put into the pool. */
export const slotBytes = 4096;
const pairBytes = 2 * padBytes;
const headBytes = 32;
export const padsPerSlot = slotBytes / pairBytes;

export interface PadSource {
  readonly hashKeys: Readonly<Record<Direction, Uint8Array>>;
  /** Public; tells whether two ends hold the same file. */
  readonly fingerprint: string;
  /** Shared pads of each direction; asked anew, for a file may have been added to. */
  capacity(): Promise<number>;
  pad(area: Area, direction: Direction, pad: number): Promise<Uint8Array>;
  /** Keeps the bytes of a slot durably. */
  putSlot(slot: number, bytes: Uint8Array): Promise<void>;
  slot(slot: number, bytes: number): Promise<Uint8Array>;
  close(): void;
}

export class MemoryPads implements PadSource {
  readonly hashKeys: PadSource["hashKeys"];
  readonly fingerprint: string;
  private readonly slots = new Map<number, Uint8Array>();

  constructor(private readonly bytes: Uint8Array) {
    checkSize(bytes.length, "the pool");
    this.hashKeys = hashKeysOf(bytes);
    this.fingerprint = fingerprintOf(bytes);
  }
  async capacity(): Promise<number> {
    return padsOf(this.bytes.length);
  }
  async pad(area: Area, direction: Direction, pad: number): Promise<Uint8Array> {
    if (area === "shared") return this.bytes.slice(...span(headBytes + offsetOf(direction, pad)));
    return this.slots.get(Math.floor(pad / padsPerSlot))!.slice(...span(offsetOf(direction, pad % padsPerSlot)));
  }
  async putSlot(slot: number, bytes: Uint8Array): Promise<void> {
    this.slots.set(slot, new Uint8Array(bytes));
  }
  async slot(slot: number): Promise<Uint8Array> {
    return this.slots.get(slot)!.slice();
  }
  close(): void {
    this.bytes.fill(0);
    for (const bytes of this.slots.values()) bytes.fill(0);
  }
}

/** Reads each pad when it is needed: the file is not kept in memory. */
export class FilePads implements PadSource {
  private constructor(
    private readonly path: string,
    readonly hashKeys: PadSource["hashKeys"],
    readonly fingerprint: string,
  ) {}

  /** @throws QkdError AUTH_KEY_TOO_SHORT, FILE_UNREADABLE */
  static async open(path: string): Promise<FilePads> {
    checkSize(await sizeOf(path), path);
    const head = await readAt(path, 0, smallestPoolBytes);
    const pads = new FilePads(path, hashKeysOf(head), fingerprintOf(head));
    head.fill(0);
    return pads;
  }
  async capacity(): Promise<number> {
    return padsOf(await sizeOf(this.path));
  }
  pad(area: Area, direction: Direction, pad: number): Promise<Uint8Array> {
    return area === "shared"
      ? readAt(this.path, headBytes + offsetOf(direction, pad), padBytes)
      : readAt(this.linkPath, offsetOf(direction, pad), padBytes);
  }
  async putSlot(slot: number, bytes: Uint8Array): Promise<void> {
    try {
      const file = await open(this.linkPath, "a", 0o600).then(async (made) => {
        await made.close();
        return open(this.linkPath, "r+");
      });
      try {
        await file.write(bytes, 0, bytes.length, slot * slotBytes);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw writeFailed(this.linkPath, cause);
    }
  }
  slot(slot: number, bytes: number): Promise<Uint8Array> {
    return readAt(this.linkPath, slot * slotBytes, bytes);
  }
  close(): void {
    for (const key of Object.values(this.hashKeys)) key.fill(0);
  }
  private get linkPath(): string {
    return `${this.path}.link`;
  }
}

/** Appends pre-shared bytes, the same at both ends; a run under way finds them. @returns pads added to each direction */
export async function addToPool(path: string, more: Uint8Array): Promise<number> {
  const pairs = Math.floor(more.length / pairBytes);
  if (pairs === 0)
    throw new QkdError("USAGE_INVALID", `Pads come in pairs of ${padBytes} bytes; ${more.length} bytes hold none.`);
  const old = await readIfThere(path);
  if (!old) throw new QkdError("FILE_UNREADABLE", `${path} does not exist.`, { file: path });
  checkSize(old.length, path);
  const kept = headBytes + padsOf(old.length) * pairBytes;
  const joined = new Uint8Array(kept + pairs * pairBytes);
  joined.set(old.subarray(0, kept));
  joined.set(more.subarray(0, pairs * pairBytes), kept);
  await replaceFile(path, joined);
  old.fill(0);
  joined.fill(0);
  return pairs;
}

function hashKeysOf(head: Uint8Array): PadSource["hashKeys"] {
  return { aliceToBob: head.slice(0, 16), bobToAlice: head.slice(16, 32) };
}

/**
 * A one-time MAC of the first 4 KiB under pads 0 and 1: it tells files apart but for 2^-120, and tells nothing of the
 * pads that tags are made with, nor of the hash keys.
 */
function fingerprintOf(head: Uint8Array): string {
  const [key, mask] = [
    head.slice(headBytes, headBytes + padBytes),
    head.slice(headBytes + padBytes, headBytes + pairBytes),
  ];
  const hash = new GHASH(key, smallestPoolBytes);
  const tag = hash
    .update(head.subarray(0, headBytes))
    .update(head.subarray(headBytes + pairBytes, smallestPoolBytes))
    .digest();
  const fingerprint = Buffer.from(tag.map((byte, i) => byte ^ mask[i]!)).toString("hex");
  for (const secret of [key, mask, tag]) secret.fill(0);
  return fingerprint;
}

function padsOf(bytes: number): number {
  return Math.floor((bytes - headBytes) / pairBytes);
}

function offsetOf(direction: Direction, pad: number): number {
  return pad * pairBytes + (direction === "aliceToBob" ? 0 : padBytes);
}

function span(at: number): [number, number] {
  return [at, at + padBytes];
}

function checkSize(bytes: number, name: string): void {
  if (bytes < smallestPoolBytes)
    throw new QkdError(
      "AUTH_KEY_TOO_SHORT",
      `${name} holds ${bytes} bytes; at least ${smallestPoolBytes} are needed.`,
      {
        file: name,
        bytes,
      },
    );
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isFile()) return found.size;
    throw Object.assign(new Error("no file"), { code: "EISDIR" });
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readAt(path: string, at: number, bytes: number): Promise<Uint8Array> {
  const out = new Uint8Array(bytes);
  try {
    const file = await open(path, "r");
    try {
      const { bytesRead } = await file.read(out, 0, bytes, at);
      if (bytesRead < bytes) throw new Error("it has become shorter");
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return out;
}

function unreadable(path: string, cause: unknown): QkdError {
  const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new QkdError(
    "FILE_UNREADABLE",
    `The authentication key ${path} cannot be read (${why}).`,
    { file: path, why },
    { cause },
  );
}
