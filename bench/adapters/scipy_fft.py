"""Toeplitz hash by SciPy's float FFT. One line `n l` on stdin, one line on stdout: seconds of one hash."""
import sys
import time

import numpy as np
import scipy.fft as fft

rng = np.random.default_rng(1)
last = None
for line in sys.stdin:
    n, l = map(int, line.split())
    if (n, l) != last:
        size = fft.next_fast_len(n + l - 1, real=True)
        seed = rng.integers(0, 2, n + l - 1, dtype=np.uint8)
        word = rng.integers(0, 2, n, dtype=np.uint8)
        last = (n, l)
    began = time.perf_counter()
    product = fft.rfft(seed.astype(np.float64), size, workers=1)
    product *= fft.rfft(word.astype(np.float64), size, workers=1)
    middle = fft.irfft(product, size, workers=1)[n - 1 : n + l - 1]
    np.packbits((np.rint(middle).astype(np.int64) & 1).astype(np.uint8), bitorder="little")
    print(f"{time.perf_counter() - began:.9f}", flush=True)
