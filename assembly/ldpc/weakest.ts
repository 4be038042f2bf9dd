// The positions whose posterior says least, for Bob to ask about: smallest |L|, and of the last magnitude taken every so
// manieth, since its first ones would all lie in the columns of low degree.
// Layout: L as in layered.ts, a padded column of Z + 64 bytes each, Z a multiple of 32. Cost: a pass over L for each
// magnitude up to the last, and one that collects.

/** What a known position is pinned to: never taken. */
const surest: i32 = 127;

/** How many of L have magnitudes of at most `bound`, −128 counted as beyond. */
function countUpTo(bound: i32, l: usize, columns: i32, z: i32): i32 {
  const limit = i8x16.splat(<i8>bound);
  let count = 0;
  for (let c = 0; c < columns; c++, l += z + 64) {
    for (let at = l, end = l + z; at < end; at += 16) count += popcnt(weak(at, limit));
  }
  return count;
}

// @ts-ignore: decorator
@inline
function weak(at: usize, limit: v128): i32 {
  return i8x16.bitmask(i8x16.le_u(i8x16.abs(v128.load(at)), limit));
}

/** Writes at most `count` positions c·Z + i, ascending, to `out`; returns how many. */
export function ldpcWeakest(l: usize, columns: i32, z: i32, count: i32, out: usize): i32 {
  let bound = 0;
  let below = 0;
  let upTo = countUpTo(0, l, columns, z);
  while (upTo < count && bound + 1 < surest) {
    below = upTo;
    upTo = countUpTo(++bound, l, columns, z);
  }
  const has = max(1, upTo - below);
  const wanted = min(count - below, has);
  const limit = i8x16.splat(<i8>bound);
  let owed = 0;
  let found = 0;
  for (let c = 0; c < columns; c++, l += z + 64) {
    for (let i = 0; i < z; i += 16) {
      for (let lanes = weak(l + i, limit); lanes; lanes &= lanes - 1) {
        const position = i + ctz(lanes);
        if (abs<i32>(load<i8>(l + position)) == bound) {
          owed += wanted;
          if (owed < has) continue;
          owed -= has;
        }
        store<u32>(out + (<usize>found << 2), c * z + position);
        found++;
      }
    }
  }
  return found;
}
