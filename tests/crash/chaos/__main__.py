"""`python -m tests.crash.chaos`, as ops/chaos calls it in the repository root."""

from tests.crash.chaos.cli import app

app(prog_name="bash ops/chaos")
