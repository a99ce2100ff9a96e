"""Whether weights are the ones that config.json describes; imports no torch."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Old checkpoints hold what is computed from config.json today.
COMPUTED = (".rotary_emb.inv_freq", "embeddings.position_ids")
# Others are codes of a quantization, or no real numbers, and mean nothing by themselves.
STORED_DTYPES = ("F64", "F32", "F16", "BF16")


def problems(info: Mapping[str, Iterable[Any]]) -> Iterator[str]:
    """What is wrong by transformers' loading info: weights that are missing, misshapen or left over.

    transformers makes up what is missing and drops what has no place: the model would run, and be another.
    """
    if missing := sorted(info["missing_keys"]):
        yield f"lacks {len(missing)} of the model's weights, first {missing[0]}: fetch all of its files"
    if misshapen := sorted(info["mismatched_keys"]):
        name, given, wanted = misshapen[0]
        yield (
            f"holds {name} as {tuple(given)}, and by its config.json it is {tuple(wanted)}: "
            "use the config.json that the weights were saved with"
        )
    if left_over := sorted(name for name in info["unexpected_keys"] if not name.endswith(COMPUTED)):
        yield (
            f"holds {len(left_over)} weights that the model has no place for, first {left_over[0]}: "
            "use the config.json that they were saved with, or save the model without them"
        )


def dtype_problems(dtypes: Mapping[str, str]) -> Iterator[str]:
    """Weights stored as what is no plain real number, by name; transformers would cast them."""
    for name, dtype in sorted(dtypes.items()):
        if dtype not in STORED_DTYPES and not name.endswith(COMPUTED):
            yield (
                f"holds {name} as {dtype}: use weights in {', '.join(STORED_DTYPES)}, "
                "not quantized ones, or a GGUF file"
            )
