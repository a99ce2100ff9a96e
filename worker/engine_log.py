"""What the engine logs in its process, told in the worker's log, which has a form and a level."""

import logging
from collections.abc import Callable

from worker.engine_messages import Logged


class LogSender(logging.Handler):
    """Sends records of the engine's loggers to the worker, with the trace where there is one."""

    def __init__(self, send: Callable[[Logged], None]) -> None:
        super().__init__(logging.INFO)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(Logged(record.name, record.levelno, self.format(record)))


def send_logs(send: Callable[[Logged], None]) -> None:
    """From now on the engine's records go there, and nowhere else."""
    logger = logging.getLogger("engine")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(LogSender(send))


def log_again(logged: Logged) -> None:
    """In the worker."""
    logging.getLogger(logged.logger).log(logged.level, "%s", logged.text)
