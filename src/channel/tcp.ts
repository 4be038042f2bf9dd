/**
 * TCP transports, mutual TLS 1.3 on demand. The listener takes several callers at once, so that a stranger who stays
 * silent does not keep the right peer out; the caller tries again with growing pauses.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { QkdError } from "../errors.js";

export interface TlsFiles {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly ca: Uint8Array;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where streams to the peer come from. */
export interface Transport {
  /** Calls `take` for each stream, until the signal; resolves when the transport has ended. */
  serve(take: (stream: Duplex) => Promise<void>, signal: AbortSignal): Promise<void>;
}

const maxCallers = 16;
const firstPauseMs = 100;
const longestPauseMs = 2000;

/** @throws QkdError USAGE_INVALID */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || !(port <= 65535)) throw new QkdError("USAGE_INVALID", `${JSON.stringify(text)} is no HOST:PORT.`);
  return { host: match[1] ?? (match[2] || "127.0.0.1"), port };
}

export function listening(address: Address, tls?: TlsFiles): Transport {
  return {
    async serve(take, signal) {
      let callers = 0;
      const accept = (socket: Socket | TLSSocket) => {
        if (callers >= maxCallers) return void socket.destroy();
        callers++;
        socket.setNoDelay(true);
        const left = () => {
          callers--;
        };
        void take(socket).then(left, left);
      };
      const server = tls ? createTlsServer(tlsOptions(tls), accept) : createServer(accept);
      await listen(server, address);
      await aborted(signal);
      server.close();
    },
  };
}

export function calling(address: Address, tls?: TlsFiles): Transport {
  return {
    async serve(take, signal) {
      let pause = firstPauseMs;
      while (!signal.aborted) {
        const socket = await call(address, tls, signal);
        if (socket) {
          const began = Date.now();
          await take(socket);
          if (Date.now() - began > longestPauseMs) pause = firstPauseMs;
        }
        if (signal.aborted) return;
        await setTimeout(pause, undefined, { signal }).catch(() => undefined);
        pause = Math.min(longestPauseMs, pause * 2);
      }
    },
  };
}

async function listen(server: Server, address: Address): Promise<void> {
  server.listen(address.port, address.host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new QkdError(
      "CHANNEL_LISTEN_FAILED",
      `Cannot listen on ${address.host}:${address.port} (${why}).`,
      { ...address, why },
      { cause },
    );
  }
}

async function call(address: Address, tls: TlsFiles | undefined, signal: AbortSignal): Promise<Duplex | undefined> {
  const socket = tls ? connectTls({ ...address, ...tlsOptions(tls) }) : connect(address);
  const connected = once(socket, tls ? "secureConnect" : "connect", { signal }).then(
    () => true,
    () => false,
  );
  if (!(await connected)) {
    socket.on("error", () => undefined);
    socket.destroy();
    return undefined;
  }
  socket.setNoDelay(true);
  return socket;
}

function tlsOptions(files: TlsFiles) {
  return {
    cert: Buffer.from(files.cert),
    key: Buffer.from(files.key),
    ca: Buffer.from(files.ca),
    minVersion: "TLSv1.3" as const,
    requestCert: true,
    rejectUnauthorized: true,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
