/**
 * Signing keys of links without a pre-shared secret (authentication mode `computational-ed25519`): the private key in a
 * file of its end, PKCS #8 PEM, mode 0600; both public keys in the link description, which has to reach both ends over a
 * trusted path.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { SignatureAuthenticator } from "../channel/authentication.js";
import type { Role } from "../channel/types.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import { writeFailed } from "./durable.js";

/** Makes a new file; one that is there is left alone. @returns the public key for the link description */
export async function makeSignKey(path: string): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }));
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(pem);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw writeFailed(path, cause);
  } finally {
    pem.fill(0);
  }
  return rawPublicKey(publicKey);
}

/** @throws QkdError FILE_UNREADABLE, AUTH_SIGN_KEY_WRONG */
export async function signatures(link: Link, role: Role, path: string): Promise<SignatureAuthenticator> {
  const publicKeys = link.authentication.publicKeys!;
  const own = await privateKeyOf(path);
  if (rawPublicKey(createPublicKey(own)) !== publicKeys[role])
    throw new QkdError("AUTH_SIGN_KEY_WRONG", `${path} is not the key that the link description names for ${role}.`, {
      file: path,
    });
  const peer = publicKeys[role === "alice" ? "bob" : "alice"];
  return new SignatureAuthenticator(role, own, publicKeyOf(peer));
}

/** Both ends of a run in one process: keys that live as long as it does. */
export function passingSignatures(): Record<Role, SignatureAuthenticator> {
  const [alice, bob] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
  return {
    alice: new SignatureAuthenticator("alice", alice.privateKey, bob.publicKey),
    bob: new SignatureAuthenticator("bob", bob.privateKey, alice.publicKey),
  };
}

async function privateKeyOf(path: string): Promise<KeyObject> {
  const pem = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new QkdError("FILE_UNREADABLE", `The signing key ${path} cannot be read (${cause.code}).`, { file: path });
  });
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // told below, without what the file holds
  } finally {
    pem.fill(0);
  }
  throw new QkdError("AUTH_SIGN_KEY_WRONG", `${path} is no Ed25519 private key in PEM; make one with \`keypair\`.`, {
    file: path,
  });
}

function rawPublicKey(key: KeyObject): string {
  return Buffer.from(key.export({ format: "jwk" }).x!, "base64url").toString("base64");
}

function publicKeyOf(raw: string): KeyObject {
  const x = Buffer.from(raw, "base64").toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
