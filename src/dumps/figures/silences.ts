/** The longest stretches without any event, few of them kept, and which of them chance does not explain. */

export interface Silence {
  /** Units after the collector's zero. */
  readonly from: number;
  readonly length: number;
}

export const mostSilences = 256;

export class LongestSilences {
  /** A heap, the shortest first. */
  private readonly heap: Silence[] = [];

  /** Keeps it if it is among the longest. Returns the length from which on silences are wanted. */
  add(from: number, length: number): number {
    const { heap } = this;
    if (heap.length < mostSilences) {
      heap.push({ from, length });
      this.up(heap.length - 1);
      return heap.length < mostSilences ? 0 : heap[0]!.length;
    }
    if (length > heap[0]!.length) {
      heap[0] = { from, length };
      this.down();
    }
    return heap[0]!.length;
  }

  /** Longest first. */
  sorted(): Silence[] {
    return [...this.heap].sort((a, b) => b.length - a.length);
  }

  private up(at: number): void {
    const { heap } = this;
    for (let i = at; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.length <= heap[i]!.length) return;
      [heap[parent], heap[i]] = [heap[i]!, heap[parent]!];
      i = parent;
    }
  }

  private down(): void {
    const { heap } = this;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && heap[child]!.length < heap[least]!.length) least = child;
      if (least === i) return;
      [heap[least], heap[i]] = [heap[i]!, heap[least]!];
      i = least;
    }
  }
}
