"""One function per kind of job, from its own options to its spec; `run` and `submit` share them."""

from collections.abc import Callable

from jobs.spec import Kind, Spec
from producer.asked import Asked
from producer.commands.kinds.classify import classify
from producer.commands.kinds.embed import embed
from producer.commands.kinds.generate import generate
from producer.commands.kinds.summarize import summarize

KINDS: dict[Kind, Callable[..., Spec | Asked]] = {
    "classify": classify,
    "summarize": summarize,
    "generate": generate,
    "embed": embed,
}
