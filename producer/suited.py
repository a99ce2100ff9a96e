"""Whether a model can do what is asked, told before anything is written."""

import json
from pathlib import Path

from jobs.heads import Head
from jobs.manifest import ServedModel
from jobs.spec import ClassifySpec, EmbedSpec, Spec
from producer.errors import UserError
from producer.labels import GIVE_LABELS


def suited_spec(spec: Spec, served: ServedModel, head: Head | None = None) -> Spec:
    """The spec, with the head that it refers to, as this model does it; raises UserError where it can't."""
    if head is not None:
        _check_layer(head.card.vectors.layer, served, "the head reads")
    if isinstance(spec, ClassifySpec) and spec.head is not None and "embed" in served.kinds:
        return spec  # the model is only asked for vectors
    if spec.kind not in served.kinds:
        raise UserError(
            f"the model {served.name} can't {spec.kind}: it can {' and '.join(served.kinds)}; "
            "name another with --model"
        )
    if isinstance(spec, EmbedSpec):
        _check_layer(spec.layer, served, "--layer is")
    return _suited_labels(spec, served) if isinstance(spec, ClassifySpec) else spec


def _check_layer(layer: int, served: ServedModel, words: str) -> None:
    if (last := served.num_layers) is not None and not -last - 1 <= layer <= last:
        raise UserError(
            f"{words} {layer}, and the model {served.name} has the layers 0 to {last}, or -1 for the last"
        )


def _suited_labels(spec: ClassifySpec, served: ServedModel) -> ClassifySpec:
    if served.labels is None:
        if not spec.labels:
            raise UserError(f"{GIVE_LABELS}: the model {served.name} has none of its own")
        return spec
    if spec.examples:
        raise UserError(
            f"--examples are for models that read a prompt, and {served.name} has learned its labels: "
            "leave them out"
        )
    if unknown := [label.name for label in spec.labels if label.name not in served.labels]:
        raise UserError(
            f"the model {served.name} doesn't know the label {unknown[0]!r}: it has learned "
            f"{', '.join(served.labels)}; give some of these, or leave --labels out for all"
        )
    if spec.multi and not served.multi_label:
        raise UserError(f"the model {served.name} has learned one label a text: leave --multi out")
    if served.multi_label and not spec.scores:
        raise UserError(
            f"the model {served.name} tells each label by itself, and which hold of a row its scores say: "
            "leave --label-only out"
        )
    if served.multi_label and spec.abstain_below is not None:
        raise UserError(
            f"the model {served.name} gives no label where none reaches --threshold: "
            "leave --abstain-below out"
        )
    # What it has learned needs no prior.
    return spec.model_copy(update={"multi": served.multi_label, "calibration": "none"})


def refuse_missing_labels(spec: Spec, model: str) -> None:
    """Tell before a model is loaded that it will need labels, where its files or its name say so."""
    if isinstance(spec, ClassifySpec) and not spec.labels and not _may_have_labels(model):
        raise UserError(f"{GIVE_LABELS}: the model {model} has none of its own")


def _may_have_labels(model: str) -> bool:
    """Whether it is a folder of a classifier, or something on the hub."""
    if not Path(model).is_dir():
        return "/" in model and not model.endswith(".gguf")
    try:
        config = json.loads((Path(model) / "config.json").read_text(encoding="utf-8"))
        return any(str(name).endswith("ForSequenceClassification") for name in config["architectures"])
    except (OSError, ValueError, LookupError, TypeError):
        return True  # whoever loads it will say what is wrong
