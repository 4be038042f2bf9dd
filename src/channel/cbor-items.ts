/**
 * How many data items CBOR holds (RFC 8949, section 3), without decoding it: a byte of an empty map becomes an object of
 * sixty bytes, so what a message may decode to is bounded before it is.
 */
const firstOfLonger = 24;
const bytesOfLonger = [1, 2, 4, 8];

/** What is malformed is left to the decoder. */
export function hasMoreItems(cbor: Uint8Array, most: number): boolean {
  const view = new DataView(cbor.buffer, cbor.byteOffset, cbor.length);
  let items = 0;
  for (let at = 0; at < cbor.length; ) {
    if (++items > most) return true;
    const [major, info] = [cbor[at]! >> 5, cbor[at]! & 31];
    at++;
    const longer = info < firstOfLonger ? 0 : bytesOfLonger[info - firstOfLonger];
    if (longer === undefined || at + longer > cbor.length) return false;
    const isString = major === 2 || major === 3;
    if (isString) at += longer === 0 ? info : lengthAt(view, at, longer);
    at += longer;
  }
  return false;
}

function lengthAt(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at);
  return bytes === 4 ? view.getUint32(at) : Number(view.getBigUint64(at));
}
