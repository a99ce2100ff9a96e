"""`bydawn`: exit codes are 0, 1 (the job failed or is partial) and 2 (bad usage or input)."""

import sys

import redis
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from jobs.papers import NoSuchJobError
from jobs.readers import InputError
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.stores import StoreError
from producer.commands.look import COMMANDS
from producer.commands.work import run_app, submit_app
from producer.commands.worker import worker
from producer.errors import JobFailedError, UserError

app = typer.Typer(
    help="Batch inference for text: classify, summarise, generate and embed overnight.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals hold rows and may hold secrets
)
app.add_typer(run_app, name="run")
app.add_typer(submit_app, name="submit")
for command in (*COMMANDS, worker):
    app.command()(command)

_USERS_FAULT = (
    UserError,
    InputError,
    StoreError,
    NoSuchJobError,
    NewerFormatError,
    CorruptObjectError,
)


def main() -> None:
    try:
        app()
    except JobFailedError:
        sys.exit(1)
    except ValidationError as error:
        _complain("; ".join(_sentence(dict(each)) for each in error.errors()))
    except redis.RedisError as error:
        _complain(f"Redis went away: {error}; the job goes on when it is back")
    except _USERS_FAULT as error:
        _complain(str(error))


def _sentence(error: dict[str, object]) -> str:
    where = ".".join(str(part) for part in error["loc"]) if isinstance(error["loc"], tuple) else ""
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def _complain(message: str) -> None:
    line = Text.assemble(("bydawn: ", "red"), message)
    Console(stderr=True).print(line, soft_wrap=True)
    sys.exit(2)
