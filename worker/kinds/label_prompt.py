"""What a model is shown of a classification: the labels with their examples, then the text.

The examples stand beside their labels, as in a dictionary. As a transcript of messages with their topics,
which is the usual way, they make a small model worse than none: ops/BENCHMARKS.md has the figures.
"""

from collections.abc import Sequence

from engine.tokenizer import Tokenizer
from jobs.spec import ClassifySpec, Example, Label
from worker.kinds import few_shot


class LabelPrompt:
    """Makes prompts of texts; all of a job's begin with the same tokens, whose KV is computed once.

    Raises RowError where the examples don't fit.
    """

    def __init__(self, spec: ClassifySpec, tokenizer: Tokenizer, context_tokens: int) -> None:
        self._tokenizer = tokenizer
        examples = few_shot.choose(
            spec.examples,
            [label.name for label in spec.labels],
            self._count_tokens,
            spec.examples_tokens,
            context_tokens,
        )
        self._topics = _topics(spec.labels, examples)
        self.choices = tuple(f" {spoken(label)}" for label in spec.labels)

    def token_ids(self, text: str) -> list[int]:
        return self._tokenizer.encode_as_text(f"{self._topics}\n\nMessage: {_quoted(text)}\nTopic:")

    def _count_tokens(self, example: Example) -> int:
        return len(self._tokenizer.encode_as_text(f", {_quoted(example.text)}"))


def spoken(label: Label) -> str:
    """A label as the model reads it.

    With a capital it is a title, which a small model takes for a topic rather than for a part of a sentence.
    A capital for each word helps few short labels more, and harms many long ones.
    """
    levels = (" ".join(level.replace("_", " ").split()) for level in label.path)
    return ": ".join(level[0].upper() + level[1:] for level in levels)


def _topics(labels: Sequence[Label], examples: Sequence[Example]) -> str:
    if not examples and not any(label.description for label in labels):
        return f"Topics: {', '.join(map(spoken, labels))}."
    texts = {
        label.name: [_quoted(each.text) for each in examples if each.label == label.name] for label in labels
    }
    return "\n".join(["Topics:", *(_described(label, texts[label.name]) for label in labels)])


def _described(label: Label, examples: Sequence[str]) -> str:
    described = f": {label.description}" if label.description else ""
    return f"- {spoken(label)}{described}{', such as ' if examples else ''}{', '.join(examples)}"


def _quoted(text: str) -> str:
    return f'"{" ".join(text.split())}"'
