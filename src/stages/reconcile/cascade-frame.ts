/**
 * A frame of Cascade whose two ends are in this thread: its halves say to each other what they would say over a link
 * (cascade-alice.ts, cascade-bob.ts), and each counts for itself.
 */
import { countDifferent } from "../../bits.js";
import { QkdError } from "../../errors.js";
import type { CascadePair } from "../../kernels/cascade-ends.js";
import { systemRandom } from "../../random.js";
import { type BlockFrames, mainPasses, mostPasses, revealBelow, type Spent, tagBits } from "./cascade-block.js";
import { cascadeParameters, passLevel } from "./cascade-frames.js";

/** Of some frames. */
export interface BothSpent {
  readonly alice: Spent;
  readonly bob: Spent;
  /** Of the frame that had most. */
  rounds: number;
  /** Bits of Bob's that were wrong. */
  errors: number;
}

/** @param bob packed bits; become what he ends with */
export function reconcileFrame(frames: BlockFrames, alice: Uint8Array, bob: Uint8Array, spent: BothSpent): void {
  const length = 8 * bob.length;
  const together = Math.max(1, Math.floor(length * cascadeParameters(frames.pace.qber).together));
  const pair = frames.of(length).both({ alice, bob }, together);
  const closed = length >= revealBelow && searched(pair, frames, spent);
  if (!closed)
    for (const end of [spent.alice, spent.bob]) {
      end.revealed += frames.toldBits(length);
      end.failed++;
    }
  const word = closed ? pair.bob.word() : alice;
  spent.errors += countDifferent(bob, word);
  bob.set(word);
  pair.zeroise();
}

/** @returns whether the ends' tags agree; if not, only Alice's word ends the frame */
function searched(pair: CascadePair, { pace }: BlockFrames, spent: BothSpent): boolean {
  const { length } = pair.bob;
  let rounds = 0;
  const tell = (alice: number, bob: number) => {
    if (alice !== bob) throw new QkdError("INTERNAL_ERROR", "Cascade's ends count different parities.");
    spent.alice.parity += alice;
    spent.bob.parity += bob;
    return bob;
  };
  let closed = false;
  for (let leaked = 0; !closed && pair.bob.passes < mostPasses; ) {
    const level = passLevel(pace.qber, pair.bob.passes, length, pace.few);
    leaked += tell(pair.start(level), length >>> level);
    rounds++;
    // Shown whole it costs less, as over a link.
    if (leaked > length) break;
    const search = pair.search(length - leaked);
    leaked += tell(search.answered, search.owed);
    rounds += search.rounds;
    if (pair.bob.failed || leaked > length) break;
    if (pair.bob.passes < mainPasses) continue;
    const key = systemRandom(8);
    closed = Buffer.compare(pair.alice.tag(key), pair.bob.tag(key)) === 0;
    for (const end of [spent.alice, spent.bob]) end.tags += tagBits;
    rounds++;
  }
  spent.rounds = Math.max(spent.rounds, rounds + 1);
  return closed;
}
