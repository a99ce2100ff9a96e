"""What of a shard is finished: rows, and sections of documents that aren't finished themselves."""

import hashlib
import threading
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from engine import Completion, FinishReason, Request
from jobs.outcome import Outcome, Status, Usage
from worker.model import usage_of


class SectionAnswer(BaseModel):
    """What the engine said of a section; `asked` is a hash of the whole request."""

    model_config = ConfigDict(frozen=True)

    row_id: str
    asked: str
    text: str
    cut_off: bool = False
    usage: Usage = Usage()


Finished = Outcome | SectionAnswer


class ShardMemory:
    """Written by the event loop that runs the shard, read by the thread that saves it."""

    def __init__(self, finished: Iterable[Finished] = ()) -> None:
        self._outcomes: dict[str, Outcome] = {}
        self._sections: dict[str, dict[str, SectionAnswer]] = {}  # by row, then by what was asked
        self._lock = threading.Lock()
        self._num_changes = 0
        for each in finished:
            self._keep(each)
        self._num_changes = 0

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """A copy, by row."""
        with self._lock:
            return dict(self._outcomes)

    def keep_outcome(self, outcome: Outcome) -> None:
        """Keep how a row ended, unless it was only stopped: the next worker may find the job resumed."""
        self._keep(outcome)

    def keep_section(self, row_id: str, request: Request, completion: Completion) -> SectionAnswer:
        answer = SectionAnswer(
            row_id=row_id,
            asked=_digest(request),
            text=completion.text,
            cut_off=completion.finish_reason is FinishReason.LENGTH,
            usage=usage_of(completion),
        )
        self._keep(answer)
        return answer

    def section(self, row_id: str, request: Request) -> SectionAnswer | None:
        """The answer to this very request, if there is one: one to another prompt doesn't count."""
        with self._lock:
            return self._sections.get(row_id, {}).get(_digest(request))

    def snapshot(self) -> tuple[int, list[Finished]]:
        """How often it has changed since it was made, and all that it holds."""
        with self._lock:
            sections = [answer for answers in self._sections.values() for answer in answers.values()]
            return self._num_changes, [*self._outcomes.values(), *sections]

    def _keep(self, finished: Finished) -> None:
        with self._lock:
            match finished:
                case Outcome(status=Status.OK | Status.FAILED):
                    self._outcomes[finished.id] = finished
                    self._sections.pop(finished.id, None)
                case SectionAnswer() if finished.row_id not in self._outcomes:
                    self._sections.setdefault(finished.row_id, {})[finished.asked] = finished
                case _:
                    return
            self._num_changes += 1


def _digest(request: Request) -> str:
    return hashlib.sha256(repr(request).encode()).hexdigest()
