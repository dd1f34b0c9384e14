# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
"""Draws the comparisons of a claim that `duet compare` has tested again, from its rounds alone.

Written from docs/claim-schema.md and from nothing else.
"""

import math

from recompute import FLOOR_MAX, Disagreement, expect, interval, median

METRICS = {"cpu": "cpu_ns", "latency": "latency_ns"}


def plays_of(one, arm, figure):
    """An arm's figures in one round."""
    return [slot["figures"].get(figure) for slot in one if slot["arm"] == arm]


def compare(rounds, first, arm, against, figure):
    """What must stand in one comparison of an arm."""
    plays = [(plays_of(one, first, figure), plays_of(one, arm, figure),
              plays_of(one, against, figure)) for one in rounds]
    if any(not value for play in plays for values in play for value in values):
        return {"verdict": "not measured"}
    ratios = [math.log(own[0] / math.prod(other) ** (1 / len(other))) for _, own, other in plays]
    floors = [math.log(again / one) for (one, again), _, _ in plays]
    ends, floor_ends = interval(ratios, 20), interval(floors, 20)
    said = {"ratio": math.exp(median(ratios)), "verdict": "too few rounds"}
    if ends is None:
        return said
    middle, (low, high) = median(ratios), ends[:2]
    floor = math.expm1(max(map(abs, floor_ends[:2])))
    said.update(low=math.exp(low), high=math.exp(high), floor=floor,
                detectable=max(math.expm1(max(high - middle, middle - low)), floor),
                verdict="no difference shown")
    if floor > FLOOR_MAX:
        said["verdict"] = "too noisy"
    elif abs(middle) > math.log1p(floor) and (high < 0 or low > 0):
        said["verdict"] = "a lower" if high < 0 else "b lower"
    return said


def check_arm(where, group, arm):
    for key, stored in arm["figures"].items():
        # Of the first arm the median is of its first plays.
        values = [plays_of(one, arm["name"], key)[0] for one in group["rounds"]]
        expect(f"{where}.{key}", stored, median(values))
    for metric, figure in METRICS.items():
        if "against" not in arm:
            continue
        said = compare(group["rounds"], group["arms"][0]["name"], arm["name"], arm["against"],
                       figure)
        for key, value in said.items():
            expect(f"{where}.{metric}.{key}", arm[metric][key], value)


def check(result):
    """Every comparison and every median of all groups."""
    if not result["groups"]:
        raise Disagreement("groups: none")
    for group in result["groups"]:
        for arm in group["arms"]:
            check_arm(f"{group['name']}: {arm['name']}", group, arm)
