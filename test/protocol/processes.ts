/**
 * `qkd-distill alice` and `bob` as processes, joined by a forwarder that reads along: which pad every tag on the wire
 * named, over all connections and restarts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decode } from "cborg";
import { FrameDecoder } from "../../src/channel/framing.js";
import type { Role } from "../../src/channel/types.js";
import type { Simulated } from "./links.js";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

export interface Ended {
  /** Exit code, or the signal that ended it. */
  readonly code: number | string;
  readonly json: { error?: { code: string; message: string; details: Record<string, unknown> } } & Record<
    string,
    unknown
  >;
}

/** A forwarder in front of the listener; the wire between two ends. */
export class Wire {
  /** Pads named by tags, each direction, in order. */
  readonly pads: Record<"toListener" | "toCaller", number[]> = { toListener: [], toCaller: [] };
  bytes = 0;
  private readonly sockets = new Set<Socket>();
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async to(target: number): Promise<Wire> {
    const server = createServer((caller) => {
      const listener = connect(target, "127.0.0.1");
      for (const socket of [caller, listener]) {
        wire.sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          for (const each of [caller, listener]) {
            wire.sockets.delete(each);
            each.destroy();
          }
        });
      }
      wire.forward(caller, listener, "toListener");
      wire.forward(listener, caller, "toCaller");
    });
    const port = await listen(server);
    const wire: Wire = new Wire(server, port);
    return wire;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private forward(from: Socket, to: Socket, direction: "toListener" | "toCaller"): void {
    const frames = new FrameDecoder();
    from.on("data", (chunk: Uint8Array) => {
      this.bytes += chunk.length;
      for (const payload of frames.push(chunk)) this.note(payload, direction);
      if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("end", () => to.end());
  }

  private note(payload: Uint8Array, direction: "toListener" | "toCaller"): void {
    const [, type, body] = decode(payload) as [number, string, { pad: number }];
    if (type === "tag") this.pads[direction].push(body.pad);
  }
}

/** One end that may be started again and again with the same arguments. */
export class EndProcess {
  private child: ChildProcess | undefined;
  ended: Promise<Ended> = Promise.reject(new Error("not started"));

  constructor(
    readonly role: Role | "distill",
    private readonly args: readonly string[],
    private readonly env: Readonly<Record<string, string>> = {},
  ) {
    this.ended.catch(() => undefined);
  }

  start(): Promise<Ended> {
    const child = spawn(process.execPath, [cli, this.role, ...this.args, "--json"], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, ...this.env },
    });
    let out = "";
    child.stdout!.on("data", (data) => {
      out += data;
    });
    this.child = child;
    this.ended = new Promise((resolve) =>
      child.on("close", (code, signal) => {
        if (this.child === child) this.child = undefined;
        resolve({ code: code ?? signal ?? "unknown", json: out ? JSON.parse(out) : {} });
      }),
    );
    return this.ended;
  }

  get running(): boolean {
    return this.child !== undefined;
  }
  get pid(): number | undefined {
    return this.child?.pid;
  }
  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }
}

export interface Pair {
  readonly alice: EndProcess;
  readonly bob: EndProcess;
  readonly wire: Wire;
  /** Folders given as `--out`. */
  readonly out: Record<Role, string>;
  readonly authKey: Record<Role, string>;
  readonly folder: string;
  close(): void;
}

export interface PairOptions {
  /** The authentication key files of an earlier pair. */
  readonly authKey?: Record<Role, string>;
  readonly authBytes?: Record<Role, Uint8Array>;
  readonly link?: Partial<Record<Role, object>>;
  readonly extra?: Partial<Record<Role, readonly string[]>>;
  readonly out?: Partial<Record<Role, string>>;
  readonly noAuthKey?: boolean;
}

/** Alice listens, Bob calls through the wire. */
export async function pairOf(link: Simulated, authBytes: Uint8Array, options: PairOptions = {}): Promise<Pair> {
  const folder = mkdtempSync(join(link.folder, "pair-"));
  const port = await freePort();
  const wire = await Wire.to(port);
  const out = { alice: join(folder, "a"), bob: join(folder, "b"), ...options.out };
  const authKey = options.authKey ?? { alice: join(folder, "alice.key"), bob: join(folder, "bob.key") };
  const end = (role: Role) => {
    const file = join(folder, `${role}-link.json`);
    writeFileSync(file, JSON.stringify(options.link?.[role] ?? JSON.parse(readFileSync(linkFile(link), "utf8"))));
    if (!options.authKey) writeFileSync(authKey[role], options.authBytes?.[role] ?? authBytes, { mode: 0o600 });
    mkdirSync(out[role], { recursive: true });
    const address = role === "alice" ? ["--listen", `127.0.0.1:${port}`] : ["--connect", `127.0.0.1:${wire.port}`];
    const auth = options.noAuthKey ? [] : ["--auth-key", authKey[role]];
    const common = ["--link", file, "--dump", link[role], "--out", out[role], "--workers", "1", "--wait", "20"];
    return new EndProcess(role, [...common, ...address, ...auth, ...(options.extra?.[role] ?? [])]);
  };
  const [alice, bob] = [end("alice"), end("bob")];
  const close = () => {
    for (const each of [alice, bob]) each.signal("SIGKILL");
    wire.close();
  };
  return { alice, bob, wire, out, authKey, folder, close };
}

export function linkFile(link: Simulated): string {
  return join(link.folder, "dumps", "link.json");
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port"));
      else resolve(address.port);
    });
  });
}
