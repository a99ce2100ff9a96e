"""A table of texts, for the screen and for Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table as RichTable


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a title; the first column is a name, the others are figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def for_screen(self) -> RichTable:
        """As rich draws it."""
        table = RichTable(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left", no_wrap=not number)
        for row in self.rows:
            table.add_row(*row)
        return table

    def turned(self) -> "Table":
        """The rows as columns: for few rows of many figures, which are wider than a terminal."""
        names, *figures = zip(self.columns, *self.rows, strict=True)
        return Table(self.title, names, figures)

    def for_markdown(self) -> str:
        """With the title as a heading."""
        alignments = ["---", *["---:"] * (len(self.columns) - 1)]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in (self.columns, alignments, *self.rows))
        return f"### {self.title}\n\n{table}\n"


def number(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash for what was not measured."""
    return "-" if value is None else f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    """A share in percent."""
    return "-" if value is None else f"{value:.1%}"
