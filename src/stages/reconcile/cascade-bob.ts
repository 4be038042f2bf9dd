/** Bob's half of a wave: he asks, corrects, and decides each frame's next step. */
import type { z } from "zod";
import type { BobHalf, Request } from "../../kernels/cascade-halves.js";
import {
  type Block,
  checkRound,
  count,
  mainPasses,
  maxRounds,
  mostPasses,
  revealBelow,
  type Spent,
  type Tally,
  tagBits,
} from "./cascade-block.js";
import { cascadeParameters, passLevel } from "./cascade-frames.js";
import { AnswerReader, type answerSchema, type askSchema, operation, Pieces } from "./cascade-wire.js";
import type { ReconcileContext, ReconcileOptions } from "./types.js";

interface Search {
  readonly half: BobHalf;
  readonly frame: number;
  leaked: number;
  next: number;
  request: Request;
}

const nothing: Request = { kind: "none" };

export class BobWave {
  open = true;
  private round = 0;
  private readonly live: Search[];

  constructor(
    private readonly context: ReconcileContext,
    private readonly options: ReconcileOptions,
    private readonly block: Block,
    wave: readonly number[],
    private readonly tally: Tally,
  ) {
    const { together } = cascadeParameters(options.qber);
    this.live = wave.map((frame) => {
      const bits = block.words[frame]!;
      const length = bits.length * 8;
      const half = block.frames(length).bob(bits, Math.max(1, Math.floor(length * together)));
      const next = length < revealBelow ? operation.reveal : operation.startPass;
      return { half, frame, leaked: 0, next, request: nothing };
    });
  }

  ask(): z.infer<typeof askSchema> {
    checkRound(this.context, this.round++);
    const out = new Pieces();
    for (const { request } of this.live) {
      if (request.kind === "go") out.add(request.directions);
      else if (request.kind !== "none") out.addWords(request.requests);
    }
    return { operations: Uint8Array.from(this.live, ({ next }) => next), requests: out.joined() };
  }

  take({ bits, tagKey }: z.infer<typeof answerSchema>): void {
    const { words } = this.block;
    const reader = new AnswerReader(bits);
    const spent: Spent = { parity: 0, tags: 0, revealed: 0 };
    this.open = false;
    for (const search of this.live) {
      if (search.next === operation.closed) continue;
      const revealed = digest(search, reader, tagKey, this.options.qber, spent);
      if (revealed) {
        this.tally.failed++;
        words[search.frame]!.set(revealed);
      } else if (search.next === operation.closed) words[search.frame]!.set(search.half.word());
      if (search.next === operation.closed) search.half.zeroise();
      if (this.round > maxRounds - 63 && search.next !== operation.closed) give(search);
      // A frame that was shown is closed at both ends; one that closes by its tag is said to be closed once.
      if (!revealed) this.open = true;
    }
    reader.end();
    if (count(this.context, spent) > 0) this.tally.rounds++;
  }
}

function give(search: Search): void {
  search.next = operation.reveal;
  search.request = nothing;
}

/** Reads one frame's answer and decides its next step. @returns the frame's bits where it was revealed */
function digest(
  search: Search,
  reader: AnswerReader,
  tagKey: Uint8Array,
  qber: number,
  spent: Spent,
): Uint8Array | undefined {
  const { half } = search;
  if (search.next === operation.reveal) {
    spent.revealed += half.length;
    search.next = operation.closed;
    return reader.take(half.length);
  }
  if (search.next === operation.tag) {
    const [theirs, mine] = [reader.take(tagBits), half.tag(tagKey)];
    spent.tags += tagBits;
    let differ = 0;
    for (let i = 0; i < mine.length; i++) differ |= mine[i]! ^ theirs[i]!;
    if (differ === 0) search.next = operation.closed;
    else if (half.passes < mostPasses) search.next = operation.startPass;
    else give(search);
    return undefined;
  }
  let used: number;
  if (search.next === operation.startPass) {
    const level = passLevel(qber, half.passes, half.length);
    used = half.length >>> level;
    half.start(level, reader.take(used));
  } else {
    used = search.request.kind === "none" ? 0 : search.request.answerBits;
    half.take(reader.take(used));
  }
  spent.parity += used;
  search.leaked += used;
  search.request = half.next();
  const { kind } = search.request;
  if (half.failed || search.leaked > half.length) give(search);
  else if (kind !== "none") search.next = operation[kind];
  else search.next = half.passes < mainPasses ? operation.startPass : operation.tag;
  return undefined;
}
