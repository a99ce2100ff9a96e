"""One function per kind of job, from its own options to its spec; `run` and `submit` share them."""

from collections.abc import Callable
from typing import get_args

from jobs.spec import ClassifySpec, EmbedSpec, GenerateSpec, Kind, Spec, SummarizeSpec
from producer import options
from producer.constraints import check_constraint
from producer.errors import UserError
from producer.inputs import parse_choices, parse_examples, parse_labels, parse_schema


def classify(
    labels: options.Labels = None,
    labels_file: options.LabelsFile = None,
    examples: options.Examples = None,
    label_field: options.LabelField = "label",
    text_field: options.TextField = None,
    label_only: options.LabelOnly = False,
) -> ClassifySpec:
    """One label per text, with a probability for each."""
    return ClassifySpec(
        labels=parse_labels(labels, labels_file),
        examples=parse_examples(examples, text_field, label_field),
        scores=not label_only,
    )


def summarize(
    max_words: options.MaxWords = 120, section_tokens: options.SectionTokens = 2000
) -> SummarizeSpec:
    """A summary per document, however long it is."""
    return SummarizeSpec(max_words=max_words, section_tokens=section_tokens)


def generate(
    max_tokens: options.MaxTokens = 256,
    temperature: options.Temperature = 0.0,
    top_k: options.TopK = None,
    top_p: options.TopP = None,
    min_p: options.MinP = None,
    seed: options.Seed = None,
    stop: options.Stop = None,
    system: options.System = None,
    choices: options.Choices = None,
    json_schema: options.SchemaFile = None,
    regex: options.Regex = None,
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


def embed(pool: options.Pool = "mean", layer: options.Layer = -1) -> EmbedSpec:
    """A vector per text: the model's pooled hidden states."""
    allowed = get_args(EmbedSpec.model_fields["pool"].annotation)
    if pool not in allowed:
        raise UserError(f"--pool can't be {pool!r}; allowed are {', '.join(allowed)}")
    return EmbedSpec.model_validate({"pool": pool, "layer": layer})


KINDS: dict[Kind, Callable[..., Spec]] = {
    "classify": classify,
    "summarize": summarize,
    "generate": generate,
    "embed": embed,
}
