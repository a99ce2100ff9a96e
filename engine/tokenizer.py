"""Text to token ids and back, from the model's own files with the `tokenizers` library; imports no torch."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer as FastTokenizer

from engine.control_tokens import ControlTokenGuard
from engine.errors import ModelError, RequestError
from engine.json_files import read_json, read_text
from engine.models import resolve

SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


class Tokenizer:
    """A model's tokenizer, chat template and end tokens; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._fast = _load_fast(folder)
        self._fast_as_text = _load_fast(folder)
        self._fast_as_text.encode_special_tokens = True
        config = read_json(folder / "tokenizer_config.json")
        self._special = {name: text for name in SPECIAL_TOKENS if (text := _token_text(folder, config, name))}
        self._template = _load_template(folder, config)
        added = self._fast.get_added_tokens_decoder().values()
        self._guard = ControlTokenGuard(token.content for token in added if token.special)
        self.eos_token_ids = self._find_eos(folder)

    @classmethod
    def load(cls, model: str) -> "Tokenizer":
        """The tokenizer of an alias, folder, GGUF file or hub name; raises ModelError."""
        return cls(resolve(model).path)

    @property
    def vocab_size(self) -> int:
        """Token ids are below this."""
        return int(self._fast.get_vocab_size(with_added_tokens=True))

    def to_json(self) -> str:
        """The tokenizer as the `tokenizers` library writes it (tokenizer.json)."""
        return str(self._fast.to_str())

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """Token ids of a plain text, with what the tokenizer adds by itself, such as a BOS token."""
        try:
            return list(self._fast.encode(text, add_special_tokens=add_special_tokens).ids)
        except (TypeError, UnicodeError) as error:
            raise RequestError(f"not a text that can be encoded as UTF-8: {error}") from error

    def encode_as_text(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """As `encode`, but control tokens that the text spells out are nothing but text."""
        try:
            return list(self._fast_as_text.encode(text, add_special_tokens=add_special_tokens).ids)
        except (TypeError, UnicodeError) as error:
            raise RequestError(f"not a text that can be encoded as UTF-8: {error}") from error

    def spells_control_token(self, text: str) -> bool:
        """Whether the text holds, as text, what `encode` makes a control token of."""
        return self._guard.finds_in(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of token ids, special tokens left out."""
        return str(self._fast.decode(token_ids, skip_special_tokens=True))

    def chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The model's chat template over messages (`role`, `content`), up to where the answer starts.

        A model without a template gets the contents and an empty line after each. Raises RequestError
        where the template refuses the messages.
        """
        if self._template is None:
            return "".join(message["content"] + "\n\n" for message in messages)
        try:
            return self._template.render(messages=messages, add_generation_prompt=True, **self._special)
        except TemplateError as error:
            raise RequestError(f"the model's chat template refuses these messages: {error}") from error

    def chat_token_ids(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of `chat`, in which control tokens in the messages' contents are nothing but text.

        A template writes its own BOS token, so none is added to it.
        """
        guarded = [{**message, "content": self._guard.hide(message["content"])} for message in messages]
        token_ids = self._guard.encode(self.chat(guarded), self._encode_part, self._encode_part_as_text)
        return token_ids if self._template is not None else self.encode("") + token_ids

    def _encode_part(self, text: str) -> list[int]:
        return self.encode(text, add_special_tokens=False)

    def _encode_part_as_text(self, text: str) -> list[int]:
        return self.encode_as_text(text, add_special_tokens=False)

    def _find_eos(self, folder: Path) -> frozenset[int]:
        given = read_json(folder / "generation_config.json").get("eos_token_id")
        if given is None:
            given = read_json(folder / "config.json").get("eos_token_id")
        found = given if isinstance(given, list) else [] if given is None else [given]
        for token_id in found:
            if type(token_id) is not int or not 0 <= token_id < self.vocab_size:
                raise ModelError(
                    f"{folder} has eos_token_id={given!r} in its generation_config.json or config.json: "
                    f"use whole numbers of 0 to {self.vocab_size - 1}, one or a list"
                )
        token_id = self._fast.token_to_id(self._special.get("eos_token", ""))
        return frozenset(found if token_id is None else [*found, token_id])


def _load_fast(folder: Path) -> FastTokenizer:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(
            f"{folder} holds no tokenizer.json: write one with "
            "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
        )
    try:
        fast = FastTokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"cannot read {path}: {error}") from error
    # A saved tokenizer may cut or pad by itself, which here would lose text in silence.
    fast.no_truncation()
    fast.no_padding()
    return fast


def _token_text(folder: Path, config: Mapping[str, Any], name: str) -> str | None:
    token = config.get(name)
    text = token.get("content") if isinstance(token, dict) else token
    if text is None or isinstance(text, str):
        return text
    raise ModelError(f"{folder / 'tokenizer_config.json'} has {name}={token!r}: use a text")


def _load_template(folder: Path, config: Mapping[str, Any]) -> Template | None:
    source = read_text(folder / "chat_template.jinja")
    if source is None:
        source = _template_in(folder, config.get("chat_template"))
    try:
        return _environment().from_string(source) if source else None
    except TemplateError as error:
        raise ModelError(f"the chat template in {folder} is broken: {error}") from error


def _template_in(folder: Path, given: Any) -> str | None:
    """The text of a `chat_template`, which may be several with a name each."""
    if isinstance(given, list) and all(isinstance(entry, dict) for entry in given):
        given = next((entry.get("template") for entry in given if entry.get("name") == "default"), None)
    if given is None or isinstance(given, str):
        return given
    raise ModelError(
        f"{folder / 'tokenizer_config.json'} has a chat_template that is a {type(given).__name__}: "
        "use a text, or a list of objects with name and template"
    )


def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja as chat templates expect it (transformers' `utils/chat_template_utils.py`)."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols"],  # templates write text for a model, not HTML
        autoescape=False,
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment


def _to_json(value: Any, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **options)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)
