"""`generate`: its options and its spec."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.spec import GenerateSpec
from producer import options
from producer.constraints import check_constraint
from producer.inputs import parse_choices, parse_schema

MaxTokens = Annotated[int, typer.Option(min=1, max=32_768, help="Of an answer.", rich_help_panel=options.JOB)]
Temperature = Annotated[
    float, typer.Option(min=0.0, max=2.0, help="0 is greedy.", rich_help_panel=options.JOB)
]
TopK = Annotated[
    int | None,
    typer.Option(
        min=1, max=options.MAX_TOKENS, help="Draw from the K likeliest.", rich_help_panel=options.JOB
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        help="Draw from the likeliest that have this share together: above 0, at most 1.",
        rich_help_panel=options.JOB,
    ),
]
MinP = Annotated[
    float | None,
    typer.Option(
        help="Leave out what is less likely than this times the likeliest: above 0, at most 1.",
        rich_help_panel=options.JOB,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(help="The same random draws for a row on every run.", rich_help_panel=options.JOB),
]
Stop = Annotated[
    list[str] | None,
    typer.Option(help="End the answer before this text; may be given again.", rich_help_panel=options.JOB),
]
Choices = Annotated[
    str | None, typer.Option(help="Comma-separated; the answer is one of them.", rich_help_panel=options.JOB)
]
SchemaFile = Annotated[
    Path | None,
    typer.Option("--json-schema", help="The answer is JSON, valid under it.", rich_help_panel=options.JOB),
]
Regex = Annotated[
    str | None, typer.Option(help="The whole answer matches it; Rust's syntax.", rich_help_panel=options.JOB)
]
System = Annotated[
    str | None, typer.Option(help="The system message of every prompt.", rich_help_panel=options.JOB)
]


def generate(
    max_tokens: MaxTokens = 256,
    temperature: Temperature = 0.0,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    seed: Seed = None,
    stop: Stop = None,
    system: System = None,
    choices: Choices = None,
    json_schema: SchemaFile = None,
    regex: Regex = None,
) -> GenerateSpec:
    """An answer per prompt, or per `messages` of a JSONL row."""
    spec = GenerateSpec(
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        seed=seed,
        stop=tuple(stop or ()),
        system=system,
        choices=parse_choices(choices),
        json_schema=parse_schema(json_schema),
        regex=regex,
    )
    check_constraint(spec)
    return spec
