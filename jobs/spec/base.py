"""What all kinds' specs have in common."""

from pydantic import BaseModel, ConfigDict


class BaseSpec(BaseModel):
    """Never changed; a field that it doesn't know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
