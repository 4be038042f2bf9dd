// Cascade, both halves of a frame in one memory: what one asks the other answers, until no leaf is odd.
import { cascadeAliceAsk, cascadeAliceGo, cascadeAliceList } from "./alice";
import { cascadeBobAsk, cascadeBobTake } from "./bob";
import { Frame } from "./layout";

/**
 * `requests` and `answers`: as long as a message can be; `found`: room for 8 bytes an entry, then bits that Alice answered
 * and bits that Bob had asked for, u32 each. Ends early once these are more than `most`. @returns messages each way
 */
export function cascadeBoth(
  alice: Frame,
  bob: Frame,
  requests: usize,
  answers: usize,
  found: usize,
  most: u32,
): u32 {
  let rounds: u32 = 0;
  let answered: u32 = 0;
  let owed: u32 = 0;
  while (owed <= most && answered == owed) {
    const asked = cascadeBobAsk(bob, requests, found);
    const kind = asked & 3;
    const count = asked >> 2;
    if (!kind) break;
    owed += kind == 3 ? bob.answerBits : count;
    answered +=
      kind == 1
        ? cascadeAliceGo(alice, requests, answers)
        : kind == 2
          ? cascadeAliceList(alice, requests, count, answers)
          : cascadeAliceAsk(alice, requests, count, answers);
    cascadeBobTake(bob, answers, found, requests);
    rounds++;
  }
  store<u32>(found, answered);
  store<u32>(found, owed, 4);
  return rounds;
}
