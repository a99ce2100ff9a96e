"""Pictures of an evaluation, as PNG."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from producer.evaluation.calibration import Calibration
from producer.evaluation.classification import Confusion
from producer.plain import plain

MAX_LABELS = 60
_MAX_NUMBERED_LABELS = 25
_MAX_LABEL_CHARS = 28
_DPI = 144
_MAX_SIDE_PIXELS = 2400
_NO_LABEL = "(no answer)"


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours for a page of one kind; `paper` is what no rows look like."""

    ink: str
    paper: str
    full: str
    muted: str


LIGHT = Theme(ink="#1c2330", paper="#ffffff", full="#1d5fb8", muted="#9aa3b2")
DARK = Theme(ink="#e4e8ef", paper="#161b24", full="#7fb4ff", muted="#687182")


def confusion_picture(confusion: Confusion, theme: Theme, *, is_opaque: bool = False) -> bytes:
    """Right labels down, given ones across, each cell coloured by its share of the right label's rows.

    Of more than 60 labels those with the most mistakes.
    """
    counts, down = most_mistaken(confusion, MAX_LABELS)
    across = [*down, _NO_LABEL] if counts[:, -1].any() else down
    counts = counts[:, : len(across)]
    side = 1.8 + 0.34 * max(len(across), 4)
    with _axes((side + 0.8, side)) as axes:
        _draw_cells(axes, counts, theme)
        axes.set_xticks(range(len(across)), list(map(_short, across)), rotation=90)
        axes.set_yticks(range(len(down)), list(map(_short, down)))
        axes.set_xlabel("given")
        axes.set_ylabel("right")
        return _png(axes, theme, is_opaque=is_opaque)


def most_mistaken(confusion: Confusion, at_most: int) -> tuple[NDArray[np.int64], list[str]]:
    """The matrix of the labels with the most mistakes, in its own order; the last column stays."""
    counts = np.array(confusion.counts, dtype=np.int64).reshape(len(confusion.labels), -1)
    if len(confusion.labels) <= at_most:
        return counts, list(confusion.labels)
    square = counts[:, :-1]
    mistakes = counts.sum(axis=1) + square.sum(axis=0) - 2 * square.diagonal()
    kept = np.sort(np.argsort(-mistakes, kind="stable")[:at_most])
    return counts[np.ix_(kept, np.append(kept, -1))], [confusion.labels[place] for place in kept]


def _draw_cells(axes: Axes, counts: NDArray[np.int64], theme: Theme) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = LinearSegmentedColormap.from_list("rows", [theme.paper, theme.full])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1)
    if max(counts.shape) > _MAX_NUMBERED_LABELS:
        return
    for (truth, given), rows in np.ndenumerate(counts):
        if rows:
            ink = theme.paper if shares[truth, given] > 0.5 else theme.ink
            axes.text(given, truth, f"{rows}", ha="center", va="center", color=ink, fontsize=7)


def calibration_picture(calibration: Calibration, theme: Theme) -> bytes:
    """For each bin the share of right answers, beside the diagonal on which confidence keeps its word."""
    bins = [each for each in calibration.bins if each.accuracy is not None]
    with _axes((4.6, 3.6)) as axes:
        middles = [(each.low + each.high) / 2 for each in bins]
        heights = [each.accuracy or 0.0 for each in bins]
        axes.bar(middles, heights, width=0.09, color=theme.full, alpha=0.85)
        axes.plot([0, 1], [0, 1], color=theme.muted, linestyle="--", linewidth=1)
        for middle, height, each in zip(middles, heights, bins, strict=True):
            axes.text(middle, height + 0.02, f"{each.rows}", ha="center", fontsize=7, color=theme.ink)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.1)
        axes.set_xlabel("confidence")
        axes.set_ylabel("share right")
        return _png(axes, theme)


@contextmanager
def _axes(size_inch: tuple[float, float]) -> Iterator[Axes]:
    """Without pyplot, which keeps figures alive and may want a display."""
    # Labels are others' words: "$" in them starts no formula.
    with rc_context({"text.parse_math": False, "font.size": 8}):
        figure = Figure(figsize=size_inch, layout="tight")
        FigureCanvasAgg(figure)
        yield figure.add_subplot()


def _png(axes: Axes, theme: Theme, *, is_opaque: bool = False) -> bytes:
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.patch.set_alpha(1.0 if is_opaque else 0.0)
    figure.patch.set_facecolor(theme.paper)
    axes.set_facecolor("none")
    axes.tick_params(colors=theme.ink)
    for spine in axes.spines.values():
        spine.set_color(theme.muted)
    for name in (axes.xaxis.label, axes.yaxis.label):
        name.set_color(theme.ink)
    body = io.BytesIO()
    with warnings.catch_warnings():
        # A script that the font lacks is drawn as boxes.
        warnings.filterwarnings("ignore", message=".*[Gg]lyph")
        figure.savefig(body, format="png", dpi=min(_DPI, _MAX_SIDE_PIXELS / max(figure.get_size_inches())))
    return body.getvalue()


def _short(label: str) -> str:
    shown = plain(label).replace("\n", " ")
    return shown if len(shown) <= _MAX_LABEL_CHARS else f"{shown[: _MAX_LABEL_CHARS - 1]}…"
