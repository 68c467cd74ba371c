"""`isoloop bench detector`: the campaign, the trials and the side by side, in one run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from isoloop import jsonout
from isoloop.bench import epa, plan, rate_figures, slow_peers, speed
from isoloop.bench.clairvoyant import delays_s
from isoloop.bench.kept import Kept, default_file
from isoloop.bench.nuisance import CAUSES, DAY_S
from isoloop.bench.page import write_page
from isoloop.bench.peers import FAST, label
from isoloop.bench.plan import Plan, Size
from isoloop.bench.rows import OURS, Row, delay_row, head, line
from isoloop.bench.stats import YEAR_S, binomial_bounds, poisson_upper, quantile
from isoloop.bench.trials import LeakJob, LeakResult, NuisanceJob, NuisanceResult
from isoloop.bench.workers import Pool, only
from isoloop.errors import EXIT_EXPECTATION, EXIT_OK, UsageError

KERNEL_TICKS_MIN = 10e6
YEAR_WALL_MAX_S = 60.0
BOUND = "clairvoyant bound"
PAGE = Path("isoloop-runs") / "bench-detector.html"
PARTS = ("nuisance", "leaks", "conditions", "rate", "peers", "epa", "speed")


def bench(full: bool, json: bool, parts: Sequence[str] = (), afresh: bool = False) -> int:
    """Run it, print it; exit code 1 when a bound figure misses.

    Args:
        full: the whole measurement.
        json: one document on standard output instead of text.
        parts: of PARTS; none is all of them.
        afresh: fly again what an earlier run of the same sources has flown.

    Raises:
        UsageError: no such part.
    """
    for part in parts:
        if part not in PARTS:
            raise UsageError(f"no part '{part}' of bench detector: one of {', '.join(PARTS)}")
    return Bench(plan.FULL if full else plan.CUT, json, kept=Kept(default_file(), afresh)).run(parts or PARTS)


class Bench:
    """One run of the bench; rows come as they are measured."""

    def __init__(self, how: Plan, json: bool, page: Path = PAGE, kept: Kept | None = None) -> None:
        self.how = how
        self._kept = kept or Kept(None)
        self._json = json
        self._page = page
        self.rows: list[Row] = []
        self.notes: list[str] = []
        self._upper: float | None = None
        self._seconds = 0.0
        self._tuning_s = 0.0

    def run(self, parts: Sequence[str] = PARTS) -> int:
        """These parts of it, in the order of PARTS; the exit code."""
        self._say(self.how.said)
        if self._kept.file is not None:
            self._say(f"flights are kept in {self._kept.file}: what these sources have flown there is not flown again (--again: it is)")
        self._say(head())
        pool = Pool(kept=self._kept)
        try:
            for part, measure in zip(PARTS, self._measures(), strict=True):
                if part in parts:
                    measure(pool)
        finally:
            pool.close()
        write_page(self._page, self.rows, self.notes)
        self._say(f"plot and table: {self._page}")
        if self._json:
            jsonout.emit({"bench": "detector", "rows": [row.document() for row in self.rows], "notes": self.notes})
        return EXIT_OK if all(row.ok or not row.bound for row in self.rows) else EXIT_EXPECTATION

    def _measures(self) -> tuple[Callable[[Pool], None], ...]:
        """What measures each of PARTS."""
        return self._campaign, self._leaks, self._conditions, self._rates, self._side_by_side, self._epa, self._speeds

    def _say(self, text: str) -> None:
        if not self._json:
            print(text, flush=True)

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self._say("  " + text)

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        self._say(line(row))

    def _campaign(self, pool: Pool) -> None:
        """Leak verdicts and suspicions without a leak."""
        how = self.how
        jobs = [NuisanceJob(plan.NUISANCE_SEED + i, how.nuisance_days) for i in range(how.nuisance_flights)]
        kept = pool.kept(jobs)
        started = time.perf_counter()
        results = only(NuisanceResult, pool.map("nuisance", jobs, not self._json))
        wall_s = time.perf_counter() - started
        self._seconds = seconds = sum(result.job.days for result in results) * DAY_S
        years = seconds / YEAR_S
        alarms = [alarm for result in results for alarm in result.alarms]
        suspects = sum(result.suspects for result in results)
        upper = self._upper = poisson_upper(len(alarms), years)
        count = float(len(alarms))
        self._add(Row("nuisance: leak verdicts", OURS, len(results), count, None, "verdicts", "0", not alarms, upper, seconds, True))
        per_year, bound = suspects / years, poisson_upper(suspects, years)
        self._add(Row("nuisance: suspicions", OURS, len(results), per_year, None, "a year", "reported", True, bound, seconds))
        flown = f"{len(jobs) - kept} of {len(jobs)} flights flown now, in {wall_s:.0f} s"
        self._note(f"{seconds / DAY_S:.0f} nuisance days of the ten years that are wanted; {flown}")
        self._note(f"at most {upper:.3g} false leak verdicts a year (exact Poisson, 95 %)")
        for (stage, cause), count in Counter((stage, cause) for _, stage, cause in alarms).most_common():
            self._note(f"false leak verdicts of stage {stage} after {cause}: {count}")
        for i, cause in enumerate(CAUSES):
            peaks = [max(result.peaks[i][stage] for result in results) for stage in range(len(results[0].peaks[i]))]
            self._note(f"largest statistics in permille, stages 0 to 7 and ramp, {cause:<18} {' '.join(f'{peak:>6}' for peak in peaks)}")

    def _leaks(self, pool: Pool) -> None:
        """The bound table."""
        jobs = [LeakJob(plan.LEAK_SEED + i, size.hole_mm, size.limit_s) for size in plan.SIZES for i in range(self._seeds(size))]
        results = only(LeakResult, pool.map("leaks", jobs, not self._json))
        for size in plan.SIZES:
            mine = [result for result in results if result.job.hole_mm == size.hole_mm]
            found = [result.delay_s for result in mine]
            self._add(delay_row(f"leak {size.name}", OURS, found, size.want, self._upper, self._seconds, bound=size.want is not None))
        before = sum(result.false_alarms for result in results)
        if before:
            hours = sum(result.before_s for result in results) / 3600.0
            self._note(f"{before} false leak verdicts in {hours:.0f} h before the onsets of these trials")

    def _seeds(self, size: Size) -> int:
        return self.how.slow_seeds if size.limit_s > DAY_S else self.how.seeds

    def _conditions(self, pool: Pool) -> None:
        """The same table cold, hot and in coloured noise: reported."""
        sizes = [size for size in plan.SIZES if size.want is not None]
        jobs = [
            LeakJob(plan.LEAK_SEED + i, size.hole_mm, size.limit_s, overrides)
            for overrides in plan.CONDITIONS.values()
            for size in sizes
            for i in range(max(1, self.how.condition_seeds // (4 if size.limit_s > DAY_S else 1)))
        ]
        results = only(LeakResult, pool.map("cold, hot, coloured", jobs, not self._json))
        for name, overrides in plan.CONDITIONS.items():
            for size in sizes:
                mine = [r for r in results if r.job.hole_mm == size.hole_mm and r.job.overrides == overrides]
                self._add(delay_row(f"leak {size.name}, {name}", OURS, [r.delay_s for r in mine], None, None, 0.0))
            before = sum(r.false_alarms for r in results if r.job.overrides == overrides)
            if before:
                self._note(f"{name}: {before} false leak verdicts before the onsets")

    def _rates(self, pool: Pool) -> None:
        """Coverage, width and hole of the rate estimate."""
        sizes = [size for size in plan.SIZES if size.name in plan.RATE_SIZES]
        seeds = range(plan.RATE_SEED, plan.RATE_SEED + self.how.rate_runs)
        jobs = [LeakJob(seed, size.hole_mm, size.limit_s, rate=True) for size in sizes for seed in seeds]
        results = only(LeakResult, pool.map("rate", jobs, not self._json))
        for size in sizes:
            runs = [result.rate for result in results if result.job.hole_mm == size.hole_mm and result.rate is not None]
            for row in rate_figures.rows(size.name, runs):
                self._add(row)

    def _side_by_side(self, pool: Pool) -> None:
        """The peers and the bound on the same traces."""
        thresholds, slow = self._tune(pool)
        jobs = [
            LeakJob(plan.LEAK_SEED + i, size.hole_mm, size.peer_limit_s, peers=thresholds, keep=i < self.how.slow_peer_seeds)
            for size in plan.SIZES[:-1]
            for i in range(self.how.peer_seeds)
        ]
        results = only(LeakResult, pool.map("peers", jobs, not self._json))
        for size in plan.SIZES[:-1]:
            mine = [result for result in results if result.job.hole_mm == size.hole_mm]
            case = f"leak {size.name}, side by side"
            names = dict.fromkeys(key[0] for key in FAST)
            peers = [self._best(case, name, [key for key in FAST if key[0] == name], mine) for name in names]
            kept = [result for result in mine if result.slow is not None]
            for peer in slow:
                found = [peer.delay_s(result.slow, round(result.before_s)) for result in kept]
                peers.append(delay_row(case, peer.name, found, None, poisson_upper(0, peer.seconds / YEAR_S), peer.seconds))
            for row in _first_of_each(peers):
                self._add(row)
            bound = delays_s(size.hole_mm, min(size.peer_limit_s, 7200.0), 200)
            self._add(delay_row(case, BOUND, bound, None, 1.0 / 10.0, 0.0))
            ours = [result.delay_s for result in mine]
            self._add(self._standing(case, size, ours, peers, quantile(bound, 0.5)))

    def _tune(self, pool: Pool) -> tuple[dict[str, float], list[slow_peers.Tuned]]:
        jobs = [NuisanceJob(plan.TUNING_SEED + i, 1.0, peers=True) for i in range(self.how.tuning_days)]
        results = only(NuisanceResult, pool.map("tuning the peers", jobs, not self._json))
        self._tuning_s = len(results) * DAY_S
        thresholds = {label(*key): max(result.excursions[label(*key)] for result in results) for key in FAST}
        self._note(f"peers: thresholds are the largest excursion in {self._tuning_s / DAY_S:.0f} nuisance days")
        self._note("peers: at each size the best of their settings counts, which is an advantage to them")
        if not slow_peers.is_there():
            self._note("river and ruptures are not installed: pip install 'isoloop[bench]'")
            return thresholds, []
        slow = slow_peers.tune([result.slow for result in results], self.how.slow_peer_s)
        self._note(f"river and ruptures: 1 s means, tuned within {self.how.slow_peer_s:g} s each, which is an advantage to them")
        return thresholds, slow

    def _best(self, case: str, name: str, keys: Sequence[tuple[str, str]], results: Sequence[LeakResult]) -> Row:
        """The setting with the smallest median, then p95."""
        upper = poisson_upper(0, self._tuning_s / YEAR_S)
        rows = []
        for key in keys:
            found = [result.peer_delays[label(*key)] for result in results]
            rows.append(delay_row(case, f"{name} ({key[1]})", found, None, upper, self._tuning_s))
        return min(rows, key=_order)

    def _standing(self, case: str, size: Size, ours: Sequence[float | None], peers: Sequence[Row], bound: float | None) -> Row:
        """Ours beside them, and in words where it is not ahead."""
        row = delay_row(case, OURS, ours, None, self._upper, self._seconds)
        ahead = [peer.method for peer in peers if peer.median is not None and (row.median is None or peer.median < row.median)]
        want, ok = "ahead of peers", not ahead
        if size.name in ("0.8 mm", "0.3 mm"):
            want = "ahead, <= 2 bound"
            ok = ok and row.median is not None and bound is not None and row.median <= 2.0 * bound
        for peer in ahead:
            self._note(f"{case}: {peer} is quicker than isoloop")
        return Row(case, OURS, row.n, row.median, row.p95, "s", want, ok, self._upper, self._seconds)

    def _epa(self, pool: Pool) -> None:
        """EPA 40 CFR 280.44 on target unix."""
        runs = self.how.epa_runs
        jobs = [epa.EpaJob(epa.FIRST_SEED + i, i < runs) for i in range(2 * runs)]
        results = only(epa.EpaResult, pool.map("EPA trial", jobs, not self._json))
        leaks, tight = [r for r in results if r.job.leak], [r for r in results if not r.job.leak]
        found = [r for r in leaks if r.delay_s is not None]
        alarmed = [r for r in tight if r.false_alarms or r.false_isolations]
        low, _ = binomial_bounds(len(found), len(leaks))
        _, high = binomial_bounds(len(alarmed), len(tight))
        detail = f"EPA 11.4 L/h within 1 h on unix: P_D >= {low:.3f}, P_FA <= {high:.3f} (Clopper-Pearson, 95 %)"
        share, alarm_share = len(found) / len(leaks), len(alarmed) / len(tight)
        all_found = len(found) == len(leaks)
        self._add(delay_row("EPA 11.4 L/h on unix: delay", OURS, [r.delay_s for r in leaks], None, None, 0.0))
        self._add(Row("EPA 11.4 L/h on unix: found", OURS, len(leaks), share, low, "share", "all", all_found, None, 0.0, True))
        self._add(Row("EPA tight on unix: alarms", OURS, len(tight), alarm_share, high, "share", "none", not alarmed, None, 0.0, True))
        self._note(detail)

    def _speeds(self, pool: Pool) -> None:
        """Wall time: reported."""
        for name, rate in speed.ticks_a_second().items():
            wanted = name == "detector bank"
            want = f">= {KERNEL_TICKS_MIN:.0e}" if wanted else "reported"
            self._add(Row(f"speed: {name}", OURS, 1, rate, None, "ticks/s/core", want, not wanted or rate >= KERNEL_TICKS_MIN, None, 0.0))
            if name.startswith("plant"):
                year_s = YEAR_S * 10.0 / rate / 2.0
                want, ok = f"< {YEAR_WALL_MAX_S:g}", year_s < YEAR_WALL_MAX_S
                self._add(Row("speed: a simulated year, two cores", OURS, 1, year_s, None, "s", want, ok, None, 0.0))


def _order(row: Row) -> tuple[float, float]:
    far = 1e12
    return (row.median if row.median is not None else far, row.p95 if row.p95 is not None else far)


def _first_of_each(rows: Sequence[Row]) -> list[Row]:
    """Of rows with the same method the quickest."""
    best: dict[str, Row] = {}
    for row in rows:
        if row.method not in best or _order(row) < _order(best[row.method]):
            best[row.method] = row
    return list(best.values())
