#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
"""Draws the conclusions of a result of `duet compare` again, from its rounds alone.

    recompute.py RESULT...            every figure that was concluded, and every quantile
    recompute.py --diff OLD NEW DIFF  what `duet diff OLD NEW --json DIFF` concluded

Written from docs/result-schema.md and from nothing else, with exact arithmetic where the rule is
about ranks. Says the first disagreement of each file and exits 1, or exits 0.
"""

import json
import math
import sys

FLOOR_MAX = 0.25
TOLERANCE = 1e-9  # twelve digits are stored
WALL = {"throughput_per_s", "latency_p99_ns", "latency_p999_ns"}
QUANTILES = {"p50_ns": (1, 2), "p99_ns": (99, 100), "p999_ns": (999, 1000)}
REPEATS_IN_A_ROW_MAX = 2
METRICS = ["cpu_per_operation_ns", "latency_p50_ns", "throughput_per_s", "latency_p99_ns",
           "latency_p999_ns", "buffer_p50_ns", "descriptor_p50_ns", "fetch_p50_ns"]
ONLY_OF = {"cancel": {"buffer_p50_ns", "descriptor_p50_ns"}, "rockets": {"fetch_p50_ns"}}
LOADED = {"echo", "rockets"}
NOT_OF = {"cancel": {"throughput_per_s"}}


class Disagreement(Exception):
    """One figure that isn't what the rounds say; where it stands comes first."""


