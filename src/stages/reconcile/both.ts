/** A method's two halves in this process: in one thread where it can, else over the channels of their contexts. */
import type { Reconciler } from "./types.js";

export function bothOf(reconciler: Reconciler): NonNullable<Reconciler["asBoth"]> {
  return reconciler.asBoth ?? overChannel(reconciler);
}

function overChannel(reconciler: Reconciler): NonNullable<Reconciler["asBoth"]> {
  return async (contexts, words, options) => {
    const [alice, bob] = await Promise.all([
      reconciler.asAlice(contexts.alice, words.alice, options),
      reconciler.asBob(contexts.bob, words.bob, options),
    ]);
    return { alice, bob };
  };
}
