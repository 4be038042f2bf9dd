/** What runs beside Alice's thread: the way between the ends, which is slow, and Bob. */
import { parentPort, workerData } from "node:worker_threads";
import { Connection } from "../channel/connection.js";
import { calling } from "../channel/tcp.js";
import { delaying, portOf } from "./ends.js";
import { createEngineExecutor, type Run, reconcileHalf, wordsOf } from "./latency-half.js";

export type Start =
  | { readonly what: "way"; readonly port: number; readonly ms: number }
  | { readonly what: "bob"; readonly port: number };

const start = workerData as Start;
const port = parentPort!;
if (start.what === "way") {
  const server = await delaying(start.port, start.ms);
  port.postMessage(portOf(server));
} else {
  const executor = createEngineExecutor();
  const stop = new AbortController();
  port.once("close", () => stop.abort());
  void calling({ host: "127.0.0.1", port: start.port }).serve(async (stream) => {
    const connection = new Connection(stream);
    connection.trust();
    port.on("message", (run: Run) => {
      void reconcileHalf("asBob", connection, executor, wordsOf(run).bob, run).then((half) => port.postMessage(half));
    });
    await connection.ended;
    stop.abort();
    await executor.close();
    port.close();
  }, stop.signal);
}
