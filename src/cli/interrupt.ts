/** Ctrl-C and SIGTERM as an AbortSignal: the first asks for an orderly end, the second one does not wait. */
export function interruptSignal(): { signal: AbortSignal; done(): void } {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, stop);
  return {
    signal: controller.signal,
    done: () => {
      for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, stop);
    },
  };
}
