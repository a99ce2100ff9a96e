"""The model that workers serve, and what of it a job is promised to run on."""

from jobs.manifest import Model, ServedModel
from jobs.names import model_alias
from jobs.papers import read_served_model
from jobs.stores import ObjectStore
from producer.errors import UserError


def served_model(store: ObjectStore, model: str) -> ServedModel:
    """What workers serve under the model's alias; raises UserError if none ever has."""
    alias = model_alias(model)
    if (served := read_served_model(store, alias)) is None:
        known = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.list("models/")]
        there = (
            f"there are workers for {', '.join(known)}" if known else "no worker has served this store yet"
        )
        raise UserError(
            f"no worker serves the model {model!r}: {there}; start one with `bydawn worker --model {model}`; "
            "if one is loading, try again when it says action=ready"
        )
    return served


def promised(served: ServedModel) -> Model:
    """What of it a job's manifest holds."""
    return Model(alias=served.alias, fingerprint=served.fingerprint)
