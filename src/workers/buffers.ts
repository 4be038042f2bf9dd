/** Recycled transfer buffers: handing a MiB over and back costs ~30 µs, a fresh clone ten times that (KERNELS.md C). */
const maxKeptBytes = 256 * 2 ** 20;

export class BufferPool {
  private readonly bySize = new Map<number, ArrayBuffer[]>();
  private kept = 0;

  /** A view of exactly `bytes` zero bytes on a buffer that may be larger (sizes are powers of two from 4 KiB). */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const size = 2 ** Math.max(12, Math.ceil(Math.log2(Math.max(1, bytes))));
    const buffer = this.bySize.get(size)?.pop();
    if (buffer) this.kept -= size;
    return new Uint8Array(buffer ?? new ArrayBuffer(size), 0, bytes);
  }

  /** Takes a buffer back, zeroised whoever used it. */
  give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    new Uint8Array(buffer).fill(0);
    if (size < 4096 || (size & (size - 1)) !== 0 || this.kept + size > maxKeptBytes) return;
    const list = this.bySize.get(size) ?? [];
    list.push(buffer);
    this.bySize.set(size, list);
    this.kept += size;
  }

  clear(): void {
    this.bySize.clear();
    this.kept = 0;
  }
}
