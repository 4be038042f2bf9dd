/**
 * What a run's report shows: plain data, counted in that run. The pipeline fills it, `renderReport` draws it.
 * A section that is absent is left out of the page. Nothing here may hold key, seed, pad or sifted bits.
 * Times are picoseconds unless a name says seconds; rates are per second.
 */

import type { ClockReport } from "../timing/types.js";
import type { GateReport } from "./gates.js";

export interface ReportModel {
  readonly link: string;
  readonly protocol: string;
  /** ISO time. */
  readonly createdAt: string;
  readonly summary: {
    readonly secretBits: number;
    readonly keys: number;
    readonly siftedBits: number;
    readonly qber?: number;
    /** Length of the acquisition by the link's clock. */
    readonly durationSeconds?: number;
    readonly pulses?: number;
    /** Why there is no key. */
    readonly reason?: string;
    /** No lock: what was tried and seen. */
    readonly noLock?: Readonly<Record<string, unknown>>;
    /** Slots opened to join the clocks. */
    readonly disclosedSlots?: number;
    /** Authentication key used up in the run, bits. */
    readonly authenticationBits?: number;
    readonly elapsedSeconds?: number;
  };
  readonly epsilon?: ReportEpsilon;
  /** Detections and sifted bits a second, over time. */
  readonly rates?: readonly ReportRate[];
  readonly blocks?: readonly ReportBlock[];
  /** The link's limit, drawn into the QBER picture. */
  readonly qberLimit?: number;
  /** One histogram of arrival times (modulo pulse or against the partner) a detector. */
  readonly timing?: ReportTiming;
  readonly clock?: ClockReport;
  readonly gate?: GateReport;
  /** From detections to secret bits, in order: each step what is left after it. */
  readonly waterfall?: readonly { readonly step: string; readonly left: number; readonly note?: string }[];
  /** Leak ledger summed by reason, bits. */
  readonly ledger?: readonly { readonly reason: string; readonly bits: number }[];
  readonly alarms?: readonly ReportAlarm[];
  readonly warnings?: readonly string[];
  /** Wall time of each stage, seconds. */
  readonly stages?: Readonly<Record<string, number>>;
  readonly files?: readonly { readonly end: string; readonly path: string; readonly format: string }[];
  readonly software?: ReportSoftware;
}

export interface ReportRate {
  /** Middle of the interval. */
  readonly seconds: number;
  readonly detections: number;
  readonly sifted?: number;
  readonly qber?: number;
}

export interface ReportBlock {
  readonly index: number;
  /** Sifted bits in the key basis. */
  readonly keyBits: number;
  readonly errors: number;
  readonly testBits?: number;
  readonly testErrors?: number;
  readonly leakedBits: number;
  /** leakedBits / (keyBits · h(errors/keyBits)). */
  readonly efficiency?: number;
  readonly frames?: number;
  readonly framesFailed?: number;
  /** Bits of a frame, for the finite-length limit. */
  readonly frameBits?: number;
  readonly phaseError?: number;
  readonly secretBits: number;
  readonly accounting?: string;
  /** Of reconciliation, LDPC with its code, Cascade with its blocks. */
  readonly method?: string;
  /** Where the link leaves the method open. */
  readonly auto?: ReportMethodChoice;
  readonly reason?: string;
}

export interface ReportMethodChoice {
  readonly chosen: string;
  readonly why: string;
  readonly roundTripSeconds?: number;
  /** Secret bits a second that each alternative was expected to leave. */
  readonly expected: Readonly<Record<string, number>>;
}

export interface ReportTiming {
  /** Full width drawn as the gate: centre ± halfWidthPs. */
  readonly gateCentrePs: number;
  readonly gateHalfWidthPs: number;
  /** Clicks a bin outside the signal, where known. */
  readonly backgroundPerBin?: number;
  readonly accidentals?: number;
  readonly histograms: readonly {
    readonly detector: string;
    /** Left edge of the first bin. */
    readonly startPs: number;
    readonly binPs: number;
    readonly counts: readonly number[];
    /** Delay against the first detector, taken out of the counts. */
    readonly delayPs?: number;
  }[];
}

export interface ReportEpsilon {
  readonly secrecy: number;
  readonly correctness: number;
  readonly authentication?: number;
  /** Blocks that made key: the sums count them. */
  readonly blocks: number;
  readonly proof: string;
  readonly accounting?: string;
  /** What the proof spends ε_sec on; the values sum to `secrecy`. */
  readonly split?: readonly { readonly name: string; readonly value: number }[];
  readonly assumptions?: readonly string[];
}

export interface ReportAlarm {
  readonly name: string;
  readonly block?: number;
  readonly value: number | string;
  readonly limit?: number | string;
  readonly raised: boolean;
}

export interface ReportSoftware {
  readonly version: string;
  readonly wasmSha256?: string;
  readonly linkSha256?: string;
  readonly node?: string;
  readonly platform?: string;
  readonly workers?: number;
}
