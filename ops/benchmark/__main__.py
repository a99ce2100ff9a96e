"""`python -m ops.benchmark`, as ops/bench calls it in the repository root."""

from ops.benchmark.cli import app

app(prog_name="bash ops/bench")
