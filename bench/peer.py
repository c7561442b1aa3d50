"""The work of `cargo xtask bench` in vectorised NumPy, to measure against.

Reads the network that the bench writes and simulates it on one core: draws,
forward pass and percentiles. Calendars are left out, every activity works
always, so NumPy has less to do. Prints one line of JSON.
"""

import json
import sys
import time

import numpy as np

SAMPLES_TOGETHER = 2_000  # 16 kB a row: faster than whole columns of samples


def read(path):
    activities = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, *figures = line.split()
            figures = [float(figure) for figure in figures]
            if kind == "link":
                source, lag = int(figures[0]), figures[1]
                activities[-1][2].append((source, lag))
            else:
                activities.append((kind, figures, []))
    return activities


def draw(rng, kind, figures, count):
    if kind == "lognormal":
        median, sigma = figures
        return rng.lognormal(np.log(median), sigma, count)
    a, m, b = figures
    if kind == "triangular":
        return rng.triangular(a, m, b, count)
    peak = (m - a) / (b - a)
    return a + (b - a) * rng.beta(1 + 4 * peak, 1 + 4 * (1 - peak), count)


def forward(activities, samples, together):
    """Starts and finishes, by activity and sample."""
    rng = np.random.Generator(np.random.SFC64(1))
    starts = np.empty((len(activities), samples))
    finishes = np.empty((len(activities), samples))
    for first in range(0, samples, together):
        block = slice(first, min(first + together, samples))
        count = block.stop - block.start
        for index, (kind, figures, links) in enumerate(activities):
            start = starts[index, block]
            start.fill(0.0)
            for source, lag in links:
                arrival = finishes[source, block]
                if lag:
                    arrival = arrival + lag
                np.maximum(start, arrival, out=start)
            np.add(start, draw(rng, kind, figures, count), out=finishes[index, block])
    return starts, finishes


def percentiles(dates):
    ranks = [int(share * dates.shape[1]) for share in (0.1, 0.5, 0.8, 0.9)]
    return np.partition(dates, ranks, axis=1)[:, ranks]


def main():
    activities, samples, repeats = read(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    best_forward, best_all = float("inf"), float("inf")
    for repeat in range(repeats):
        # Both ways of cutting the samples; the faster one counts.
        together = samples if repeat % 2 else SAMPLES_TOGETHER
        begin = time.perf_counter()
        starts, finishes = forward(activities, samples, together)
        middle = time.perf_counter()
        percentiles(starts)
        percentiles(finishes)
        end = time.perf_counter()
        best_forward = min(best_forward, middle - begin)
        best_all = min(best_all, end - begin)
    result = {
        "forward_seconds": best_forward,
        "all_seconds": best_all,
        "mean_finish": float(finishes[-1].mean()),
        "numpy": np.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
