"""A head's folder, as `bydawn fit` writes it and `--head` names it."""

import shlex
from pathlib import Path

from jobs.heads import CARD_FILE, WEIGHTS_FILE, Head, HeadError, decode_head
from jobs.heads.files import MAX_CARD_BYTES, MAX_WEIGHTS_BYTES
from jobs.manifest import Model
from producer.errors import UserError


def read_head(folder: Path) -> Head:
    """The head in a folder; raises UserError where there is none that can be used."""
    if not folder.exists():
        raise UserError(
            f"there is no folder {folder}; --head takes the one that `bydawn fit HISTORY --out FOLDER` wrote"
        )
    try:
        return decode_head(
            _bytes(folder / CARD_FILE, MAX_CARD_BYTES), _bytes(folder / WEIGHTS_FILE, MAX_WEIGHTS_BYTES)
        )
    except HeadError as error:
        raise UserError(f"the head {folder} can't be used: {error}") from error


def save_head(head: Head, folder: Path) -> None:
    """Write a head, in place of the one that may be there; the card last, for it names the weights."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in ((WEIGHTS_FILE, head.weights_bytes), (CARD_FILE, head.card_bytes)):
            draft = folder / f".{name}.part"
            draft.write_bytes(body)
            draft.replace(folder / name)
    except OSError as error:
        raise UserError(f"the head can't be saved in {folder}: {error.strerror}") from error


def check_model(head: Head, model: Model) -> None:
    """Raises UserError for a head of other weights: its numbers would mean nothing."""
    own = head.card.model
    if own.fingerprint == model.fingerprint:
        return
    if own.alias == model.alias:
        raise UserError(
            f"the head was fitted on other weights of {own.alias} ({own.fingerprint}) than there are now "
            f"({model.fingerprint}): put those back, or fit a head on these with "
            "`bydawn fit HISTORY --out HEAD`"
        )
    raise UserError(
        f"the head was fitted on the model {own.alias}, and {model.alias} was named: give "
        f"--model {shlex.quote(head.card.loaded_as)}, or fit a head on {model.alias} with "
        f"`bydawn fit HISTORY --model {model.alias} --out HEAD`"
    )


def _bytes(path: Path, most: int) -> bytes:
    """A little more than allowed is enough to be refused."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is not a file; a head is a folder with {CARD_FILE} and {WEIGHTS_FILE}")
        with path.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise UserError(
            f"there is no head in {path.parent}: {path.name}: {error.strerror}; `bydawn fit` makes one"
        ) from error
