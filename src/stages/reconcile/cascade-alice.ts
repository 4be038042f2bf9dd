/** Alice's half of a wave: frames that advance one step a message. She answers, counts, and refuses what no Bob asks. */
import type { z } from "zod";
import type { AliceHalf } from "../../kernels/cascade-halves.js";
import {
  type Block,
  checkRound,
  count,
  mostPasses,
  repairPasses,
  type Spent,
  type Tally,
  tagBits,
} from "./cascade-block.js";
import { passLevel } from "./cascade-frames.js";
import { type answerSchema, type askSchema, invalidRequest, operation, Pieces, RequestReader } from "./cascade-wire.js";
import type { ReconcileContext, ReconcileOptions } from "./types.js";

export class AliceWave {
  private round = 0;
  private readonly live: { half: AliceHalf; closed: boolean; tags: number; leaked: number }[];

  constructor(
    private readonly context: ReconcileContext,
    private readonly options: ReconcileOptions,
    block: Block,
    wave: readonly number[],
    private readonly tally: Tally,
  ) {
    this.live = wave.map((f) => {
      const bits = block.words[f]!;
      return { half: block.frames(bits.length * 8).alice(bits), closed: false, tags: 0, leaked: 0 };
    });
  }

  get open(): boolean {
    return this.live.some(({ closed }) => !closed);
  }

  answer({ operations, requests }: z.infer<typeof askSchema>): z.infer<typeof answerSchema> {
    const { context, live } = this;
    checkRound(context, this.round++);
    if (operations.length !== live.length) throw invalidRequest("another number of frames");
    const reader = new RequestReader(requests);
    const out = new Pieces();
    const tagKey = context.random(8);
    const spent: Spent = { parity: 0, tags: 0, revealed: 0 };
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
        out.add(half.word());
        spent.revealed += half.length;
        this.tally.failed++;
        frame.closed = true;
      } else {
        const answer = answerTo(half, what, reader, this.options.qber);
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
    if (count(context, spent) > 0) this.tally.rounds++;
    return { bits: out.joined(), tagKey };
  }
}

function answerTo(half: AliceHalf, what: number, reader: RequestReader, qber: number) {
  if (what === operation.startPass) {
    if (half.passes >= mostPasses) throw invalidRequest("a pass too many");
    return half.start(passLevel(qber, half.passes, half.length));
  }
  if (what === operation.go) return half.go(reader.take((half.owed() + 7) >>> 3));
  if (what !== operation.list && what !== operation.ask) throw invalidRequest("an unknown operation");
  const requests = reader.words();
  const answer = what === operation.list ? half.list(requests) : half.ask(requests);
  if (!answer) throw invalidRequest("an interval out of range");
  return answer;
}
