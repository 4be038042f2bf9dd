/** Bob's half of a wave: he asks, corrects, and decides each frame's next step. */
import type { BobHalf } from "../../kernels/cascade-halves.js";
import {
  type BlockFrames,
  checkRound,
  mainPasses,
  maxRounds,
  mostPasses,
  nothingSpent,
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
  /** Operation of the next message, and the bits of its answer where that is a search's. */
  next: number;
  owed: number;
}

export interface Taken {
  readonly spent: Spent;
  /** Frames of the wave that ended, and their bits. */
  readonly ended: readonly { readonly at: number; readonly word: Uint8Array }[];
  /** Absent: the wave is done. */
  readonly ask?: Ask;
}

export class BobWave {
  private round = 0;
  private readonly requests = new Pieces();
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
      return { half, leaked: 0, next, owed: 0 };
    });
  }

  /** What is to be asked now: first passes, then what `take` has gathered. */
  ask(): Ask {
    checkRound(this.round++);
    const operations = new Uint8Array(this.live.length);
    for (let i = 0; i < operations.length; i++) operations[i] = this.live[i]!.next;
    return { operations, requests: this.requests.take() };
  }

  take({ bits, tagKey }: Answer): Taken {
    const reader = new AnswerReader(bits);
    const spent = nothingSpent();
    const ended: { at: number; word: Uint8Array }[] = [];
    let open = false;
    for (const [at, search] of this.live.entries()) {
      if (search.next === operation.closed) continue;
      const revealed = this.digest(search, reader, tagKey, spent);
      if (search.next === operation.closed) {
        ended.push({ at, word: revealed ?? search.half.word().slice() });
        search.half.zeroise();
      }
      // A frame that was shown is closed at both ends; one that closes by its tag is said to be closed once.
      if (!revealed) open = true;
    }
    reader.end();
    return { spent, ended, ...(open ? { ask: this.ask() } : {}) };
  }

  /** Reads one frame's answer and decides its next step. @returns the frame's bits where it was revealed */
  private digest(search: Search, reader: AnswerReader, tagKey: Uint8Array, spent: Spent): Uint8Array | undefined {
    const { half } = search;
    const { qber, few } = this.frames.pace;
    if (search.next === operation.reveal) {
      const told = this.frames.toldBits(half.length);
      spent.revealed += told;
      spent.failed++;
      search.next = operation.closed;
      return this.frames.frameOf(reader.take(told), half.length);
    }
    const late = this.round > maxRounds - 63;
    if (search.next === operation.tag) {
      const [theirs, mine] = [reader.take(tagBits), half.tag(tagKey)];
      spent.tags += tagBits;
      let differ = 0;
      for (let i = 0; i < mine.length; i++) differ |= mine[i]! ^ theirs[i]!;
      if (differ === 0) search.next = operation.closed;
      else search.next = half.passes < mostPasses && !late ? operation.startPass : operation.reveal;
      return undefined;
    }
    let used = search.owed;
    if (search.next === operation.startPass) {
      const level = passLevel(qber, half.passes, half.length, few);
      used = half.length >>> level;
      half.start(level, reader.take(used));
    } else half.take(reader.take(used));
    spent.parity += used;
    search.leaked += used;
    const { kind, bytes, answerBits } = half.next();
    search.owed = answerBits;
    if (half.failed || search.leaked > half.length || late) search.next = operation.reveal;
    else if (kind === "none") search.next = half.passes < mainPasses ? operation.startPass : operation.tag;
    else {
      search.next = operation[kind];
      if (kind !== "go") this.requests.addCount(bytes.length >>> 2);
      this.requests.add(bytes);
    }
    return undefined;
  }
}
