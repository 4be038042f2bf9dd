/** So many of a block's events are worked on before the process sees to other things: some 50 ms. */
const eventsOfTurn = 2 ** 19;

/** A loop over a long list: an end that said nothing until it is through would count as gone (channel/connection.ts). */
export async function inTurns(length: number, run: (from: number, to: number) => void): Promise<void> {
  for (let from = 0; from < length; from += eventsOfTurn) {
    if (from > 0) await new Promise(setImmediate);
    run(from, Math.min(length, from + eventsOfTurn));
  }
}

/** The same where steps are of any size: waits once so many events were passed since the last time. */
export function turns(): (at: number) => Promise<void> | undefined {
  let last = 0;
  return (at) => {
    if (at - last < eventsOfTurn) return undefined;
    last = at;
    return new Promise((resolve) => setImmediate(resolve));
  };
}
