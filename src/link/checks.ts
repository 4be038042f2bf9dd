/** What the link description's fields must be to each other. */
import { ownReading } from "./end.js";
import type { Link, Protocol } from "./schema.js";

export function contradiction(link: Link): [field: string, why: string] | undefined {
  if (link.protocol === "bbm92") {
    if (link.source) return ["source", "bbm92 has no prepare-and-measure source"];
    if (!link.alice.detectors) return ["alice.detectors", "bbm92 needs Alice's detectors"];
    if (!link.bob.detectors) return ["bob.detectors", "bbm92 needs Bob's detectors"];
    if (!link.correlation) return ["correlation", "bbm92 needs `equal` or `opposite`"];
    if (link.blocks.pulses) return ["blocks.pulses", "bbm92 blocks are cut by `seconds`"];
  } else {
    const source = link.source;
    if (!source) return ["source", `${link.protocol} needs a source`];
    if (!link.bob.detectors) return ["bob.detectors", "Bob's detectors are missing"];
    if (link.blocks.seconds) return ["blocks.seconds", "prepare-and-measure blocks are cut by `pulses`"];
    if (link.alice.detectors) return ["alice.detectors", "Alice has a preparation record, no detectors"];
    if (link.correlation) return ["correlation", "only bbm92 has a correlation"];
    const fault = intensityFault(link.protocol, source.intensities);
    if (fault) return ["source.intensities", fault];
    if (Math.abs(source.basisProbability.Z + source.basisProbability.X - 1) > 1e-9)
      return ["source.basisProbability", "the probabilities do not sum to 1"];
  }
  for (const [name, party] of [
    ["alice", link.alice],
    ["bob", link.bob],
  ] as const) {
    const channels = [
      ...(party.detectors ?? []).map((d) => d.channel),
      ...(party.clockChannel ? [party.clockChannel.channel] : []),
    ];
    if (new Set(channels).size !== channels.length) return [`${name}.detectors`, "a channel is named twice"];
    const told = Object.keys(ownReading(party));
    if (party.format === "preparation" && told.length > 0)
      return [`${name}.${told[0]}`, "a preparation record has neither columns nor times"];
    const bases = new Set((party.detectors ?? []).map((d) => d.basis));
    if (party.detectors && bases.size !== 2) return [`${name}.detectors`, "both bases need detectors"];
  }
  const { mode, publicKeys } = link.authentication;
  if (mode === "computational-ed25519" && !publicKeys)
    return ["authentication.publicKeys", "signatures need both ends' public keys"];
  if (mode === "computational-ed25519" && link.authentication.replenish > 0)
    return ["authentication.replenish", "signatures use no pads"];
  if (mode === "wegman-carter" && publicKeys)
    return ["authentication.publicKeys", "one-time pads need none; they come from --auth-key"];
  if (publicKeys && publicKeys.alice === publicKeys.bob)
    return ["authentication.publicKeys", "the two ends need different keys"];
  const { method, accounting } = link.reconciliation;
  if (method === "cascade" && accounting === "one-way")
    return ["reconciliation.accounting", "cascade needs `pattern-public` (FORMULAS.md 5b)"];
  if (link.security.length === "fixed" && !link.security.secretBits)
    return ["security.secretBits", "a fixed length needs its number of bits"];
  if (link.security.length === "variable" && link.security.secretBits)
    return ["security.secretBits", "only a fixed length has a number of bits"];
  return undefined;
}

function intensityFault(
  protocol: Protocol,
  list: readonly { mean: number; probability: number }[],
): string | undefined {
  const wanted = protocol === "bb84-two-decoy" ? 3 : protocol === "bb84-one-decoy" ? 2 : 1;
  if (list.length !== wanted) return `${protocol} has ${wanted} intensities, ${list.length} are given`;
  const mean = list.map((i) => i.mean);
  if (wanted > 1) {
    const sum = list.reduce((total, i) => total + i.probability, 0);
    if (Math.abs(sum - 1) > 1e-9) return `the probabilities sum to ${sum}, not 1`;
  }
  if (wanted === 3 && !(mean[0]! > mean[1]! + mean[2]! && mean[1]! > mean[2]!))
    return "a decoy bound needs mean[0] > mean[1] + mean[2] and mean[1] > mean[2] ≥ 0, strongest first";
  if (wanted === 2 && !(mean[0]! > mean[1]! && mean[1]! > 0))
    return "one decoy needs mean[0] > mean[1] > 0, strongest first";
  return undefined;
}
