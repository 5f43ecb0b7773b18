"""PESQ-WB of what was heard against what was said: the mean over pieces of eight seconds, each aligned by itself."""
import json
import sys

import numpy
import soundfile
from pesq import pesq
from scipy.signal import correlate, resample_poly

RATE = 16000  # what PESQ-WB is defined for


def read(path):
    samples, rate = soundfile.read(path, always_2d=True)
    return resample_poly(samples[:, 0], RATE, rate)


def lag(said, heard):
    """By how many samples `heard` is later."""
    return int(numpy.argmax(numpy.abs(correlate(heard, said, method="fft")))) - (len(said) - 1)


def main():
    said, heard = read(sys.argv[1]), read(sys.argv[2])
    piece, margin = min(8 * RATE, len(said)), int(0.4 * RATE)
    whole = lag(said, heard)
    scores = []
    for start in range(0, len(said) - piece + 1, piece):
        original = said[start : start + piece]
        wide = heard[max(0, start + whole - margin) : max(0, start + whole + piece + margin)]
        if len(wide) < piece // 2:
            continue
        offset = min(max(0, lag(original, wide)), len(wide))
        arrived = wide[offset : offset + piece]
        silent = numpy.sqrt(numpy.mean(arrived**2)) < 1e-4
        scores.append(1.0 if silent else pesq(RATE, original[: len(arrived)], arrived, "wb"))
    print(json.dumps({"pesq": round(float(numpy.mean(scores)), 3) if scores else 1.0}))


main()
