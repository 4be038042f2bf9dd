/** Every job a worker can do, by name. One file a job family in jobs/. */
import type { Job } from "./job.js";
import { cascadeAnswerJob, cascadeCloseJob, cascadeOpenJob, cascadePairJob, cascadeTakeJob } from "./jobs/cascade.js";
import { ldpcDecodeJob, ldpcSyndromeJob } from "./jobs/ldpc.js";
import { siftJob } from "./jobs/sift.js";
import { toeplitzJob } from "./jobs/toeplitz.js";

export const jobs = {
  sift: siftJob,
  toeplitz: toeplitzJob,
  ldpcSyndrome: ldpcSyndromeJob,
  ldpcDecode: ldpcDecodeJob,
  cascadeOpen: cascadeOpenJob,
  cascadeAnswer: cascadeAnswerJob,
  cascadeTake: cascadeTakeJob,
  cascadeClose: cascadeCloseJob,
  cascadePair: cascadePairJob,
} satisfies Record<string, Job<never, unknown>>;

export type Jobs = typeof jobs;
export type JobName = keyof Jobs;
export type JobInput<N extends JobName> = Jobs[N] extends Job<infer I, infer _O> ? I : never;
export type JobOutput<N extends JobName> = Jobs[N] extends Job<never, infer O> ? O : never;
