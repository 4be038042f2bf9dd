/**
 * Two ends in two processes over TCP, one worker each: on loopback, and through a forwarder that adds a round trip of
 * 50 ms. The dump has more than 20 blocks, so that the pipeline of blocks can hide the round trips.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemRandom } from "../random.js";
import type { Case } from "./harness.js";

const cli = fileURLToPath(new URL("../cli.js", import.meta.url));

export interface EndsInput {
  readonly folder: string;
  readonly linkFile: string;
  readonly alice: string;
  readonly bob: string;
  readonly work: number;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export function twoProcesses(input: EndsInput, roundTripMs: number): Case {
  const { folder } = input;
  const parameters: Record<string, unknown> = { ...input.parameters, roundTripMs };
  return {
    name: `pipeline bbm92, two processes, ${roundTripMs} ms round trip`,
    unit: "M events/s",
    work: input.work,
    workers: 2,
    parameters,
    async before() {
      for (const name of ["a", "b"]) {
        await rm(join(folder, name), { recursive: true, force: true });
        await mkdir(join(folder, name));
      }
      await writeFile(join(folder, "a", "key"), systemRandom(1 << 18), { mode: 0o600 });
      await copyFile(join(folder, "a", "key"), join(folder, "b", "key"));
    },
    async run() {
      const port = await freePort();
      const wire = roundTripMs > 0 ? await delaying(port, roundTripMs / 2) : undefined;
      const end = (role: "alice" | "bob", address: readonly string[]) => {
        const own = join(folder, role === "alice" ? "a" : "b");
        const files = ["--link", input.linkFile, "--dump", input[role], "--auth-key", join(own, "key"), "--out", own];
        return answer([role, ...files, ...address, "--workers", "1", "--json"]);
      };
      const to = wire ? portOf(wire) : port;
      const ends = await Promise.all([
        end("alice", ["--listen", `127.0.0.1:${port}`]),
        end("bob", ["--connect", `127.0.0.1:${to}`]),
      ]);
      wire?.close();
      parameters.secretBits = ends[1].secretBits;
      parameters.blocks = ends[1].blocks.length;
    },
  };
}

async function answer(args: readonly string[]): Promise<{ secretBits: number; blocks: unknown[] }> {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  let out = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}: ${out}`);
  return JSON.parse(out);
}

/** @param ms one way; timers know whole milliseconds, so the two ways may differ by one */
export async function delaying(target: number, ms: number): Promise<Server> {
  const late = (from: Socket, to: Socket, delay: number) => {
    const then = (what: () => void) => (delay > 0 ? void setTimeout(what, delay) : what());
    from.on("data", (chunk) => then(() => to.destroyed || to.write(chunk)));
    from.on("end", () => then(() => to.end()));
    from.on("error", () => to.destroy());
    from.on("close", () => then(() => to.destroy()));
  };
  const server = createServer((caller) => {
    const listener = connect(target, "127.0.0.1");
    for (const socket of [caller, listener]) socket.setNoDelay(true);
    late(caller, listener, Math.ceil(ms));
    late(listener, caller, Math.floor(ms));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  return port;
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}
