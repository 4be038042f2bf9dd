// Syndrome decoding of any sparse matrix: row-layered sum-product in float32, for the codes that users bring.
// x ⊞ y = sign · (min + ln(1 + e^−(|x|+|y|)) − ln(1 + e^−||x|−|y||)), forward and backward over a row.
// Layout: rowStart u32[m + 1], columns u32[edges]; L f32[n], R f32[edges], target u8[m]; work 3 · largest degree f32.

function combine(x: f32, y: f32): f32 {
  const a = abs(x),
    b = abs(y);
  const magnitude = min(a, b) + Mathf.log1p(Mathf.exp(-(a + b))) - Mathf.log1p(Mathf.exp(-abs(a - b)));
  return x < 0 != y < 0 ? -magnitude : magnitude;
}

/** L holds the priors at the start, posteriors at the end. Returns the iterations used, or −1. */
export function ldpcDecodeGeneral(
  rowStart: usize,
  columns: usize,
  m: i32,
  l: usize,
  r: usize,
  target: usize,
  work: usize,
  iterations: i32,
  damping: f32,
): i32 {
  for (let i = 1; i <= iterations; i++) {
    for (let row: usize = 0; row < <usize>m; row++) {
      const start = load<u32>(rowStart + (row << 2)),
        end = load<u32>(rowStart + (row << 2), 4);
      const degree: usize = end - start;
      if (degree == 0) continue;
      const backward = work + (degree << 2);
      const fresh = backward + (degree << 2);
      for (let e: usize = 0; e < degree; e++) {
        const at = start + <u32>e;
        const value =
          load<f32>(l + ((<usize>load<u32>(columns + ((<usize>at) << 2))) << 2)) - load<f32>(r + ((<usize>at) << 2));
        store<f32>(fresh + (e << 2), max<f32>(-60, min<f32>(60, value)));
      }
      let sum: f32 = load<u8>(target + row) ? -60 : 60;
      for (let e: usize = 0; e < degree; e++) {
        store<f32>(work + (e << 2), sum);
        sum = combine(sum, load<f32>(fresh + (e << 2)));
      }
      sum = 60;
      for (let e = degree; e > 0; e--) {
        store<f32>(backward + ((e - 1) << 2), sum);
        sum = combine(sum, load<f32>(fresh + ((e - 1) << 2)));
      }
      for (let e: usize = 0; e < degree; e++) {
        const at = start + <u32>e;
        const old = load<f32>(r + ((<usize>at) << 2));
        const message =
          damping * combine(load<f32>(work + (e << 2)), load<f32>(backward + (e << 2))) + (1 - damping) * old;
        store<f32>(r + ((<usize>at) << 2), message);
        store<f32>(l + ((<usize>load<u32>(columns + ((<usize>at) << 2))) << 2), load<f32>(fresh + (e << 2)) + message);
      }
    }
    if (satisfied(rowStart, columns, m, l, target)) return i;
  }
  return -1;
}

function satisfied(rowStart: usize, columns: usize, m: i32, l: usize, target: usize): bool {
  for (let row: usize = 0; row < <usize>m; row++) {
    let parity: u32 = load<u8>(target + row);
    const end = load<u32>(rowStart + (row << 2), 4);
    for (let e = load<u32>(rowStart + (row << 2)); e < end; e++) {
      parity ^= load<f32>(l + ((<usize>load<u32>(columns + ((<usize>e) << 2))) << 2)) < 0 ? 1 : 0;
    }
    if (parity) return false;
  }
  return true;
}
