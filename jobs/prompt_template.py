"""A user's own prompt: Jinja of which so little is allowed that it can neither hang nor burst."""

import hashlib
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import product
from typing import Any, Self

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, model_validator

MAX_CHARS = 16_384
MAX_NODES = 500
"""Names, words, comparisons and the like. What thousands of them say takes seconds to compile."""
MAX_DEPTH = 50
"""Of ifs in ifs, and of what stands in chains, such as 50 filters or ors. Jinja compiles by recursion."""

_TOO_DEEP = (
    f"the prompt is nested too deep; allowed are {MAX_DEPTH} levels, and each if, filter, and, or in another "
    "is one: use elif, or fewer of them"
)
_NUM_KEPT = 64  # compiled templates: more than there are jobs at work side by side

VARIABLES = {
    "text": "the document, a section of it, or the notes of its sections; must stand in it once, in no if",
    "stage": '"document", "section" or "notes": what `text` is',
    "section": "the section's number, from 1; 0 where `text` is no section",
    "sections": "of how many; 1 where `text` is no section",
    "title": "the document's file name; empty for a table's rows",
    "max_words": "as --max-words says",
    "style": "as --style says",
    "language": "as --language says, else empty",
    "focus": "as --focus says, else empty",
}
_FILTERS = frozenset({"capitalize", "lower", "title", "trim", "upper"})
# No loop, no call, no arithmetic, no attribute: what is left takes as long as the template is.
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Concat,
)  # fmt: skip


class PromptTemplate(BaseModel):
    """The text of a prompt and its hash, by which a job's manifest says which one it was.

    Reading one back compares the hash and no more, as everyone does that for every job that they look at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    sha256: str

    @classmethod
    def of(cls, text: str) -> Self:
        """A user's prompt; raises ValueError that says what can't be used, and where."""
        _check(text)
        return cls(text=text, sha256=_digest(text))

    @model_validator(mode="after")
    def _is_unchanged(self) -> Self:
        if self.sha256 != _digest(self.text):
            raise ValueError("the prompt is not the one that its sha256 was made of")
        return self

    def uses(self, variable: str) -> bool:
        return variable in _names(self.text)

    def render(self, values: dict[str, Any]) -> str:
        """The prompt for one text; `values` has all of `VARIABLES`."""
        return compiled(self.text).render(values)


@lru_cache(_NUM_KEPT)
def compiled(text: str) -> Template:
    """Once for all rows; raises ValueError as `PromptTemplate.of` does."""
    # Looked at here once more: a manifest that `of` didn't make must not hang a worker, either.
    _parsed(text)
    return _environment().from_string(text)


@lru_cache(_NUM_KEPT)
def _names(text: str) -> frozenset[str]:
    return frozenset(name.name for name in _parsed(text).find_all(nodes.Name))


def _check(text: str) -> None:
    """Refuse what can't be a prompt for every text."""
    _parsed(text)
    _check_it_can_be_filled_in(text)


def _parsed(text: str) -> nodes.Template:
    """Its tree, which has nothing in it that could hang or burst; raises ValueError."""
    if len(text) > MAX_CHARS:
        raise ValueError(f"the prompt has {len(text):,} characters; allowed are {MAX_CHARS:,}")
    try:
        tree = _environment().parse(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno} of the prompt is no Jinja: {error.message}") from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check_size(tree)
    _check_nodes(tree)
    _check_names(tree)
    _check_text_is_shown(tree)
    return tree


def _check_size(tree: nodes.Template) -> None:
    """Before all that goes through the tree by recursion."""
    depths = list(_depths(tree))
    if max(depths) > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    if len(depths) > MAX_NODES:
        raise ValueError(
            f"the prompt's variables, words and conditions are {len(depths):,}; allowed are {MAX_NODES}: "
            "say it with fewer"
        )


def _depths(tree: nodes.Template) -> Iterator[int]:
    """Of each of its nodes; without recursion."""
    left: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while left:
        node, depth = left.pop()
        yield depth
        left.extend((child, depth + 1) for child in node.iter_child_nodes())


def _check_nodes(tree: nodes.Template) -> None:
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _NODES):
            what = type(node).__name__.lower()
            raise ValueError(
                f"line {node.lineno} of the prompt has a {what}, which a prompt can't have; use variables, "
                f"if/elif/else and the filters {', '.join(sorted(_FILTERS))}"
            )
        if isinstance(node, nodes.Filter) and (node.name not in _FILTERS or node.args or node.kwargs):
            raise ValueError(
                f"line {node.lineno} of the prompt has the filter {node.name!r}; allowed are "
                f"{', '.join(sorted(_FILTERS))}, without arguments"
            )


def _check_names(tree: nodes.Template) -> None:
    names = [name.name for name in tree.find_all(nodes.Name)]
    for name in sorted(set(names) - set(VARIABLES)):
        close = get_close_matches(name, VARIABLES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        known = ", ".join(VARIABLES)
        raise ValueError(f"the prompt has the unknown variable {name!r}{hint}; there are {known}")
    if (times := names.count("text")) != 1:
        raise ValueError(f"the prompt must have {{{{ text }}}} in it once, not {times} times")


def _check_text_is_shown(tree: nodes.Template) -> None:
    """Whatever is given beside it. Filters and `~` may be around it, for they leave nothing out."""
    left: list[nodes.Node] = [node for node in tree.body if isinstance(node, nodes.Output)]
    while left:
        node = left.pop()
        if isinstance(node, nodes.Name) and node.name == "text":
            return
        if isinstance(node, nodes.Output | nodes.Filter | nodes.Concat):
            left.extend(node.iter_child_nodes())
    raise ValueError(
        "the prompt leaves {{ text }} out in some case, and it must be there always: put it outside of every "
        "if, condition and comparison"
    )


def _check_it_can_be_filled_in(text: str) -> None:
    """In every stage, with and without the rest."""
    for stage, title, language, focus in product(("document", "section", "notes"), *[("", "x")] * 3):
        values = {
            "text": "x", "stage": stage, "section": int(stage == "section"), "sections": 2,
            "title": title, "max_words": 100, "style": "paragraph", "language": language, "focus": focus,
        }  # fmt: skip
        try:
            compiled(text).render(values)
        except (TemplateError, TypeError, ValueError, SyntaxError, RecursionError) as error:
            raise ValueError(f"the prompt can't be filled in: {error}") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # it writes text for a model, not HTML
    )
