/**
 * What a protocol step sees of the classical channel: typed messages of one block, in order, with back-pressure.
 * Framing, multiplexing of blocks, authentication and transports lie behind it (channel/connection.ts).
 */
import type { ZodType } from "zod";

export type Role = "alice" | "bob";

export interface BlockChannel {
  /** The same object for all channels of one connection: what is learnt of it on one is true of the others. */
  readonly line?: object;
  /** Resolves when the transport takes more. `body` holds CBOR values: numbers, bigints, strings, Uint8Array, arrays. */
  send(type: string, body: object): Promise<void>;
  /**
   * The next message of this block, which must have this type and fit the schema.
   * @throws QkdError CHANNEL_MESSAGE_UNEXPECTED, CHANNEL_MESSAGE_INVALID, CHANNEL_CLOSED
   */
  receive<T>(type: string, schema: ZodType<T>): Promise<T>;
}
