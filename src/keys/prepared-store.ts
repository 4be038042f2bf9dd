/**
 * Keys that are durable but not released: one file a block in the state folder, AES-256-GCM under the state key, the
 * block bound in as associated data. What the state key made in DIR/state does not protect: whoever reads the whole
 * folder reads the keys (README).
 *
 * File: version byte 2 | 12-byte nonce | ciphertext | 16-byte tag. Plaintext: length of the JSON, 4 bytes little-endian |
 * JSON with the length of each `bytes` in its place | those bytes one after the other. Version 1, a JSON list of keys in
 * base64, is still read.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { QkdError } from "../errors.js";
import { makeFolder, readIfThere, removeFile, replaceFile } from "./durable.js";
import { withLock } from "./lock.js";
import type { BlockKeys, BlockRecord, Deposit, SecretKey } from "./types.js";

const version = 2;
const listVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** What a run keeps of keys between prepare and release. */
export interface PreparedKeys {
  put(block: number, made: BlockKeys): Promise<void>;
  get(block: number): Promise<BlockKeys>;
  remove(block: number): Promise<void>;
}

export class PreparedStore implements PreparedKeys {
  /** @param stateKey 32 bytes, of `stateKey` */
  constructor(
    private readonly folder: string,
    private readonly stateKey: Uint8Array,
  ) {}

  /** Durable when it resolves. @throws QkdError FILE_WRITE_FAILED */
  async put(block: number, made: BlockKeys): Promise<void> {
    const plain = packed(made);
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.stateKey, nonce).setAAD(label(version, block));
    const sealed = Buffer.concat([
      Buffer.of(version),
      nonce,
      cipher.update(plain),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    plain.fill(0);
    await makeFolder(this.folder);
    await replaceFile(this.path(block), sealed);
  }

  /** @throws QkdError STATE_KEY_WRONG, STATE_DAMAGED, STATE_VERSION */
  async get(block: number): Promise<BlockKeys> {
    const sealed = await readIfThere(this.path(block));
    if (!sealed || sealed.length < 1 + nonceBytes + tagBytes)
      throw new QkdError("STATE_DAMAGED", `The prepared key of block ${block} is missing from the state folder.`, {
        block,
        folder: this.folder,
      });
    if (sealed[0] !== version && sealed[0] !== listVersion)
      throw new QkdError(
        "STATE_VERSION",
        `The prepared key of block ${block} is of version ${sealed[0]}, not ${version}.`,
        {
          block,
        },
      );
    const plain = this.open(block, sealed);
    const made = sealed[0] === listVersion ? fromList(plain) : unpacked(plain);
    plain.fill(0);
    return made;
  }

  /** Blocks whose keys are held here. */
  async blocks(): Promise<number[]> {
    await makeFolder(this.folder);
    const names = await readdir(this.folder);
    const numbers = names.map((name) => /^prepared-(\d+)$/.exec(name)?.[1]).filter((number) => number !== undefined);
    return numbers.map(Number).sort((a, b) => a - b);
  }

  remove(block: number): Promise<void> {
    return removeFile(this.path(block));
  }

  private open(block: number, sealed: Uint8Array): Buffer {
    const body = sealed.subarray(1 + nonceBytes, -tagBytes);
    const decipher = createDecipheriv("aes-256-gcm", this.stateKey, sealed.subarray(1, 1 + nonceBytes))
      .setAAD(label(sealed[0]!, block))
      .setAuthTag(sealed.subarray(-tagBytes));
    const plain = decipher.update(body);
    try {
      decipher.final();
      return plain;
    } catch (cause) {
      plain.fill(0);
      throw new QkdError(
        "STATE_KEY_WRONG",
        `The state key does not open the prepared key of block ${block}; give the --state-key it was made with.`,
        { block },
        { cause },
      );
    }
  }

  private path(block: number): string {
    return join(this.folder, `prepared-${block}`);
  }
}

/** For runs without a state folder. */
export class MemoryPrepared implements PreparedKeys {
  private readonly made = new Map<number, BlockKeys>();
  async put(block: number, { keys, deposit, record }: BlockKeys): Promise<void> {
    const copied = <T extends { readonly bytes: Uint8Array }>(held: T) => ({ ...held, bytes: held.bytes.slice() });
    const own = { keys: keys.map(copied), ...(deposit ? { deposit: copied(deposit) } : {}) };
    this.made.set(block, { ...own, ...(record ? { record } : {}) });
  }
  async get(block: number): Promise<BlockKeys> {
    return this.made.get(block) ?? { keys: [] };
  }
  async remove(block: number): Promise<void> {
    this.made.delete(block);
  }
}

/** A file or a text with at least 128 bits of entropy. */
export interface StateKey {
  readonly file?: string;
  readonly text?: string;
}

/**
 * The key of the prepared store: from the user's file (`--state-key`) or text (QKD_DISTILL_STATE_KEY), else one made in
 * the state folder, mode 0600. The user's secret must hold at least 128 bits of entropy: it is not stretched.
 * @throws QkdError FILE_UNREADABLE, FILE_WRITE_FAILED, FILE_LOCKED
 */
export async function stateKey(folder: string, given: StateKey): Promise<Uint8Array> {
  if (given.file === undefined && given.text) return derive(Buffer.from(given.text));
  const path = given.file ?? join(folder, "state.key");
  const found = await readIfThere(path);
  if (found && found.length > 0) return derive(found);
  if (given.file !== undefined)
    throw new QkdError("FILE_UNREADABLE", `The state key ${path} does not exist or is empty.`, { file: path });
  await makeFolder(folder);
  // Both ends of a run may come here at once, and what one of them prepares must open under the key that stays.
  return withLock(`${path}.lock`, async () => {
    const there = await readIfThere(path);
    if (there && there.length > 0) return derive(there);
    const made = randomBytes(32);
    await replaceFile(path, made);
    return derive(made);
  });
}

function derive(secret: Uint8Array): Uint8Array {
  const key = new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), "qkd-distill state key 1", 32));
  secret.fill(0);
  return key;
}

