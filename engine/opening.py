"""Which engine a model gets."""

from engine.config import EngineConfig
from engine.encoders import families
from engine.encoders.engine import EncoderEngine
from engine.engine import Engine
from engine.json_files import read_json
from engine.models import resolve


def open_engine(config: EngineConfig) -> Engine | EncoderEngine:
    """Load a model into the engine that its config.json asks for; raises ModelError."""
    resolved = resolve(config.model)
    is_encoder = families.is_encoder(read_json(resolved.path / "config.json"))
    return (EncoderEngine if is_encoder else Engine)(config, resolved)
