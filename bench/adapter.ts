/**
 * Other people's programs as rows beside ours, where a developer has them: a child process per program, one line asked
 * and one answered per run, timed by itself so that the pipe does not count. Absent ones leave no row.
 */
import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Elapsed } from "./harness.js";

const folder = fileURLToPath(new URL("../../bench/adapters/", import.meta.url));

export class Adapter {
  private readonly answers: AsyncIterator<string>;

  private constructor(private readonly child: ChildProcessByStdio<Writable, Readable, null>) {
    this.answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** gf2x by the C compiler; `QKD_BENCH_GF2X` names the prefix of a build of one's own (with PCLMUL, say). */
  static gf2x(): Adapter | undefined {
    const program = join(mkdtempSync(join(tmpdir(), "qkd-distill-bench-")), "gf2x");
    const prefix = process.env.QKD_BENCH_GF2X;
    const where = prefix ? [`-I${prefix}/include`, `-L${prefix}/lib`] : [];
    const built = spawnSync("cc", ["-O3", ...where, "-o", program, join(folder, "gf2x.c"), "-lgf2x"]);
    return built.status === 0 ? Adapter.start(program) : undefined;
  }

  static scipy(): Adapter | undefined {
    const present = spawnSync("python3", ["-c", "import scipy.fft"]).status === 0;
    return present ? Adapter.start("python3", join(folder, "scipy_fft.py")) : undefined;
  }

  private static start(program: string, ...args: string[]): Adapter {
    return new Adapter(spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] }));
  }

  async time(n: number, outputBits: number): Promise<Elapsed> {
    this.child.stdin.write(`${n} ${outputBits}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new Error("the adapter ended");
    return new Elapsed(Number(value));
  }

  close(): void {
    this.child.stdin.end();
  }
}