function label(of: number, block: number): Uint8Array {
  return Buffer.from(`qkd-distill prepared ${of} ${block}`);
}

type Measured<T extends { readonly bytes: Uint8Array }> = Omit<T, "bytes"> & { readonly bytes: number };

function packed({ keys, deposit, record }: BlockKeys): Buffer {
  const secrets = [...keys, ...(deposit ? [deposit] : [])].map(({ bytes }) => bytes);
  const measured = <T extends { readonly bytes: Uint8Array }>(held: T) => ({ ...held, bytes: held.bytes.length });
  const json = JSON.stringify({
    keys: keys.map(measured),
    ...(deposit ? { deposit: measured(deposit) } : {}),
    ...(record ? { record } : {}),
  });
  const head = Buffer.byteLength(json);
  const out = Buffer.alloc(4 + head + secrets.reduce((sum, bytes) => sum + bytes.length, 0));
  out.writeUInt32LE(head);
  out.write(json, 4);
  let at = 4 + head;
  for (const bytes of secrets) {
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

function unpacked(plain: Buffer): BlockKeys {
  const head = plain.readUInt32LE();
  const { keys, deposit, ...rest } = JSON.parse(plain.toString("utf8", 4, 4 + head)) as {
    keys: Measured<SecretKey>[];
    deposit?: Measured<Deposit>;
    record?: BlockRecord;
  };
  let at = 4 + head;
  const filled = <T extends { readonly bytes: number }>(held: T) => {
    const bytes = new Uint8Array(plain.subarray(at, at + held.bytes));
    at += held.bytes;
    return { ...held, bytes };
  };
  return { keys: keys.map(filled), ...(deposit ? { deposit: filled(deposit) } : {}), ...rest };
}

function fromList(plain: Buffer): BlockKeys {
  const keys = JSON.parse(plain.toString()) as (Omit<SecretKey, "bytes"> & { bytes: string })[];
  return { keys: keys.map((key) => ({ ...key, bytes: new Uint8Array(Buffer.from(key.bytes, "base64")) })) };
}
