/**
 * Events by channel over time, the length of the recording unknown in advance: at most 512 bins of one width, which
 * doubles, bins joining in pairs, whenever a time falls outside. Times may come in any order.
 */

const most = 512;
const codes = 256;

export class RateTable {
  /** Counts at [bin · 256 + code]. */
  readonly rows = new Float64Array(most * codes);
  width = 1;
  /** Where bin 0 begins. */
  origin = 0;
  /** Of the bin that `find` found. */
  row = 0;
  from = 0;
  to = 0;
  /** First and last bin with events. */
  private first = most;
  private last = -1;

  /** @param span a first guess of what there will be to hold */
  begin(time: number, span: number): void {
    this.origin = time;
    this.width = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, span) / most)));
  }

  find(time: number): void {
    let bin = Math.floor((time - this.origin) / this.width);
    while (bin < 0 || bin >= most) {
      this.join(bin < 0);
      bin = Math.floor((time - this.origin) / this.width);
    }
    if (bin < this.first) this.first = bin;
    if (bin > this.last) this.last = bin;
    this.row = bin * codes;
    this.from = this.origin + bin * this.width;
    this.to = this.from + this.width;
  }

  /** Bins in pairs; @param below room is needed before the first bin, not after the last one */
  private join(below: boolean): void {
    const { rows, last } = this;
    for (let pair = this.first >> 1; pair <= last >> 1; pair++) {
      const [to, from] = [pair * codes, 2 * pair * codes];
      for (let code = 0; code < codes; code++) rows[to + code] = rows[from + code]! + rows[from + codes + code]!;
    }
    this.first >>= 1;
    this.last >>= 1;
    rows.fill(0, (this.last + 1) * codes, (last + 1) * codes);
    if (below) {
      rows.copyWithin((most / 2) * codes, 0, (most / 2) * codes);
      rows.fill(0, 0, (most / 2) * codes);
      this.first += most / 2;
      this.last += most / 2;
    }
    if (below) this.origin -= most * this.width;
    this.width *= 2;
  }

  /** A channel's counts in bins [first, last]. */
  of(code: number, first: number, last: number): number[] {
    return Array.from({ length: last - first + 1 }, (_, i) => this.rows[(first + i) * codes + code]!);
  }

  /** Events of each channel. */
  totals(): Float64Array {
    const sum = new Float64Array(codes);
    for (let bin = this.first; bin <= this.last; bin++)
      for (let code = 0; code < codes; code++) sum[code]! += this.rows[bin * codes + code]!;
    return sum;
  }

  /** First and last bin with events, if there are any. */
  range(): readonly [first: number, last: number] | undefined {
    return this.last < 0 ? undefined : [this.first, this.last];
  }
}
