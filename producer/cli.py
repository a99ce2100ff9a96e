"""`bydawn`: exit codes are 0, 1 (a job ended without success) and 2 (bad usage or input)."""

import logging
import os
import sys
from importlib.metadata import version
from typing import Annotated

import redis
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from jobs.papers import NoSuchJobError
from jobs.readers import InputError
from jobs.remove import JobInUseError
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.stores import StoreError
from jobs.submission import SubmissionRemovedError
from jobs.validation import sentence
from producer.commands import control, look, upkeep
from producer.commands.dead import dead
from producer.commands.evaluate import evaluate
from producer.commands.fit import fit
from producer.commands.work import run_app, submit_app
from producer.commands.worker import worker
from producer.errors import JobFailedError, UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals hold rows and may hold secrets
)
app.add_typer(run_app, name="run")
app.add_typer(submit_app, name="submit")
for command in (*look.COMMANDS, *control.COMMANDS, *upkeep.COMMANDS, dead, evaluate, fit, worker):
    app.command()(command)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(version("bydawn"))
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
) -> None:
    """Batch inference for text: classify, summarise, generate and embed overnight."""


_USERS_FAULT = (
    UserError,
    InputError,
    StoreError,
    NoSuchJobError,
    JobInUseError,
    SubmissionRemovedError,
    NewerFormatError,
    CorruptObjectError,
)


def main(arguments: list[str] | None = None) -> None:
    """Run a command, by default the one that this process was given."""
    _log_to_stderr()
    try:
        app(arguments)
    except JobFailedError:
        sys.exit(1)
    except ValidationError as error:
        _complain("; ".join(sentence(dict(each)) for each in error.errors()))
    except redis.RedisError as error:
        _complain(f"Redis went away: {error}; the job goes on when it is back")
    except _USERS_FAULT as error:
        _complain(str(error))
    except Exception as error:
        if "BYDAWN_TRACEBACK" in os.environ:
            raise
        _complain(f"{type(error).__name__}: {error} (BYDAWN_TRACEBACK=1 shows where)")


class _Once(logging.Filter):
    """Lets each message pass once: an input that is checked first is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        is_new = message not in self._seen
        self._seen.add(message)
        return is_new


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.addFilter(_Once())
    logging.basicConfig(level=logging.WARNING, format="bydawn: %(message)s", handlers=[handler])


def _complain(message: str) -> None:
    line = Text.assemble(("bydawn: ", "red"), message)
    Console(stderr=True).print(line, soft_wrap=True)
    sys.exit(2)
