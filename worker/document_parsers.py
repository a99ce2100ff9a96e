"""Documents as text, parsed in a few processes with limits that are kept between documents."""

import json
import logging
import threading

from jobs.documents import DocumentError, PagedText, is_plain, parse_document
from jobs.outcome import Code
from jobs.stores import StoreUnavailable
from worker.parse_process import LimitBroken, ParseLimits, ParserDied, ParserProcess

log = logging.getLogger(__name__)

# Once more after a death: the kernel or an operator may have killed the process for reasons of their own.
_NUM_TRIES = 2


class DocumentParsers:
    """Shared by all threads of a worker; a process is started when a document first needs it."""

    def __init__(
        self, limits: ParseLimits, num_processes: int = 2, module: str = "worker.parse_child"
    ) -> None:
        self.limits = limits
        self._module = module
        self._turns = threading.BoundedSemaphore(num_processes)
        self._lock = threading.Lock()
        self._all: set[ParserProcess] = set()
        self._idle: list[ParserProcess] = []
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        with self._lock:
            return [process.pid for process in self._all]

    def text(self, name: str, body: bytes) -> PagedText:
        """The document's text; the wait for a free process does not count.

        Raises:
            DocumentError: it gives no text, or breaks a limit, which the message names.
            StoreUnavailable: this worker is being closed, and the document is for another one.
        """
        if is_plain(name, body):
            document = parse_document(name, body)
            return PagedText(document.text, document.page_starts)
        with self._turns:
            return _text(self._ask(name, body))

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._is_closed = True
            idle, busy = self._idle, self._all.difference(self._idle)
            self._idle, self._all = [], set()
        for process in idle:
            process.close()
        for process in busy:  # whose thread sees its death, and closes the pipe
            process.kill()

    def _ask(self, name: str, body: bytes) -> bytes:
        for _ in range(_NUM_TRIES):
            process = self._take()
            try:
                return process.ask(name, body)
            except LimitBroken as limit:
                fault = f"{name} takes more than {limit} to parse; split it, or save it in a simpler format"
                raise DocumentError(Code.UNREADABLE, fault) from limit
            except ParserDied as death:
                log.warning("action=parser_died error=%s", death)
            finally:
                self._give_back(process)
        with self._lock:
            self._refuse_if_closed()
        fault = f"{name} crashed the process that parsed it, {_NUM_TRIES} times; save it anew and resubmit"
        raise DocumentError(Code.UNREADABLE, fault)

    def _take(self) -> ParserProcess:
        with self._lock:
            self._refuse_if_closed()
            while self._idle:
                if (process := self._idle.pop()).is_usable:
                    return process
                self._forget(process)
            process = ParserProcess(self._module, self.limits)
            self._all.add(process)
            return process

    def _give_back(self, process: ParserProcess) -> None:
        with self._lock:
            if process.is_usable and not self._is_closed:
                self._idle.append(process)
            else:
                self._forget(process)

    def _forget(self, process: ParserProcess) -> None:
        process.close()
        self._all.discard(process)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("this worker is being closed; its documents are read elsewhere")


def _text(answer: bytes) -> PagedText:
    """What `parse_child` wrote. It comes from a process that a document may have taken over."""
    told = json.loads(answer)
    if "text" in told:
        return PagedText(str(told["text"]), tuple(map(int, told["page_starts"])))
    raise DocumentError(Code(told["code"]), str(told["message"]))
