"""`summarize`: its options and its spec."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from jobs.prompt_template import VARIABLES
from jobs.spec import SummarizeSpec
from jobs.spec.summarize import Strategy
from jobs.styles import STYLES
from producer import options
from producer.inputs import parse_prompt

_STYLE_WORDS = ", ".join(f"{name} {style.words}" for name, style in STYLES.items())

MaxWords = Annotated[
    int | None,
    typer.Option(
        min=5,
        max=2000,
        help="Of a summary; it never has more.",
        rich_help_panel=options.JOB,
        show_default=f"by style: {_STYLE_WORDS}",
    ),
]
SectionTokens = Annotated[
    int,
    typer.Option(
        min=64,
        max=options.MAX_TOKENS,
        help="Longer documents are cut; a large model takes more.",
        rich_help_panel=options.JOB,
    ),
]
StyleOption = Annotated[str, typer.Option(help=f"{', '.join(STYLES)}.", rich_help_panel=options.JOB)]
Language = Annotated[
    str | None,
    typer.Option(
        help="Asked of the model, such as German. Small ones know English only: try a few rows.",
        rich_help_panel=options.JOB,
        show_default="the document's",
    ),
]
Focus = Annotated[
    str | None, typer.Option(help="A question that summaries are to answer.", rich_help_panel=options.JOB)
]
PromptFile = Annotated[
    Path | None,
    typer.Option(
        help=f"Your own prompt, in Jinja; variables: {', '.join(VARIABLES)}.", rich_help_panel=options.JOB
    ),
]
StrategyOption = Annotated[
    str,
    typer.Option(
        help="auto; stuff: never cut; tree: sections merged; refine: one summary carried through them.",
        rich_help_panel=options.JOB,
    ),
]
Cite = Annotated[
    bool,
    typer.Option(
        "--cite",
        help="Say of each sentence which section (s1 is the first) and page has its words, names and "
        "numbers; an empty list where none has.",
        rich_help_panel=options.JOB,
    ),
]
assert set(get_args(Strategy)) == {"auto", "stuff", "tree", "refine"}


def summarize(
    max_words: MaxWords = None,
    section_tokens: SectionTokens = 2000,
    style: StyleOption = "paragraph",
    language: Language = None,
    focus: Focus = None,
    prompt_file: PromptFile = None,
    strategy: StrategyOption = "auto",
    cite: Cite = False,
) -> SummarizeSpec:
    """A summary per document, however long it is."""
    known: dict[str, int] = {name: each.words for name, each in STYLES.items()}
    return SummarizeSpec.model_validate(
        {
            "max_words": max_words or known.get(style, 120),  # an unknown style is refused with the others
            "section_tokens": section_tokens,
            "style": style,
            "language": language,
            "focus": focus,
            "prompt": parse_prompt(prompt_file),
            "strategy": strategy,
            "cite": cite,
        }
    )
