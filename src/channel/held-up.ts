/**
 * Asked at every tick of a timer: was this thread held up since the last one? Then what came meanwhile is not read yet,
 * and nobody is to be called silent for it. Never twice in a row, for between two ticks what came is read.
 */
export function heldUp(periodMs: number): () => boolean {
  let [last, was] = [Date.now(), false];
  return () => {
    const now = Date.now();
    was = !was && now - last > 3 * periodMs;
    last = now;
    return was;
  };
}
