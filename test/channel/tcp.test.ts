import { getEventListeners } from "node:events";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { calling } from "../../src/channel/tcp.js";

it("a caller whom nobody answers keeps one listener on its signal, and ends at once", async () => {
  // A port that was had and given back: nobody listens there.
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const abort = new AbortController();
  const run = calling({ host: "127.0.0.1", port }).serve(() => Promise.resolve(), abort.signal);
  // pauses of 0.1, 0.2, 0.4 and 0.8 s
  await setTimeout(1000);
  expect(getEventListeners(abort.signal, "abort").length).toBeLessThanOrEqual(1);
  const began = performance.now();
  abort.abort();
  await run;
  expect(performance.now() - began).toBeLessThan(200);
  expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
});