def expect(where, stored, ours):
    """The stored value must be ours: numbers nearly, all else exactly."""
    both = isinstance(stored, (int, float)) and isinstance(ours, (int, float))
    if both and math.isclose(stored, ours, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        return
    if not both and stored == ours and type(stored) is type(ours):
        return
    raise Disagreement(f"{where}: stored is {stored!r}, the rounds say {ours!r}")


# ------------------------------------------------------------------------------- histograms

def bucket_width(lower):
    """Of the bucket that begins there: every power of two is cut into 128."""
    return 1 if lower < 128 else 1 << (lower.bit_length() - 8)


def quantile(latency, share):
    """Linear inside a bucket, never outside of the extremes; None where the values are too few."""
    above, below = share
    count = latency["count"]
    if count * (below - above) < 10 * below:
        return None
    passed = 0
    for lower, here in latency["buckets"]:
        if (passed + here) * below >= above * count:
            inside = (above * count / below - passed) / here
            value = lower + bucket_width(lower) * inside
            return min(max(value, latency["min_ns"]), latency["max_ns"])
        passed += here
    return float(latency["max_ns"])


def check_histogram(where, latency):
    expect(f"{where}.scheme", latency["scheme"], "log-linear-128")
    total, end = 0, 0
    for lower, here in latency["buckets"]:
        if lower % bucket_width(lower) or lower < end or here < 1:
            raise Disagreement(f"{where}.buckets: [{lower}, {here}] is no bucket of the scheme, "
                               "or not in order")
        end = lower + bucket_width(lower)
        total += here
    expect(f"{where}.count", latency["count"], total)
    if total:
        first, last = latency["buckets"][0][0], latency["buckets"][-1][0]
        if not first <= latency["min_ns"] < first + bucket_width(first):
            raise Disagreement(f"{where}.min_ns: {latency['min_ns']} isn't in the first bucket")
        if latency["max_ns"] < last:
            raise Disagreement(f"{where}.max_ns: {latency['max_ns']} is below the last bucket")
    for key, share in QUANTILES.items():
        expect(f"{where}.{key}", latency[key], quantile(latency, share))


# ---------------------------------------------------------------------------------- figures

def quotient(above, below):
    """None where it can't be had, or says nothing."""
    if above is None or below is None or below <= 0 or above <= 0:
        return None
    return above / below


def figure(slot, metric):
    """One slot's figure of a metric, or None."""
    if metric == "cpu_per_operation_ns":
        return quotient(slot["cpu_ns"], slot["operations"])
    if metric == "throughput_per_s":
        return quotient(slot["operations"] * 1e9, slot["elapsed_ns"])
    histogram, quantile_key = metric.split("_", 1)
    return slot[histogram][quantile_key] or None


def metrics_of(cell):
    """Which metrics a workload knows, in the order in which they are told."""
    unknown = set(NOT_OF.get(cell["workload"], ()))
    for workload, metrics in ONLY_OF.items():
        if workload != cell["workload"]:
            unknown |= metrics
    return [metric for metric in METRICS if metric not in unknown]


def plays_of(one, arm, metric):
    """An arm's figures in one round, in the order of play; [] if one of them can't be shown."""
    values = [figure(slot, metric) for slot in one["slots"] if slot["arm"] == arm]
    return [] if None in values else values


def kept(rounds):
    return [one for one in rounds if one["kept"]]


def missed_rate(rounds, arm, metric):
    """A latency isn't stated where the rate of an open loop wasn't kept."""
    slots = (slot for one in kept(rounds) for slot in one["slots"] if slot["arm"] == arm)
    return metric.startswith("latency_") and any(slot.get("rate_kept") is False for slot in slots)


def arm_figures(rounds, arm, metric, enough):
    """One figure for each kept round that can show it, of the first arm the geometric mean of its
    two plays; None if that can't be measured."""
    if missed_rate(rounds, arm, metric):
        return None
    plays = [plays_of(one, arm, metric) for one in kept(rounds)]
    values = [math.prod(play) ** (1 / len(play)) for play in plays if play]
    if not values or (len(values) < len(plays) and len(values) < enough):
        return None
    return values


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def is_disturbed(slot):
    noise, elapsed = slot["noise"], slot["elapsed_ns"]
    waited = noise["wait_ns"] * 50 > elapsed and noise["others_cpu_ns"] * 20 > elapsed
    return waited or noise["steal_ns"] * 100 > elapsed


def was_disturbed(one):
    return one.get("stopped", False) or any(map(is_disturbed, one["slots"]))


def mostly_disturbed(rounds):
    return 2 * sum(map(was_disturbed, kept(rounds))) > len(kept(rounds))


# --------------------------------------------------------------------------------- counters

def share(above, below):
    """None where it can't be had; nothing of something is 0."""
    return None if above is None or not below else above / below


def per_operation(name):
    return lambda slot: share(slot["counters"].get(name), slot["operations_total"])


def completions_per_wait(slot):
    counters = slot["counters"]
    if "ended" not in counters or "interim" not in counters:
        return None
    ends = counters["ended"] + counters["interim"]
    return None if ends < slot["operations_total"] else share(ends, counters.get("waits"))


def switches(slot):
    both = slot["noise"]["voluntary_switches"], slot["noise"]["involuntary_switches"]
    return None if None in both else share(sum(both), slot["operations"])


def on_loan(slot):
    lent, life_ns = (slot["counters"].get(key) for key in ("lent_byte_seconds", "life_ns"))
    return None if lent is None else share(lent * 1e9, life_ns)


def millionths(name):
    def of_an_operation(slot):
        counted = per_operation(name)(slot)
        return None if counted is None else counted * 1e6
    return of_an_operation


def busy(name):
    def percent(slot):
        return None if slot[name] is None else share(100 * slot[name], slot["elapsed_ns"])
    return percent


COUNTERS = {
    "system_calls_per_operation": per_operation("system_calls"),
    "wasted_attempts_per_operation": per_operation("wasted"),
    "waits_per_operation": per_operation("waits"),
    "completions_per_wait": completions_per_wait,
    "inline_per_operation": per_operation("inline_ended"),
    "worker_per_operation": per_operation("worker"),
    "registrations_per_operation": per_operation("registrations"),
    "context_switches_per_operation": switches,
    "bytes_on_loan_mean": on_loan,
    "arm_busy_percent": busy("cpu_ns"),
    "load_busy_percent": lambda slot: busy("load_cpu_ns")(slot) or None,
}


# Results of before have none of these.
LATER_COUNTERS = {
    "byte_us_on_loan_per_operation": millionths("lent_byte_seconds"),
    "us_on_loan_per_operation": millionths("lent_seconds"),
    "copied_bytes_per_operation": per_operation("copied_bytes"),
}


# Only where an arm has tasks.
TASK_COUNTERS = {f"{name}_per_operation": per_operation(name)
                 for name in ("steps", "task_wakes", "polls")}


def check_counters(where, cell):
    stored = {one["key"]: one["medians"] for one in cell["counters"]}
    slots = [slot for one in kept(cell["rounds"]) for slot in one["slots"]]
    tasks = any("steps" in slot["counters"] for one in cell["rounds"] for slot in one["slots"])
    later = {key: counter for key, counter in LATER_COUNTERS.items() if key in stored}
    for key, counter in (COUNTERS | later | (TASK_COUNTERS if tasks else {})).items():
        for arm, median_stored in enumerate(stored[key]):
            values = [counter(slot) for slot in slots if slot["arm"] == arm]
            ours = None if None in values or not values else median(values)
            expect(f"{where}.{key}[{arm}]", median_stored, ours)


# ----------------------------------------------------------------------- the load's own account

def rate_kept(slot, rate):
    due, missing = slot["due"], slot["due"] - slot["operations"]
    allowed = max(due / 50, min(rate / 50, due / 10), 1)
    return not slot["held"] and missing <= allowed


def load_limited(slot, open_loop):
    """None where the values are too few to be stored."""
    if not open_loop:
        return slot["load_cpu_ns"] * 100 >= slot["elapsed_ns"] * 95
    late, p99 = slot["sent_late_p99_ns"], slot["latency"]["p99_ns"]
    return None if late is None or p99 is None else late > 100_000 and late > p99 / 4


def check_load(where, slot, rate):
    limited = load_limited(slot, rate)
    if limited is not None:
        expect(f"{where}.load_limited", slot["load_limited"], limited)
    if not rate:
        return
    expect(f"{where}.rate_kept", slot["rate_kept"], rate_kept(slot, rate))
    check_histogram(f"{where}.service", slot["service"])
    if slot["rate_kept"]:
        expect(f"{where}.latency.count", slot["latency"]["count"], slot["due"])


def check_marks(where, cell):
    """How many of the kept slots of each arm bear which mark."""
    for key, mark in (("load_limited_slots", lambda slot: slot["load_limited"]),
                      ("rate_missed_slots", lambda slot: not slot["rate_kept"])):
        for arm, count in enumerate(cell.get(key, [])):
            slots = (slot for one in kept(cell["rounds"]) for slot in one["slots"])
            expect(f"{where}.{key}[{arm}]", count,
                   sum(mark(slot) for slot in slots if slot["arm"] == arm))


# ---------------------------------------------------------------------------------- the rule

def ranks(count, parts):
    """The lower rank of an interval that leaves at most one in `parts` outside, and the exact share
    that it leaves, as (numerator, denominator); rank 0 where there is none."""
    whole, tail, rank, outside = 2 ** count, 0, 0, 0
    while rank < count // 2:
        tail += math.comb(count, rank)
        if 2 * tail * parts > whole:
            break
        rank, outside = rank + 1, 2 * tail
    return rank, outside / whole


def interval(values, parts):
    """(low, high, share outside) of the median, or None where the values are too few."""
    rank, outside = ranks(len(values), parts)
    if not rank:
        return None
    ordered = sorted(values)
    return ordered[rank - 1], ordered[-rank], outside


def floor_of(plays):
    """The larger end of the interval of the first arm against itself, less 1."""
    ends = interval([math.log(one / again) for one, again in plays], 20)
    return None if ends is None else math.expm1(max(abs(ends[0]), abs(ends[1])))


def compare_arms(rounds, arm, metric):
    """What must stand in a comparison of the first arm and another one of the same run."""
    plays = [(plays_of(one, 0, metric), plays_of(one, arm, metric)) for one in kept(rounds)]
    left_out = [one for one, (first, other) in zip(kept(rounds), plays) if not first or not other]
    causes = [one["disturbed_by"] for one in left_out if one["disturbed_by"] is not None]
    counted = [(first, other) for first, other in plays if first and other]
    said = {"a": 0, "b": arm, "verdict": "not measured", "rounds": len(counted),
            "rounds_left_out": len(left_out), "left_out_disturbed_by": causes[0] if causes else None}
    if missed_rate(rounds, 0, metric) or missed_rate(rounds, arm, metric):
        return {**said, "reason": "the rate was not kept"}
    if not counted or (left_out and len(counted) < 6):
        return said
    first = [play for play, _ in counted]
    ratios = [math.log(math.sqrt(a * again) / b) for (a, again), (b,) in counted]
    middle, ends = median(ratios), interval(ratios, 20)
    said["ratio"] = math.exp(middle)
    if ends is None:
        return {**said, "verdict": "too few rounds"}
    low, high, outside = ends
    floor = floor_of(first)
    detectable = max(math.expm1(max(high - middle, middle - low)), floor)
    said.update(ratio_low=math.exp(low), ratio_high=math.exp(high), level=1 - outside, floor=floor,
                detectable=detectable, verdict="no difference shown")
    if floor > FLOOR_MAX or (metric in WALL and mostly_disturbed(rounds)):
        said["verdict"] = "too noisy"
    elif abs(middle) > math.log1p(floor) and (high < 0 or low > 0):
        said["verdict"] = "a lower" if high < 0 else "b lower"
    return said


def compare_runs(old, new, arms, metric):
    """What must stand in a comparison of one arm in two runs; arms are its two indices."""
    sides = [arm_figures(cell["rounds"], arm, metric, 7) for cell, arm in zip((old, new), arms)]
    plays = [[plays_of(one, 0, metric) for one in kept(cell["rounds"])] for cell in (old, new)]
    floors = [floor_of([play for play in one if play]) for one in plays]
    said = {"old_arm": arms[0], "new_arm": arms[1], "verdict": "not measured"}
    if None in sides:
        return said
    medians = [median(side) for side in sides]
    ratio = medians[1] / medians[0]
    said.update(old_rounds=len(sides[0]), new_rounds=len(sides[1]), old_median=medians[0],
                new_median=medians[1], ratio=ratio, verdict="too few rounds")
    ends = [interval(side, 40) for side in sides]
    if None in ends or None in floors:
        return said
    low, high = ends[1][0] / ends[0][1], ends[1][1] / ends[0][0]
    floor = max(floors)
    said.update(ratio_low=low, ratio_high=high, level=1 - ends[0][2] - ends[1][2], floor=floor,
                detectable=max(high / ratio - 1, ratio / low - 1, floor),
                verdict="no difference shown")
    disturbed = mostly_disturbed(old["rounds"]) or mostly_disturbed(new["rounds"])
    if floor > FLOOR_MAX or (metric in WALL and disturbed):
        said["verdict"] = "too noisy"
    elif abs(math.log(ratio)) > math.log1p(floor) and (low > 1 or high < 1):
        said["verdict"] = "old lower" if low > 1 else "new lower"
    return said


# ------------------------------------------------------------------------------ whole results

def expect_all(where, stored, ours):
    for key in sorted(ours):
        if key not in stored:
            raise Disagreement(f"{where}.{key}: it is missing, the rounds say {ours[key]!r}")
        expect(f"{where}.{key}", stored[key], ours[key])
    for key in ("ratio", "ratio_low", "ratio_high", "floor"):
        if key in stored and key not in ours:
            raise Disagreement(f"{where}.{key}: stored is {stored[key]!r}, the rounds can't say it")


def check_metric(where, rounds, arms, stored):
    metric = stored["key"]
    for arm in range(arms):
        values = arm_figures(rounds, arm, metric, 6)
        expect(f"{where}.medians[{arm}]", stored["medians"][arm], values and median(values))
    expect(f"{where}.comparisons", len(stored["comparisons"]), arms - 1)
    for i, comparison in enumerate(stored["comparisons"]):
        expect_all(f"{where}.comparisons[{i}]", comparison, compare_arms(rounds, i + 1, metric))


def check_round(where, arms, one):
    played = sorted(slot["arm"] for slot in one["slots"])
    expect(f"{where}.slots", played, [0] + list(range(arms)))
    disturbed = was_disturbed(one)
    expect(f"{where}.disturbed_by", one["disturbed_by"] is not None, disturbed)
    if not disturbed and not one["kept"]:
        raise Disagreement(f"{where}.kept: a quiet round was repeated")
    for i, slot in enumerate(one["slots"]):
        check_histogram(f"{where}.slots[{i}].latency", slot["latency"])
        for key in ("buffer", "descriptor", "fetch"):
            if key in slot:
                check_histogram(f"{where}.slots[{i}].{key}", slot[key])
        # A closed loop: every operation has its latency, no other has. Of cancels they are others,
        # and as many, but for those of a storm that were answered.
        if "rate_kept" not in slot and "buffer" not in slot:
            expect(f"{where}.slots[{i}].latency.count", slot["latency"]["count"],
                   slot["operations"])


def check_noise(where, rounds, noise):
    count = len(kept(rounds))
    expect(f"{where}.rounds_kept", noise["rounds_kept"], count)
    expect(f"{where}.rounds_repeated", noise["rounds_repeated"], len(rounds) - count)
    expect(f"{where}.rounds_disturbed", noise["rounds_disturbed"],
           sum(one["disturbed_by"] is not None for one in kept(rounds)))
    causes = [one["disturbed_by"] for one in rounds if one["disturbed_by"] is not None]
    expect(f"{where}.cause", noise["cause"], causes[-1] if causes else None)


def check_repeats(where, cell, patient):
    """A disturbed round is played again, as long as it may be."""
    repeated = in_a_row = 0
    for i, one in enumerate(cell["rounds"]):
        may = repeated < cell["repeats_max"] and in_a_row < REPEATS_IN_A_ROW_MAX
        if not one["kept"] and not may:
            raise Disagreement(f"{where}[{i}].kept: no repeat was left for it")
        if one["kept"] and may and patient and one["disturbed_by"] is not None:
            raise Disagreement(f"{where}[{i}].kept: it was disturbed, and there were repeats left")
        repeated += not one["kept"]
        in_a_row = 0 if one["kept"] else in_a_row + 1


def check_cell(where, cell, patient):
    arms, rounds = len(cell["arms"]), cell["rounds"]
    if not cell["correct"]:
        if "metrics" in cell:
            raise Disagreement(f"{where}.metrics: concluded although a byte was wrong")
        return
    for i, one in enumerate(rounds):
        check_round(f"{where}.rounds[{i}]", arms, one)
        expect(f"{where}.rounds[{i}].round", one["round"],
               len(kept(rounds[:i])))
        for k, slot in enumerate(one["slots"] if cell["workload"] in LOADED else []):
            check_load(f"{where}.rounds[{i}].slots[{k}]", slot,
                       cell["parameters"].get("rate_per_s"))
    check_repeats(f"{where}.rounds", cell, patient)
    check_noise(f"{where}.noise", rounds, cell["noise"])
    check_counters(f"{where}.counters", cell)
    check_marks(where, cell)
    keys = [metric["key"] for metric in cell["metrics"]]
    expect(f"{where}.metrics", [key for key in keys if key in METRICS],
           metrics_of(cell))
    for metric in cell["metrics"]:
        if metric["key"] in METRICS:
            check_metric(f"{where}.{metric['key']}", rounds, arms, metric)
    if "question" in cell:
        check_answer(f"{where}.answer", cell)


# --------------------------------------------------------------------------------- questions

CC, CF, PC, PF, CK, PK = range(6)
EFFECTS = {  # how many times each arm's logarithm counts, and how often the floor is in it
    "future": ({CF: .5, CC: -.5, PF: .5, PC: -.5}, 1),
    "future_on_completion": ({CF: 1, CC: -1}, 1),
    "future_on_polling": ({PF: 1, PC: -1}, 1),
    "polling": ({PC: .5, CC: -.5, PF: .5, CF: -.5}, 1),
    "polling_by_continuations": ({PC: 1, CC: -1}, 1),
    "polling_by_futures": ({PF: 1, CF: -1}, 1),
    "interaction": ({PF: 1, PC: -1, CF: -1, CC: 1}, 2),
    "both": ({PF: 1, CC: -1}, 1),
    "coroutine_over_callback_on_completion": ({CC: 1, CK: -1}, 1),
    "coroutine_over_callback_on_polling": ({PC: 1, PK: -1}, 1),
    "future_over_callback_on_completion": ({CF: 1, CK: -1}, 1),
    "future_over_callback_on_polling": ({PF: 1, PK: -1}, 1),
}
STYLES = ["precise", "poll-all", "spin"]
BACKENDS = ["completion", "polling"]


def effect_of(cell, metric, terms, floors):
    """What must stand in an effect."""
    rounds, bound = cell["rounds"], math.log1p(cell["question"]["within_percent"] / 100)
    counted = []
    for one in kept(rounds):
        plays = {arm: plays_of(one, arm, metric) for arm in {0, *terms}}
        if all(plays.values()):
            counted.append((sum(times * sum(map(math.log, plays[arm])) / len(plays[arm])
                                for arm, times in terms.items()), plays[0]))
    left_out = len(kept(rounds)) - len(counted)
    said = {"verdict": "not measured", "rounds": len(counted), "rounds_left_out": left_out}
    if any(missed_rate(rounds, arm, metric) for arm in terms):
        return said
    if not counted or (left_out and len(counted) < 6):
        return said
    middle, ends = median([log for log, _ in counted]), interval([log for log, _ in counted], 20)
    said["ratio"] = math.exp(middle)
    if ends is None:
        return {**said, "verdict": "too few rounds"}
    low, high, outside = ends
    floor = math.log1p(floor_of([play for _, play in counted])) * floors
    said.update(ratio_low=math.exp(low), ratio_high=math.exp(high), level=1 - outside,
                floor=math.expm1(floor), verdict="not shown")
    if floor > math.log1p(FLOOR_MAX) * floors or (metric in WALL and mostly_disturbed(rounds)):
        said["verdict"] = "too noisy"
    elif (low > bound or high < -bound) and abs(middle) > floor:
        said["verdict"] = "beyond"
    elif floor > bound:
        said["verdict"] = "too noisy"
    elif -bound <= low and high <= bound:
        said["verdict"] = "within"
    return said


def check_cells(where, cell, stored):
    metric, verdicts = stored["key"], {}
    expect(f"{where}.effects", [one["key"] for one in stored["effects"]], list(EFFECTS))
    for one in stored["effects"]:
        ours = effect_of(cell, metric, *EFFECTS[one["key"]])
        expect_all(f"{where}.{one['key']}", one, ours)
        verdicts[one["key"]] = ours["verdict"]
    both = [verdicts["future_on_completion"], verdicts["future_on_polling"]]
    word = "yes" if both == ["within"] * 2 else "no" if "beyond" in both else "not shown"
    expect(f"{where}.identical", stored["identical"], word)


def slope_of(verdict, ratio, idle, medians):
    """The word for it, and what each child costs at the end."""
    each = [None if None in pair else (pair[1] - pair[0]) / (more - less)
            for pair, less, more in zip(zip(medians, medians[1:]), idle, idle[1:])]
    if verdict != "beyond":
        return {"within": "flat"}.get(verdict, "not shown"), each[-1]
    if ratio < 1:
        return "falls", each[-1]
    linear = len(each) > 1 and min(each[-2:]) > 0 and max(each[-2:]) < 2 * min(each[-2:])
    return "linear" if linear else "grows", each[-1]


def check_informed(where, cell, stored):
    metric, rounds = stored["key"], cell["rounds"]
    idle = [int(one) for one in cell["parameters"]["idle_children"].split(",")]
    first = {(backend, style): (b * len(STYLES) + s) * len(idle)
             for b, backend in enumerate(BACKENDS) for s, style in enumerate(STYLES)}
    most = len(idle) - 1
    for i, (one, (row, arm)) in enumerate(zip(stored["growth"], first.items(), strict=True)):
        ours = effect_of(cell, metric, {arm + most: 1, arm: -1}, 1)
        figures = [arm_figures(rounds, arm + k, metric, 6) for k in range(len(idle))]
        medians = [values and median(values) for values in figures]
        slope, each = slope_of(ours["verdict"], ours.get("ratio"), idle, medians)
        # A difference of two medians, of which the file has nine digits each.
        if each is not None and math.isclose(one["each_child_ns"], each, rel_tol=1e-6):
            each = one["each_child_ns"]
        ours.update(backend=row[0], style=row[1], slope=slope, each_child_ns=each)
        expect_all(f"{where}.growth[{i}]", one, ours)
    naive = [row for row in first if row[1] != "precise"]
    for i, (one, row) in enumerate(zip(stored["naive"], naive, strict=True)):
        terms = {first[row] + most: 1, first[row[0], "precise"] + most: -1}
        expect_all(f"{where}.naive[{i}]", one,
                   {**effect_of(cell, metric, terms, 1), "backend": row[0], "style": row[1]})


def check_answer(where, cell):
    metrics = METRICS[:3] if cell["question"]["name"] == "cells" else METRICS[:2]
    if cell["workload"] == "rockets":
        metrics = metrics + ["fetch_p50_ns"]
    expect(where, [one["key"] for one in cell["answer"]["metrics"]], metrics)
    for one in cell["answer"]["metrics"]:
        check = check_cells if cell["question"]["name"] == "cells" else check_informed
        check(f"{where}.{one['key']}", cell, one)


def check_gate(where, gate, cells):
    """A gate is judged by comparisons that were checked before."""
    judged = failed = 0
    above, limit = gate["operator"] == ">", gate["limit"]
    for metric in (m for cell in cells for m in cell.get("metrics", []) if m["key"] == gate["metric"]):
        for one in metric["comparisons"]:
            claims = one["verdict"].endswith(" lower")
            if not claims and one["verdict"] != "no difference shown":
                continue
            judged += 1
            beyond = one["ratio_low"] > limit if above else one["ratio_high"] < limit
            failed += beyond and (claims or (limit < 1 if above else limit > 1))
    word = "failed" if failed else "held" if judged else "not judged"
    expect(f"{where}.verdict", gate["verdict"], word)
    expect(f"{where}.judged", gate["judged"], judged)
    expect(f"{where}.failures", len(gate["failures"]), failed)


def check_result(result):
    expect("schema", result["schema"], 1)
    for i, cell in enumerate(result["cells"]):
        check_cell(f"cells[{i}]", cell, "--set" not in result["run"]["argv"])
    expect("correct", result["correct"], all(cell["correct"] for cell in result["cells"]))
    for i, gate in enumerate(result.get("gates", [])):
        check_gate(f"gates[{i}]", gate, result["cells"])


def partner_of(cell, result, names):
    """The cell of a result with the same workload and parameters, and the most of these arms."""
    def alike(other):
        return (other["workload"], other["parameters"]) == (cell["workload"], cell["parameters"])

    def common(other):
        return sum(arm["name"] in names for arm in other["arms"])
    return max(filter(alike, result["cells"]), key=common)


def check_diff(old, new, diff):
    expect("schema", diff["schema"], 1)
    expect("kind", diff["kind"], "diff")
    for i, cell in enumerate(diff["cells"]):
        names = {one["arm"] for one in cell["metrics"][0]["comparisons"]}
        pair = partner_of(cell, old, names), partner_of(cell, new, names)
        for metric in (m for m in cell["metrics"] if m["key"] in METRICS):
            for k, one in enumerate(metric["comparisons"]):
                where = f"cells[{i}].{metric['key']}.comparisons[{k}]"
                arms = one["old_arm"], one["new_arm"]
                for other, arm in zip(pair, arms):
                    expect(f"{where}.arm", one["arm"], other["arms"][arm]["name"])
                expect_all(where, one, compare_runs(*pair, arms, metric["key"]))
    for i, gate in enumerate(diff.get("gates", [])):
        check_gate(f"gates[{i}]", gate, diff["cells"])


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(words):
    if words[:1] == ["--diff"] and len(words) == 4:
        tasks = [(words[3], lambda: check_diff(*map(load, words[1:])))]
    elif words and not words[0].startswith("-"):
        tasks = [(path, lambda path=path: check_result(load(path))) for path in words]
    else:
        print(__doc__, file=sys.stderr)
        return 2
    status = 0
    for path, task in tasks:
        try:
            task()
            print(f"{path}: every figure follows from its rounds")
        except Disagreement as disagreement:
            print(f"{path}: {disagreement}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
