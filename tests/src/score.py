"""What was heard against what was said: a line of JSON for each recording. PESQ-WB (ITU-T P.862.2) is the mean over pieces of eight seconds, and
eSTOI over pieces of two, each aligned by itself: PESQ follows a delay that changes within a piece, as a jitter buffer's does, and eSTOI does not. The
delay is the mean over seconds with speech, of those that are found again."""
import functools
import json
import multiprocessing
import sys

import numpy
import soundfile
from pesq import pesq
from pystoi import stoi
from scipy.signal import correlate, resample_poly

RATE = 16000  # what PESQ-WB is defined for


def read(path):
    samples, rate = soundfile.read(path, always_2d=True)
    return resample_poly(samples[:, 0], RATE, rate)


def lag(said, heard):
    """By how many samples `heard` is later, and how alike the two are there, 0 to 1."""
    products = numpy.abs(correlate(heard, said, method="fft"))
    place = int(numpy.argmax(products))
    late = place - (len(said) - 1)
    start, end = max(0, late), min(len(heard), late + len(said))
    power = numpy.linalg.norm(heard[start:end]) * numpy.linalg.norm(said[start - late : end - late])
    return late, float(products[place] / power) if power > 0 else 0.0


def pieces(said, heard, whole, seconds):
    """Pieces of what was said, each with what was heard of it."""
    piece, margin = min(seconds * RATE, len(said)), int(0.4 * RATE)
    for start in range(0, len(said) - piece + 1, piece):
        original = said[start : start + piece]
        wide = heard[max(0, start + whole - margin) : max(0, start + whole + piece + margin)]
        if len(wide) < piece // 2:
            continue
        offset = min(max(0, lag(original, wide)[0]), len(wide))
        arrived = wide[offset : offset + piece]
        yield original[: len(arrived)], arrived


def mean(said, heard, whole, seconds, measure, worst):
    """The mean of a measure over pieces of so long; a silent piece has the worst that there is."""
    found = [worst if numpy.sqrt(numpy.mean(arrived**2)) < 1e-4 else measure(original, arrived) for original, arrived in pieces(said, heard, whole, seconds)]
    return float(numpy.mean(found)) if found else worst


def delay(said, heard, whole):
    """Milliseconds; nothing if no second was found."""
    margin, found = int(0.4 * RATE), []
    for start in range(0, len(said) - RATE + 1, RATE):
        second = said[start : start + RATE]
        begin = start + whole - margin
        wide = heard[max(0, begin) : max(0, start + whole + RATE + margin)]
        if numpy.sqrt(numpy.mean(second**2)) < 0.01 or len(wide) < RATE:
            continue
        late, alike = lag(second, wide)
        if alike > 0.3:
            found.append((max(0, begin) + late - start) * 1000 / RATE)
    return float(numpy.mean(found)) if found else None


def score(said, path):
    heard = read(path)
    whole, _ = lag(said, heard)
    similar = mean(said, heard, whole, 8, lambda original, arrived: pesq(RATE, original, arrived, "wb"), 1.0)
    clear = mean(said, heard, whole, 2, lambda original, arrived: stoi(original, arrived, RATE, extended=True), 0.0)
    return {"pesq": round(similar, 3), "estoi": round(clear, 4), "delay_ms": delay(said, heard, whole)}


if __name__ == "__main__":
    spoken, recordings = read(sys.argv[1]), sys.argv[2:]
    with multiprocessing.Pool(min(2, len(recordings))) as pool:
        for result in pool.imap(functools.partial(score, spoken), recordings):
            print(json.dumps(result), flush=True)
