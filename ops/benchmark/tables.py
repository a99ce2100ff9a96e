"""A table of texts, for the screen and for Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table as RichTable


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a title; the first column is a name, the others are figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def for_screen(self) -> "RichTable":
        """As rich draws it."""
        from rich.table import Table as RichTable  # what measures on GPUs prints without

        table = RichTable(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left", no_wrap=not number)
        for row in self.rows:
            table.add_row(*row)
        return table

    def plain(self) -> str:
        """In columns of a terminal's letters."""
        widths = [max(map(len, cells)) for cells in zip(self.columns, *self.rows, strict=True)]
        lines = [_aligned(cells, widths) for cells in (self.columns, *self.rows)]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([self.title, rule, lines[0], rule, *lines[1:]]) + "\n"

    def turned(self) -> "Table":
        """The rows as columns: for few rows of many figures, which are wider than a terminal."""
        names, *figures = zip(self.columns, *self.rows, strict=True)
        return Table(self.title, names, figures)

    def for_markdown(self) -> str:
        """With the title as a heading."""
        alignments = ["---", *["---:"] * (len(self.columns) - 1)]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in (self.columns, alignments, *self.rows))
        return f"### {self.title}\n\n{table}\n"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def number(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash for what was not measured."""
    return "-" if value is None else f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    """A share in percent."""
    return "-" if value is None else f"{value:.1%}"
