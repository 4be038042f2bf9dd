/** `qkd-distill keypair FILE`: a signing key for a link without a pre-shared secret. */
import type { Command } from "commander";
import { makeSignKey } from "../keys/sign-key.js";
import { answerWith } from "./output.js";

export function register(program: Command): void {
  const command = program
    .command("keypair")
    .description("make an Ed25519 signing key in FILE (0600); prints the public key for the link description")
    .argument("<file>", "new file");
  answerWith(command, async (file: string) => {
    const publicKey = await makeSignKey(file);
    return { json: { file, publicKey }, text: `public key  ${publicKey}` };
  });
}
