"""One run: work goes on while everything is killed, cut and stopped; then it is given time to end."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from jobs.layout import OPEN_PREFIX
from jobs.outcome import Status
from jobs.papers import NoSuchJobError
from jobs.shards import CorruptObjectError
from tests.crash.chaos.audit import Defect, Evidence, Finding, audit
from tests.crash.chaos.evidence import collect, written_once
from tests.crash.chaos.expected import Oracle
from tests.crash.chaos.plan import Event, Fault, draw_plan
from tests.crash.chaos.schedule import Schedule
from tests.crash.chaos.screen import Screen
from tests.crash.chaos.site import Site, site
from tests.crash.chaos.submitter import Submitter

START_LIMIT_S = 120.0
_LOOK_INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a run."""

    seed: int
    minutes: float
    num_workers: int
    grace_s: float


@dataclass(slots=True)
class Verdict:
    """What came of it."""

    num_jobs: int = 0
    num_rows: int = 0
    ended: Counter[Status] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    num_skipped: int = 0
    num_parts: int = 0
    num_worker_starts: int = 0
    num_refused: int = 0
    longest_gap_s: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def num_kills(self) -> int:
        return sum(count for fault, count in self.faults.items() if fault.is_kill)

    @property
    def exit_code(self) -> int:
        return 1 if self.findings else 0

    def count(self, defect: Defect) -> int:
        return sum(finding.defect is defect for finding in self.findings)


def run(options: Options, folder: Path, screen: Screen) -> Verdict:
    """Leaves in the folder what the processes said. Raises TimeoutError where no worker becomes ready."""
    with site(folder, options.num_workers) as there:
        try:
            return _Run(options, there, screen).to_its_end()
        finally:
            there.over.set()


class _Run:
    def __init__(self, options: Options, there: Site, screen: Screen) -> None:
        self._options = options
        self._site = there
        self._screen = screen
        self._submitter = Submitter(there, options.seed)
        plan = draw_plan(options.seed, options.minutes * 60, options.num_workers)
        self._schedule = Schedule(there, plan, self._tell)
        self._verdict = Verdict()

    def to_its_end(self) -> Verdict:
        self._screen.doing("waiting for the workers")
        self._start()
        self._screen.doing(f"work and faults for {self._options.minutes:g} minutes")
        self._submitter.start()
        self._schedule.run()
        self._screen.doing(f"no more faults: the jobs have {self._options.grace_s:g} s to end")
        deadline_s = time.monotonic() + self._options.grace_s
        self._submitter.stop()
        self._wait(lambda: not self._open_jobs(), deadline_s - time.monotonic())
        for each in self._site.places:
            each.close()  # so that nothing changes any more
        self._screen.doing("looking at every row")
        self._look_at_processes()
        self._look_at_jobs()
        return self._verdict

    def _start(self) -> None:
        all_ready = self._wait(lambda: all(each.life.is_ready for each in self._site.places), START_LIMIT_S)
        if not all_ready:
            raise TimeoutError(f"not all workers were ready within {START_LIMIT_S:.0f} s")

    def _wait(self, happens: Callable[[], bool], timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while not (happened := happens()) and time.monotonic() < deadline_s:
            time.sleep(_LOOK_INTERVAL_S)
        return happened

    def _open_jobs(self) -> list[str]:
        return list(self._site.store.list(OPEN_PREFIX))

    def _tell(self, event: Event, whom: str) -> None:
        self._screen.struck(event, whom, self._schedule.struck.total(), len(self._submitter.jobs))

    def _look_at_processes(self) -> None:
        verdict, places = self._verdict, self._site.places
        verdict.faults = self._schedule.struck
        verdict.num_skipped = self._schedule.num_skipped
        verdict.num_refused = self._submitter.num_refused
        verdict.num_worker_starts = sum(each.num_starts for each in places)
        died = [each for place in places for each in place.complaints]
        verdict.findings += [Finding(Defect.DIED, each) for each in died]
        broke = [*self._submitter.complaints, *map(repr, self._schedule.errors)]
        verdict.findings += [Finding(Defect.BROKE, each) for each in broke]

    def _look_at_jobs(self) -> None:
        oracle = Oracle(self._site.model)
        settled_at: list[datetime] = []
        for job_id, order in self._submitter.jobs.items():
            writes = written_once(self._site.versions, job_id)
            settled_at += (each.first_at for key, each in writes.items() if "/parts/" in key)
            try:
                self._add(collect(self._site.store, oracle, job_id, order, writes))
            except (CorruptObjectError, NoSuchJobError, ValueError) as error:
                self._verdict.findings.append(Finding(Defect.UNREADABLE, f"{job_id}: {error}"))
        self._verdict.num_parts = len(settled_at)
        self._verdict.longest_gap_s = longest_gap_s(settled_at)
        known = self._submitter.jobs.keys()
        strangers = [job for job in self._open_jobs() if job.removeprefix(OPEN_PREFIX) not in known]
        self._verdict.findings += [Finding(Defect.UNENDED, f"{job}: nobody's") for job in strangers]

    def _add(self, evidence: Evidence) -> None:
        verdict = self._verdict
        verdict.num_jobs += 1
        verdict.num_rows += len(evidence.expected)
        verdict.ended.update(row.status for part in evidence.parts for row in part)
        verdict.findings += audit(evidence)


def longest_gap_s(moments: Sequence[datetime]) -> float:
    """The longest time between two neighbours, 0 where there are none."""
    gaps = ((later - earlier).total_seconds() for earlier, later in pairwise(sorted(moments)))
    return max(gaps, default=0.0)
