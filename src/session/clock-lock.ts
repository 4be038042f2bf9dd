/** A session's clocks: locked with the peer and sealed; what was disclosed for it stays the same in every session. */
import { type LockedSource, lockSource, type OwnData, type SourceFacts } from "../block-source.js";
import { syncChannel } from "../channel/connection.js";
import type { Role } from "../channel/types.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import { receiveTag, sendTag } from "../stages/commit.js";
import type { Disclose } from "../timing/pair-acquire.js";
import type { Session } from "./session.js";
import type { RunState } from "./state.js";
import { unless } from "./unless.js";

export interface LockOptions {
  readonly role: Role;
  readonly link: Link;
  readonly state: RunState;
  onFacts(facts: SourceFacts & { reason?: string }): void;
}

export async function lockClocks(
  session: Session,
  options: LockOptions,
  data: OwnData,
): Promise<LockedSource | undefined> {
  const transcript = session.authentication.transcript("sync");
  const channel = session.connection.channel(syncChannel, transcript);
  const sealed = { channel, seal: transcript };
  const locking = lockSource(options.role, channel, options.link, data, {
    disclose: disclosing(options.state),
    vouch: () => (options.role === "bob" ? sendTag : receiveTag)(sealed),
  });
  const source = await unless(locking, session.over);
  // Whether there is a lock is believed only once both ends have sealed what was said.
  if (options.role === "bob") {
    await sendTag(sealed);
    await receiveTag(sealed);
  } else {
    await receiveTag(sealed);
    await sendTag(sealed);
  }
  session.locked();
  if (!source.locked) {
    options.onFacts({ reason: source.reason, noLock: source.details });
    return undefined;
  }
  await checkDisclosed(source, options);
  return source;
}

/** Kept before it leaves: no key is made of it in any session, also where somebody between the ends asked for it. */
function disclosing(state: RunState): Disclose {
  return async (stretch) => {
    const told = { from: String(stretch.from), to: String(stretch.to) };
    const earlier = (state.run.opened ?? []) as readonly (typeof told)[];
    const known = earlier.some(({ from, to }) => from === told.from && to === told.to);
    const opened = known ? earlier : [...earlier, told];
    if (!known) await state.keepRun({ opened });
    return opened.map(({ from, to }) => ({ from: BigInt(from), to: BigInt(to) }));
  };
}

/** A stretch of events that was disclosed once stays the only one: another would open bits of blocks that made key. */
async function checkDisclosed(source: LockedSource, { state }: LockOptions): Promise<void> {
  const { disclosed } = source.facts();
  if (!disclosed) return;
  const earlier = state.run.disclosed as { from: string; to: string } | undefined;
  if (earlier === undefined) await state.keepRun({ disclosed });
  else if (earlier.from !== disclosed.from || earlier.to !== disclosed.to)
    throw new QkdError(
      "TIMING_SEGMENT_MOVED",
      "Another stretch of events than before would be disclosed; the run cannot go on.",
      {
        earlier,
        disclosed,
      },
    );
}
