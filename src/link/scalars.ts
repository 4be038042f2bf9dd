/** What fields of the link description are made of: times, probabilities, bases. */
import { z } from "zod";

export const picoseconds = z.union([z.int(), z.string().regex(/^-?\d+$/)]).transform(Number);
export const fractionalPicoseconds = z
  .union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/)])
  .transform(Number)
  .pipe(z.number().positive());
export const probability = z.number().gt(0).lt(1);
export const basis = z.enum(["Z", "X"]);
