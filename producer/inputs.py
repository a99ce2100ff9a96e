"""The user's files as specs and rows."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jobs.documents import SUFFIXES
from jobs.prompt_template import PromptTemplate
from jobs.readers import InputRow, UniqueIds, limit, read_rows, sample
from jobs.stores import ObjectMissing
from jobs.stores.patterns import is_pattern
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access
from jobs.stores.source import list_source
from producer.errors import UserError
from producer.option_files import from_json, read_text


def input_rows(
    source: str,
    text_field: str | None,
    id_field: str | None,
    first: int | None,
    sampled: int | None,
    sample_seed: int | None,
    access: S3Access = DEFAULT_ACCESS,
) -> Iterator[InputRow]:
    """The rows of `source`, all or some of them, each id once.

    Raises:
        InputError: on the way, at the first line that is wrong.
        UserError: a seed of no sample is given.
    """
    if sampled is None and sample_seed is not None:
        raise UserError(f"--sample-seed {sample_seed} belongs to --sample N: give both, or neither")
    with UniqueIds() as unique:
        given = read_rows(source, text_field=text_field, id_field=id_field, access=access)
        if sampled is None:
            yield from unique.checked(given if first is None else limit(given, first))
        else:
            yield from sample(unique.checked(given), sampled, sample_seed or 0)[:first]


def selection(
    text_field: str | None,
    id_field: str | None,
    first: int | None,
    sampled: int | None,
    sample_seed: int | None,
) -> str:
    """What `input_rows` takes of a source, in the words of its options; empty for all as it is."""
    options = {
        "--text-field": text_field,
        "--id-field": id_field,
        "--limit": first,
        "--sample": sampled,
        "--sample-seed": None if sampled is None else sample_seed or 0,
    }
    return " ".join(f"{option} {value}" for option, value in options.items() if value is not None)


def parse_choices(choices: str | None) -> tuple[str, ...] | None:
    """Texts from `--choices a,b`."""
    if choices is None:
        return None
    return tuple(text for given in choices.split(",") if (text := given.strip()))


def parse_schema(file: Path | None) -> str | None:
    """The JSON schema in a file, as a text."""
    if file is None:
        return None
    return json.dumps(from_json(file, read_text(file), "--json-schema takes a JSON object"))


def parse_prompt(file: Path | None) -> PromptTemplate | None:
    """The prompt in a file, checked for every text that it may be filled with."""
    if file is None:
        return None
    try:
        return PromptTemplate.of(read_text(file))
    except ValueError as error:
        raise UserError(f"--prompt-file {file}: {error}") from error


def identity(source: str) -> str:
    """Where a local input lies and which state it is in, so that an edited file makes another job."""
    if source.startswith("s3://"):
        return source
    if is_pattern(source):
        with suppress(ObjectMissing):  # which is said where its rows are read
            return f"{source}\n{[(ref.uri, ref.version) for ref in list_source(source)]}"
    path = Path(source).resolve()
    # Of a folder only the documents: the results may lie in it, too.
    files = (
        [path]
        if path.is_file()
        else sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    )
    states = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{path}\n{states}"
