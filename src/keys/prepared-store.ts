/**
 * Keys that are durable but not released: one file a block in the state folder, AES-256-GCM under the state key, the
 * block bound in as associated data. What the state key made in DIR/state does not protect: whoever reads the whole
 * folder reads the keys (README).
 *
 * File: version byte 1 | 12-byte nonce | ciphertext of the JSON list | 16-byte tag.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { QkdError } from "../errors.js";
import { makeFolder, readIfThere, removeFile, replaceFile } from "./durable.js";
import type { SecretKey } from "./types.js";

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** What a run keeps of keys between prepare and release. */
export interface PreparedKeys {
  put(block: number, keys: readonly SecretKey[]): Promise<void>;
  get(block: number): Promise<readonly SecretKey[]>;
  remove(block: number): Promise<void>;
}

export class PreparedStore implements PreparedKeys {
  /** @param stateKey 32 bytes, of `stateKey` */
  constructor(
    private readonly folder: string,
    private readonly stateKey: Uint8Array,
  ) {}

  /** Durable when it resolves. @throws QkdError FILE_WRITE_FAILED */
  async put(block: number, keys: readonly SecretKey[]): Promise<void> {
    const plain = Buffer.from(
      JSON.stringify(keys.map((key) => ({ ...key, bytes: Buffer.from(key.bytes).toString("base64") }))),
    );
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.stateKey, nonce).setAAD(label(block));
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
  async get(block: number): Promise<readonly SecretKey[]> {
    const sealed = await readIfThere(this.path(block));
    if (!sealed || sealed.length < 1 + nonceBytes + tagBytes)
      throw new QkdError("STATE_DAMAGED", `The prepared key of block ${block} is missing from the state folder.`, {
        block,
        folder: this.folder,
      });
    if (sealed[0] !== version)
      throw new QkdError(
        "STATE_VERSION",
        `The prepared key of block ${block} is of version ${sealed[0]}, not ${version}.`,
        {
          block,
        },
      );
    const plain = this.open(block, sealed);
    const keys = JSON.parse(plain.toString()) as (Omit<SecretKey, "bytes"> & { bytes: string })[];
    plain.fill(0);
    return keys.map((key) => ({ ...key, bytes: new Uint8Array(Buffer.from(key.bytes, "base64")) }));
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
      .setAAD(label(block))
      .setAuthTag(sealed.subarray(-tagBytes));
    try {
      return Buffer.concat([decipher.update(body), decipher.final()]);
    } catch (cause) {
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
  private readonly keys = new Map<number, readonly SecretKey[]>();
  async put(block: number, keys: readonly SecretKey[]): Promise<void> {
    this.keys.set(block, keys);
  }
  async get(block: number): Promise<readonly SecretKey[]> {
    return this.keys.get(block) ?? [];
  }
  async remove(block: number): Promise<void> {
    this.keys.delete(block);
  }
}

/**
 * The key of the prepared store: from the user's file (`--state-key`) or text (QKD_DISTILL_STATE_KEY), else one made in
 * the state folder, mode 0600. The user's secret must hold at least 128 bits of entropy: it is not stretched.
 * @throws QkdError FILE_UNREADABLE, FILE_WRITE_FAILED
 */
export async function stateKey(folder: string, given: { file?: string; text?: string }): Promise<Uint8Array> {
  if (given.file === undefined && given.text) return derive(Buffer.from(given.text));
  const path = given.file ?? join(folder, "state.key");
  const found = await readIfThere(path);
  if (found && found.length > 0) return derive(found);
  if (given.file !== undefined)
    throw new QkdError("FILE_UNREADABLE", `The state key ${path} does not exist or is empty.`, { file: path });
  await makeFolder(folder);
  const made = randomBytes(32);
  await replaceFile(path, made);
  return derive(made);
}

function derive(secret: Uint8Array): Uint8Array {
  const key = new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), "qkd-distill state key 1", 32));
  secret.fill(0);
  return key;
}

function label(block: number): Uint8Array {
  return Buffer.from(`qkd-distill prepared ${version} ${block}`);
}
