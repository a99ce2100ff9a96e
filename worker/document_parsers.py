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


class UnwantedDocument(Exception):
    """Whoever asked for its text has no use for it any more."""


class DocumentParsers:
    """Shared by all threads of a worker; a process is started when a document first needs it."""

    def __init__(
        self, limits: ParseLimits, num_processes: int = 2, module: str = "worker.parse_child"
    ) -> None:
        self.limits = limits
        self._num_processes = num_processes
        self._module = module
        self._lock = threading.Lock()
        self._turn = threading.Condition(self._lock)
        self._idle: list[ParserProcess] = []
        self._busy: dict[ParserProcess, threading.Event] = {}  # and what says that they needn't go on
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        with self._lock:
            return [process.pid for process in (*self._idle, *self._busy)]

    def text(self, name: str, body: bytes, unwanted: threading.Event | None = None) -> PagedText:
        """The document's text; the wait for a free process does not count.

        Raises:
            DocumentError: it gives no text, or breaks a limit, which the message names.
            UnwantedDocument: `drop` was told that nobody waits for it.
            StoreUnavailable: this worker is being closed, and the document is for another one.
        """
        if is_plain(name, body):
            document = parse_document(name, body)
            return PagedText(document.text, document.page_starts)
        return _text(self._ask(name, body, unwanted or threading.Event()))

    def drop(self, unwanted: threading.Event) -> None:
        """Set the event; what is being parsed under it ends at once, and what waits for that never begins."""
        with self._lock:
            unwanted.set()
            for process, is_unwanted in self._busy.items():
                if is_unwanted is unwanted:
                    process.kill()  # whose thread sees its death, and closes the pipe
            self._turn.notify_all()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.kill()
            self._turn.notify_all()
        for process in idle:
            process.close()

    def _ask(self, name: str, body: bytes, unwanted: threading.Event) -> bytes:
        for _ in range(_NUM_TRIES):
            process = self._take(unwanted)
            try:
                return process.ask(name, body)
            except LimitBroken as limit:
                fault = f"{name} takes more than {limit} to parse; split it, or save it in a simpler format"
                raise DocumentError(Code.UNREADABLE, fault) from limit
            except ParserDied as death:
                if not (unwanted.is_set() or self._is_closed):  # else it was killed by us
                    log.warning("action=parser_died error=%s", death)
            finally:
                self._give_back(process)
        with self._lock:
            self._refuse_if_useless(unwanted)
        fault = f"{name} crashed the process that parsed it, {_NUM_TRIES} times; save it anew and resubmit"
        raise DocumentError(Code.UNREADABLE, fault)

    def _take(self, unwanted: threading.Event) -> ParserProcess:
        with self._lock:
            self._refuse_if_useless(unwanted)
            while len(self._busy) >= self._num_processes:
                self._turn.wait()
                self._refuse_if_useless(unwanted)
            process = self._idle_process() or ParserProcess(self._module, self.limits)
            self._busy[process] = unwanted
            return process

    def _idle_process(self) -> ParserProcess | None:
        while self._idle:
            if (process := self._idle.pop()).is_usable:
                return process
            process.close()
        return None

    def _give_back(self, process: ParserProcess) -> None:
        with self._lock:
            del self._busy[process]
            if process.is_usable and not self._is_closed:
                self._idle.append(process)
            else:
                process.close()
            self._turn.notify()

    def _refuse_if_useless(self, unwanted: threading.Event) -> None:
        if unwanted.is_set():
            raise UnwantedDocument
        if self._is_closed:
            raise StoreUnavailable("this worker is being closed; its documents are read elsewhere")


def _text(answer: bytes) -> PagedText:
    """What `parse_child` wrote. It comes from a process that a document may have taken over."""
    told = json.loads(answer)
    if "text" in told:
        return PagedText(str(told["text"]), tuple(map(int, told["page_starts"])))
    raise DocumentError(Code(told["code"]), str(told["message"]))
