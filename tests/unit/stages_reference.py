#!/usr/bin/python3
"""stages_reference.py - due times of ramps, with whole numbers as large as they get: writes stages_table.h.

Of each plan: stages as (ns, millionths per second), the rate at the start, the total, and for some ticks k when
they are due. The area until t, times 2 * 1e15 * D, is a whole number; the last t at which it is not above k's is
found by halving."""
import random

SCALE = 10**15


def area2(stages, rate, t):
    """Twice the area until t, as a fraction: numerator, denominator."""
    n = 0
    for length, to in stages:
        if length and t <= length:
            return n * length + 2 * rate * t * length + (to - rate) * t * t, length
        n += (rate + to) * length
        t -= length
        rate = to
    return n, 1


def fits(stages, rate, t, k):
    n, d = area2(stages, rate, t)
    return n <= 2 * SCALE * k * d


def due(stages, rate, k, end):
    low, high = 0, end
    while low < high:
        middle = (low + high + 1) // 2
        if fits(stages, rate, middle, k):
            low = middle
        else:
            high = middle - 1
    return low


S, DAY, ONE = 10**9, 86400 * 10**9, 10**6
plans = [
    (0, [(10 * S, 1000 * ONE)]),
    (1000 * ONE, [(10 * S, 0)]),
    (0, [(5 * S, 100 * ONE), (5 * S, 100 * ONE), (5 * S, 0)]),
    (100 * ONE, [(1 * S, 100 * ONE), (0, 500 * ONE), (1 * S, 500 * ONE), (0, 0), (1 * S, 0), (0, 50 * ONE), (1 * S, 50 * ONE)]),
    (0, [(2 * S, 0), (1 * S, 10 * ONE)]),
    (ONE // 10, [(60 * S, ONE // 10), (60 * S, 10000000 * ONE)]),
    (10000000 * ONE, [(30 * DAY, ONE // 10)]),
    (ONE // 10, [(30 * DAY, 10000000 * ONE)]),
    (1, [(1, 2)]),
    (3 * ONE, [(S // 3, 7 * ONE), (S // 7, 1)]),
]
draw = random.Random(4)
for _ in range(30):
    plans.append((draw.choice([0, 1, ONE, draw.randrange(10**draw.randrange(1, 14))]),
                  [(draw.choice([0, 1, S, draw.randrange(10**draw.randrange(1, 15))]),
                    draw.choice([0, ONE, draw.randrange(10**draw.randrange(1, 14))])) for _ in range(draw.randrange(1, 7))] + [(S, ONE)]))

print("/* Made by stages_reference.py. */")
print("/* clang-format off */")
print("static const struct reference {")
print("\tint64_t rate;\n\tuint32_t count;\n\tstruct stage stages[8];\n\tuint64_t total;")
print("\tstruct {\n\t\tuint64_t tick;\n\t\tint64_t due;\n\t} ticks[10];\n} references[] = {")
for rate, stages in plans:
    end = sum(length for length, _ in stages)
    n, d = area2(stages, rate, end)
    total = -(-n // (2 * SCALE * d))
    ks = sorted({min(max(k, 0), total - 1) for k in [0, 1, 2, total // 3, total // 2, total - 2, total - 1] +
                 [draw.randrange(total) for _ in range(3)]})
    print("\t{%dLL, %d, {%s}, %dULL, {%s}}," % (
        rate, len(stages), ", ".join("{%dLL, %dLL}" % s for s in stages), total,
        ", ".join("{%dULL, %dLL}" % (k, due(stages, rate, k, end)) for k in (ks + ks[-1:] * 10)[:10])))
print("};\n/* clang-format on */")
