// Cascade, a block's bits to its frames and back: groups of 64 words are transposed, so that bits that lie together go to
// words that are dealt like cards, to frames `stride` words apart. Eight words a frame at once: whole cache lines.
import { transpose64, wipeSquares } from "./order";

/** Groups of 64 words transposed in place; its own inverse. */
export function cascadeMix(words: usize, groups: u32): void {
  for (let g: u32 = 0; g < groups; g++) transpose64(words + (<usize>g << 9));
  wipeSquares();
}

/** `rows` rounds of a card to each of `count` frames, or `back`. */
export function cascadeDeal(block: usize, frames: usize, stride: u32, count: u32, rows: u32, back: bool): void {
  for (let row: u32 = 0; row < rows; row += 8) {
    const end = min(row + 8, rows);
    for (let f: u32 = 0; f < count; f++)
      for (let r = row; r < end; r++) {
        const card = block + (<usize>(r * count + f) << 3);
        const place = frames + (<usize>(f * stride + r) << 3);
        if (back) store<u64>(card, load<u64>(place));
        else store<u64>(place, load<u64>(card));
      }
  }
}
