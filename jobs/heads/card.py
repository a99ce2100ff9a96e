"""What a head is, where it may be used, and how it did on rows that it was not fitted on."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from jobs.manifest import Model
from jobs.spec import EmbedSpec, LabelName, check_labels_differ

HEAD_FORMAT: Literal[1] = 1

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Paper(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LabelScore(_Paper):
    """How a label did; a precision or recall of nothing is 0."""

    label: str
    precision: Share
    recall: Share
    f1: Share
    support: int = Field(ge=0)


class Scorecard(_Paper):
    """How a head did on held-out rows."""

    rows: int = Field(ge=1)
    accuracy: Share
    macro_f1: Share
    log_loss: float = Field(ge=0.0)
    calibration_error: Share
    """Expected calibration error: how far confidence is from the share that is right, on average."""
    coverage: dict[str, Share]
    """By precision: the share of rows that can be labelled when the least sure ones are left out."""
    labels: tuple[LabelScore, ...]


class HeadCard(_Paper):
    """All of a head but its weights."""

    format: int = HEAD_FORMAT
    model: Model
    """Whose vectors it reads; it knows nothing of any other model's."""
    loaded_as: str = Field(min_length=1, max_length=4096)
    """The name, folder or file under which `--model` finds it."""
    vectors: EmbedSpec
    labels: tuple[LabelName, ...] = Field(min_length=2, max_length=1000)
    num_features: int = Field(ge=1, le=1 << 16)
    weights_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rows: int = Field(ge=1)
    """It was fitted on."""
    left_out: dict[str, int] = {}
    """Rows of the history that it was not fitted on, by reason."""
    strength: float = Field(gt=0.0)
    """`C` of scikit-learn's logistic regression on standardised features."""
    temperature: float = Field(gt=0.0)
    """By which logits were divided before they were saved."""
    precision: Share | None = None
    """What was asked for; None if nothing was."""
    abstain_below: Share | None = None
    """The confidence from which on the held-out rows had that precision."""
    folds: int = Field(ge=2)
    held_out: Scorecard
    versions: dict[str, str]
    created_at: AwareDatetime

    @field_validator("labels")
    @classmethod
    def _differ(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        check_labels_differ(names)
        return names
