/** Bob's half of a wave: he asks, corrects, and decides each frame's next step. */
import type { BobHalf, Request } from "../../kernels/cascade-halves.js";
import {
  type BlockFrames,
  checkRound,
  mainPasses,
  maxRounds,
  mostPasses,
  nothingSpent,
  type Pace,
  revealBelow,
  type Spent,
  tagBits,
} from "./cascade-block.js";
import { cascadeParameters, passLevel } from "./cascade-frames.js";
import type { Answer, Ask } from "./cascade-messages.js";
import { AnswerReader, operation, Pieces } from "./cascade-wire.js";

interface Search {
  readonly half: BobHalf;
  leaked: number;
  next: number;
  request: Request;
}

export interface Taken {
  readonly spent: Spent;
  /** Frames of the wave that ended, and their bits. */
  readonly ended: readonly { readonly at: number; readonly word: Uint8Array }[];
  /** Absent: the wave is done. */
  readonly ask?: Ask;
}

const nothing: Request = { kind: "none" };

export class BobWave {
  private round = 0;
  private readonly live: Search[];

  constructor(
    private readonly frames: BlockFrames,
    words: readonly Uint8Array[],
  ) {
    const { together } = cascadeParameters(frames.pace.qber);
    this.live = words.map((bits) => {
      const length = bits.length * 8;
      const half = frames.of(length).bob(bits, Math.max(1, Math.floor(length * together)));
      const next = length < revealBelow ? operation.reveal : operation.startPass;
      return { half, leaked: 0, next, request: nothing };
    });
  }

  ask(): Ask {
    checkRound(this.round++);
    const out = new Pieces();
    for (const { request } of this.live) {
      if (request.kind === "go") out.add(request.directions);
      else if (request.kind !== "none") out.addWords(request.requests);
    }
    return { operations: Uint8Array.from(this.live, ({ next }) => next), requests: out.joined() };
  }

  take({ bits, tagKey }: Answer): Taken {
    const reader = new AnswerReader(bits);
    const spent = nothingSpent();
    const ended: { at: number; word: Uint8Array }[] = [];
    let open = false;
    for (const [at, search] of this.live.entries()) {
      if (search.next === operation.closed) continue;
      const revealed = digest(search, reader, tagKey, this.frames.pace, spent);
      if (search.next === operation.closed) {
        ended.push({ at, word: revealed ?? search.half.word() });
        search.half.zeroise();
      } else if (this.round > maxRounds - 63) give(search);
      // A frame that was shown is closed at both ends; one that closes by its tag is said to be closed once.
      if (!revealed) open = true;
    }
    reader.end();
    return { spent, ended, ...(open ? { ask: this.ask() } : {}) };
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
  { qber, few }: Pace,
  spent: Spent,
): Uint8Array | undefined {
  const { half } = search;
  if (search.next === operation.reveal) {
    spent.revealed += half.length;
    spent.failed++;
    search.next = operation.closed;
    return reader.take(half.length).slice();
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
    const level = passLevel(qber, half.passes, half.length, few);
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
