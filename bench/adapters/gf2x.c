/* Toeplitz hash by the native GF(2) multiplication library gf2x: `cc -O3 gf2x.c -lgf2x`.
 * One line `n l` on stdin, one line on stdout: seconds of the product whose bits n-1 ... n+l-2 are the hash, done as two
 * balanced products, which is faster than the one unbalanced. The inputs stay those of the last size. */
#include <gf2x.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned long state = 88172645463325252UL;

static unsigned long draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static unsigned long *words(unsigned long count) {
  unsigned long *out = malloc(8 * count);
  for (unsigned long i = 0; i < count; i++) out[i] = draw();
  return out;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(void) {
  unsigned long n, l, last_n = 0, last_l = 0;
  unsigned long *x = 0, *s = 0, *low = 0, *high = 0;
  while (scanf("%lu %lu", &n, &l) == 2) {
    unsigned long xn = (n + 63) / 64, sn = (n + l - 1 + 63) / 64, rest = sn - xn;
    if (n != last_n || l != last_l) {
      free(x), free(s), free(low), free(high);
      x = words(xn), s = words(sn), low = words(2 * xn), high = words(sn + 8);
      last_n = n, last_l = l;
    }
    double began = now();
    gf2x_mul(low, s, xn, x, xn);
    gf2x_mul(high, x, xn, s + xn, rest);
    for (unsigned long i = 0; i < xn; i++) low[xn + i] ^= high[i];
    printf("%.9f\n", now() - began);
    fflush(stdout);
  }
}
