/** Alice's half of a wave: frames that advance one step a message. She answers, counts, and refuses what no Bob asks. */
import type { AliceHalf } from "../../kernels/cascade-halves.js";
import {
  type BlockFrames,
  checkRound,
  mostPasses,
  nothingSpent,
  type Pace,
  repairPasses,
  type Spent,
  tagBits,
} from "./cascade-block.js";
import { passLevel } from "./cascade-frames.js";
import type { Ask } from "./cascade-messages.js";
import { invalidRequest, operation, Pieces, RequestReader } from "./cascade-wire.js";

export interface Answered {
  /** Each frame's answer in whole bytes. */
  readonly bits: Uint8Array;
  readonly spent: Spent;
  readonly open: boolean;
}

export class AliceWave {
  private round = 0;
  private readonly out = new Pieces();
  private readonly live: { half: AliceHalf; closed: boolean; tags: number; leaked: number }[];

  constructor(
    private readonly frames: BlockFrames,
    words: readonly Uint8Array[],
  ) {
    this.live = words.map((bits) => {
      return { half: frames.of(bits.length * 8).alice(bits), closed: false, tags: 0, leaked: 0 };
    });
  }

  answer({ operations, requests }: Ask, tagKey: Uint8Array): Answered {
    const { live } = this;
    checkRound(this.round++);
    if (operations.length !== live.length) throw invalidRequest("another number of frames");
    const reader = new RequestReader(requests);
    const { out } = this;
    const spent = nothingSpent();
    for (const [i, frame] of live.entries()) {
      const what = operations[i]!;
      if (frame.closed && what !== operation.closed) throw invalidRequest("a frame that was closed");
      const { half } = frame;
      let parities = 0;
      if (what === operation.closed) frame.closed = true;
      else if (what === operation.tag) {
        if (++frame.tags > repairPasses + 1) throw invalidRequest("a tag too many");
        out.add(half.tag(tagKey));
        spent.tags += tagBits;
      } else if (what === operation.reveal) {
        out.add(this.frames.told(half.word()));
        spent.revealed += this.frames.toldBits(half.length);
        spent.failed++;
        frame.closed = true;
      } else {
        const answer = answerTo(half, what, reader, this.frames.pace);
        parities = answer.bits;
        out.add(answer.bytes);
      }
      spent.parity += parities;
      frame.leaked += parities;
      // Bob gives a frame up when it has cost its length; whoever goes on asking wants something else.
      if (frame.leaked > 2 * half.length) throw invalidRequest("more than the frame is long");
      if (frame.closed) half.zeroise();
    }
    reader.end();
    return { bits: out.take(), spent, open: live.some(({ closed }) => !closed) };
  }
}

function answerTo(half: AliceHalf, what: number, reader: RequestReader, { qber, few }: Pace) {
  if (what === operation.startPass) {
    if (half.passes >= mostPasses) throw invalidRequest("a pass too many");
    return half.start(passLevel(qber, half.passes, half.length, few));
  }
  if (what === operation.go) return half.go(reader.take((half.owed() + 7) >>> 3));
  if (what !== operation.list && what !== operation.ask) throw invalidRequest("an unknown operation");
  const requests = reader.words();
  const answer = what === operation.list ? half.list(requests) : half.ask(requests);
  if (!answer) throw invalidRequest("an interval out of range");
  return answer;
}
