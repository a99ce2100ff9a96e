"""Which models the engine runs as they are meant, by their config.json. Imports no torch."""

from collections.abc import Iterator, Mapping
from typing import Any

# Families whose output was compared with transformers' own. Another one may do more in its attention or after
# its head (sinks, other scales) than is done here, and would be wrong in silence.
FAMILIES = (
    "gemma2",
    "gemma3_text",
    "granite",
    "llama",
    "mistral",
    "mixtral",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen3",
    "qwen3_moe",
    "smollm3",
)
# Their frequencies depend on the longest text in the batch: a row's output would depend on its neighbours.
BATCH_DEPENDENT_ROPE = ("dynamic", "longrope")
LAYER_TYPES = ("full_attention", "sliding_attention")


def problems(config: Any) -> Iterator[str]:
    """Each reason not to run a model with this transformers config: what it has, what is allowed."""
    if config.model_type not in FAMILIES:
        yield _strange_family(config)
        return
    for name in ("num_hidden_layers", "max_position_embeddings"):
        if not isinstance(given := getattr(config, name), int) or given < 1:
            yield f"has {name}={given!r} in its config.json: use a whole number of at least 1"
    yield from quantization_problems(config)
    yield from _attention_problems(config)
    yield from rope_problems(config)


def quantization_problems(config: Any) -> Iterator[str]:
    """Codes instead of numbers for weights."""
    if quantization := getattr(config, "quantization_config", None):
        yield f"has quantized weights ({quantization}): give unquantized or GGUF ones"


def rope_problems(config: Any) -> Iterator[str]:
    """Positions that depend on the neighbours."""
    for rope_type in sorted(_rope_types(config) & set(BATCH_DEPENDENT_ROPE)):
        yield (
            f"uses {rope_type!r} rotary embeddings, under which a text's output depends on the others in its "
            "batch; set another rope_type in its config.json, or give another model"
        )


def _strange_family(config: Any) -> str:
    what = f"is a {config.model_type} model"
    if getattr(config, "is_encoder_decoder", False):
        what += ", an encoder with a decoder"
    elif towers := [name for name in ("vision_config", "audio_config") if hasattr(config, name)]:
        what += f" for more than text ({towers[0]} in its config.json)"
    return f"{what}; the engine runs the decoder-only families {', '.join(FAMILIES)}, text alone"


def _attention_problems(config: Any) -> Iterator[str]:
    if getattr(config, "use_bidirectional_attention", None) or not getattr(config, "is_causal", True):
        yield "has bidirectional attention, in which no text can be continued: give a causal model"
    for layer_type in sorted(set(getattr(config, "layer_types", None) or ()) - set(LAYER_TYPES)):
        yield f"has layers of the type {layer_type!r}; the engine runs {' and '.join(LAYER_TYPES)}"


def _rope_types(config: Any) -> set[str]:
    """The rope type, or of a model whose kinds of layers have one each, all of them."""
    parameters = getattr(config, "rope_parameters", None) or {}
    nested = [value for value in parameters.values() if isinstance(value, Mapping)]
    return {entry["rope_type"] for entry in (parameters, *nested) if entry.get("rope_type")}
