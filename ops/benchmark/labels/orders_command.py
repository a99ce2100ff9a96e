"""`bash ops/bench orders`."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from ops.benchmark.labels.command import Data, Json, Markdown, folder_of_data
from ops.benchmark.labels.orders import NUM_ORDERS, Moved, count_moved, orders_of
from ops.benchmark.labels.splits import NUM_HISTORY, clinc
from ops.benchmark.labels.ways import Bench
from ops.benchmark.machine import machine
from ops.benchmark.tables import Table

NUM_TICKETS = 300
"""Plain tickets of the job, so that the prior is learned from an ordinary job's rows."""

console = Console()


def orders(data: Data = None, json_file: Json = None, markdown_file: Markdown = None) -> None:
    """How many labels move when tickets order one: by a prompt, and by a fitted head."""
    split = clinc(folder_of_data(data))
    given = orders_of(split.test, split.labels)
    rows = [*split.test[:NUM_TICKETS], *(each.ticket for each in given)]
    with tempfile.TemporaryDirectory() as scratch, console.status(f"{NUM_ORDERS} tickets that give orders"):
        bench = Bench(Path(scratch), len(rows))
        head = bench.head("clinc", list(split.pool[:NUM_HISTORY]))
        found = [
            count_moved(
                "no examples", given, bench.labels("prompt", rows, "--labels", ",".join(split.labels))
            ),
            count_moved(f"head of {NUM_HISTORY:,} rows", given, bench.labels("head", rows, "--head", head)),
        ]
    console.print(_table(found).for_screen())
    if json_file is not None:
        content = {
            "command": "bash ops/bench orders",
            "machine": machine(),
            "moved": list(map(asdict, found)),
        }
        json_file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if markdown_file is not None:
        markdown_file.write_text(_table(found).for_markdown(), encoding="utf-8")


def _table(found: list[Moved]) -> Table:
    cells = [[each.way, f"{each.orders}", f"{each.moved}", f"{each.obeyed}"] for each in found]
    return Table("Tickets that give orders", ["way", "tickets", "label moved", "as demanded"], cells)
