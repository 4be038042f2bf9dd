/** Other systems' figures, as published, each with its source. Where a source gives no f or no speed, none is drawn. */
export interface Published {
  readonly name: string;
  readonly source: string;
  readonly efficiency?: readonly [least: number, most: number];
  readonly mbitPerSecond?: readonly [least: number, most: number];
}

export const published: readonly Published[] = [
  {
    name: "Cascade on a CPU, 2021",
    source: "arXiv:2101.12565, abstract: 570 Mbit/s at f = 1.038; error rate and cores are not stated there",
    efficiency: [1.038, 1.038],
    mbitPerSecond: [570, 570],
  },
  {
    name: "cascade-cpp",
    source: "github.com/brunorijsman/cascade-cpp, data of its study folder: f 1.14 … 1.22 at 2.6 … 8 Mbit/s",
    efficiency: [1.14, 1.22],
    mbitPerSecond: [2.6, 8],
  },
  {
    name: "LDPC4QKD",
    source: "github.com/XQP-Munich/LDPC4QKD, C++ in double, run on a machine of this kind: 0.17 … 0.57 Mbit/s a core",
    mbitPerSecond: [0.17, 0.57],
  },
];
