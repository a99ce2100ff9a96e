"""What a model can't do is refused by name before there is a job, and what it can is in the job's spec."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.manifest import ServedModel
from jobs.spec import ClassifySpec, EmbedSpec, Example, GenerateSpec, Kind, Label, Spec, SummarizeSpec
from producer.errors import UserError
from producer.suited import refuse_missing_labels, suited_spec
from tests.heads import head_of, spec_of


def served(*kinds: Kind, **more: Any) -> ServedModel:
    return ServedModel(
        alias="m", fingerprint="f", name="models/m", max_model_len_tokens=100, kinds=kinds, **more
    )


DECODER = served("classify", "summarize", "generate", "embed")
CLASSIFIER = served("classify", "embed", labels=("billing", "bug", "praise"))
TAGGER = served("classify", "embed", labels=("billing", "bug", "praise"), multi_label=True)
SENTENCES = served("embed")


def classify(*labels: str, **more: Any) -> ClassifySpec:
    return ClassifySpec(labels=tuple(Label(name=name) for name in labels), **more)


def as_asked(spec: Spec) -> Spec:
    """A model's own labels need no prior, whatever was asked."""
    return spec.model_copy(update={"calibration": "learned"}) if isinstance(spec, ClassifySpec) else spec


@pytest.mark.parametrize("model", [DECODER, CLASSIFIER, SENTENCES])
@pytest.mark.parametrize("spec", [classify("bug", "praise"), EmbedSpec(), GenerateSpec(), SummarizeSpec()])
def test_a_kind_that_the_model_cannot_do_is_refused_with_those_that_it_can(
    model: ServedModel, spec: Spec
) -> None:
    if spec.kind in model.kinds:
        assert as_asked(suited_spec(spec, model)) == spec
        return
    with pytest.raises(UserError, match=f"models/m can't {spec.kind}: it can .*embed") as caught:
        suited_spec(spec, model)
    assert all(kind in str(caught.value) for kind in model.kinds)


@pytest.mark.parametrize("layer", [999, 13, -14])
def test_a_layer_that_the_model_has_not_is_refused_with_those_that_it_has(layer: int) -> None:
    twelve = served("classify", "embed", num_layers=12)
    with pytest.raises(UserError, match=f"--layer is {layer}, and the model models/m has the layers 0 to 12"):
        suited_spec(EmbedSpec(layer=layer), twelve)
    head = head_of(vectors=EmbedSpec(layer=layer))
    with pytest.raises(UserError, match=f"the head reads {layer}, and the model models/m has"):
        suited_spec(spec_of(head), twelve, head)


@pytest.mark.parametrize("layer", [0, 12, -1, -13])
def test_a_layer_that_the_model_has_is_taken(layer: int) -> None:
    twelve = served("classify", "embed", num_layers=12)
    assert suited_spec(EmbedSpec(layer=layer), twelve) == EmbedSpec(layer=layer)
    head = head_of(vectors=EmbedSpec(layer=layer))
    assert suited_spec(spec_of(head), twelve, head) == spec_of(head)
    assert suited_spec(EmbedSpec(layer=999), served("embed")) == EmbedSpec(layer=999), "the worker knows"


def test_labels_are_the_jobs_or_the_models() -> None:
    with pytest.raises(UserError, match=r"--labels a,b,c or as .*: the model models/m has none"):
        suited_spec(classify(), DECODER)
    assert suited_spec(classify(), CLASSIFIER) == classify(calibration="none")


def test_labels_that_the_model_has_not_learned_are_refused_with_those_that_it_has() -> None:
    with pytest.raises(UserError, match=r"doesn't know the label 'Bug': it has learned billing, bug, praise"):
        suited_spec(classify("billing", "Bug"), CLASSIFIER)


def test_examples_are_refused_where_they_would_do_nothing() -> None:
    with pytest.raises(UserError, match="--examples"):
        suited_spec(classify("bug", "praise", examples=(Example(text="t", label="bug"),)), CLASSIFIER)


def test_a_job_has_several_labels_a_row_where_the_model_tells_each_by_itself() -> None:
    assert as_asked(suited_spec(classify(), TAGGER)) == classify(multi=True)
    lower = classify(multi=True, threshold=0.3)
    assert as_asked(suited_spec(lower, TAGGER)) == lower
    with pytest.raises(UserError, match="has learned one label a text: leave --multi out"):
        suited_spec(classify(multi=True), CLASSIFIER)
    with pytest.raises(UserError, match=r"tells each label by itself.*leave --label-only out"):
        suited_spec(classify(scores=False), TAGGER)
    with pytest.raises(UserError, match=r"leave --abstain-below out"):
        suited_spec(classify(abstain_below=0.5), TAGGER)


def folder(path: Path, config: str) -> str:
    path.mkdir()
    (path / "config.json").write_text(config)
    return str(path)


def told(spec: ClassifySpec, model: str) -> str | None:
    """What is said of missing labels; None if nothing is."""
    try:
        refuse_missing_labels(spec, model)
    except UserError as error:
        return str(error)
    return None


def test_missing_labels_are_told_before_a_model_is_loaded_that_needs_them(tmp_path: Path) -> None:
    decoder = folder(tmp_path / "decoder", json.dumps({"architectures": ["LlamaForCausalLM"]}))
    for model in ("smollm2-135m-instruct", "models/m.gguf", decoder):
        assert "--labels a,b,c" in (told(classify(), model) or "")
        assert told(classify("a", "b"), model) is None


def test_labels_may_be_missing_where_the_model_may_have_its_own(tmp_path: Path) -> None:
    own = json.dumps({"architectures": ["BertForSequenceClassification"]})
    for model in ("org/on-the-hub", folder(tmp_path / "own", own), folder(tmp_path / "broken", "{")):
        assert told(classify(), model) is None
