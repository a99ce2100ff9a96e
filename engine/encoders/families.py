"""Which encoders the engine runs as they are meant, by their config.json. Imports no torch."""

from collections.abc import Iterator
from typing import Any

from engine.abilities import Abilities
from engine.families import quantization_problems, rope_problems

# Families whose label scores and hidden states were compared with transformers' own.
FAMILIES = (
    "bert",
    "camembert",
    "deberta-v2",
    "distilbert",
    "electra",
    "modernbert",
    "mpnet",
    "roberta",
    "xlm-roberta",
)
# Their positions count from after the padding token's number.
OFFSET_POSITIONS = ("camembert", "mpnet", "roberta", "xlm-roberta")
MPNET_PADDING_IDX = 1  # whatever its config.json says, as in transformers
LABELLING = "ForSequenceClassification"


def is_encoder(config: Any) -> bool:
    """Whether a model with this config.json (or transformers' config) is to be run as an encoder."""
    return config.get("model_type") in FAMILIES or tells_labels(config.get("architectures"))


def tells_labels(architectures: Any) -> bool:
    """Whether its weights end in a head for labels."""
    return isinstance(architectures, list) and any(str(name).endswith(LABELLING) for name in architectures)


def problems(config: Any) -> Iterator[str]:
    """Each reason not to run a model with this transformers config: what it has, what is allowed."""
    if config.model_type not in FAMILIES:
        known = ", ".join(FAMILIES)
        yield f"is a {config.model_type} model with labels; the encoders that the engine runs are {known}"
        return
    yield from _shape_problems(config)
    yield from quantization_problems(config)
    yield from rope_problems(config)
    if getattr(config, "is_decoder", False):
        yield "is set up as a decoder (is_decoder in its config.json): give an encoder"
    if (positions := getattr(config, "position_embedding_type", None) or "absolute") != "absolute":
        yield f"has position_embedding_type={positions!r}, which transformers computes no longer"
    yield from _architecture_problems(config)
    if tells_labels(config.architectures):
        yield from _label_problems(config)


def _shape_problems(config: Any) -> Iterator[str]:
    for name in ("num_hidden_layers", "max_position_embeddings"):
        if not isinstance(given := getattr(config, name), int) or given < 1:
            yield f"has {name}={given!r} in its config.json: use a whole number of at least 1"
    if config.model_type in OFFSET_POSITIONS and not isinstance(config.pad_token_id, int):
        yield f"has pad_token_id={config.pad_token_id!r} in its config.json: its positions count from there"
    elif max_positions(config) < 1:
        yield (
            f"has max_position_embeddings={config.max_position_embeddings} in its config.json, which with "
            f"pad_token_id={config.pad_token_id} leaves no position for a token"
        )


def _architecture_problems(config: Any) -> Iterator[str]:
    for name in config.architectures or ():
        if not name.endswith((LABELLING, "Model")):
            yield (
                f"was saved as {name}; the engine runs encoders saved as ...{LABELLING} or ...Model: load it "
                "with AutoModel.from_pretrained(folder) and save that, for vectors"
            )


def _label_problems(config: Any) -> Iterator[str]:
    if config.problem_type == "regression":
        yield "gives a number and no labels (problem_type='regression' in its config.json): give a classifier"
    if sorted(config.id2label) != list(range(config.num_labels)):
        yield f"numbers its labels {sorted(config.id2label)} in its config.json's id2label: count from 0"
    names = list(config.id2label.values())
    if twice := sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"has the label {twice[0]!r} twice in its config.json's id2label: each must differ"


def abilities(config: Any) -> Abilities:
    """What a model without problems can be asked for. One label alone can only hold or not hold."""
    if not tells_labels(config.architectures):
        return Abilities(generates=False)
    labels = tuple(str(config.id2label[index]) for index in range(config.num_labels))
    multi_label = config.problem_type == "multi_label_classification" or len(labels) == 1
    return Abilities(generates=False, labels=labels, multi_label=multi_label)


def max_positions(config: Any) -> int:
    """How many tokens of a text have a position."""
    count = int(config.max_position_embeddings)
    if config.model_type not in OFFSET_POSITIONS:
        return count
    padding_idx = MPNET_PADDING_IDX if config.model_type == "mpnet" else int(config.pad_token_id)
    return count - padding_idx - 1
