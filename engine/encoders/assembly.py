"""From settings to the parts of an encoder's engine: the one place where they are put together."""

from dataclasses import dataclass

import torch

from engine.abilities import Abilities
from engine.assembly import DEFAULT_BATCH_TOKENS
from engine.config import EngineConfig
from engine.encoders import families
from engine.encoders.intake import EncoderIntake, EncoderLimits
from engine.encoders.loading import load_encoder
from engine.encoders.runner import EncoderRunner
from engine.encoders.scheduler import EncoderScheduler
from engine.encoders.sentence import sentence_settings
from engine.errors import ModelError
from engine.lanes import Lanes
from engine.loading import pick_device, pick_dtype, pick_quantization
from engine.models import ResolvedModel, fingerprint
from engine.sequence import Chunk, Sequence
from engine.tokenizer import Tokenizer
from engine.work import Encoded, Encoding, VectorAsk


@dataclass(frozen=True, slots=True)
class EncoderParts:
    """What an encoder's engine is made of."""

    tokenizer: Tokenizer
    intake: EncoderIntake
    scheduler: EncoderScheduler
    runner: EncoderRunner
    limits: EncoderLimits
    abilities: Abilities
    runs_on: str
    fingerprint: str


def assemble_encoder(config: EngineConfig, resolved: ResolvedModel) -> EncoderParts:
    """Load the model; raises ModelError."""
    tokenizer = Tokenizer(resolved.path)
    sentence = sentence_settings(resolved.path)
    device = pick_device(config)
    dtype = pick_dtype(config, device)
    quantization = pick_quantization(config, resolved, dtype)
    model = load_encoder(resolved, dtype, device, quantization)
    max_positions = families.max_positions(model.config)
    limits = EncoderLimits(
        max_model_len=_max_model_len(config, max_positions, sentence.max_tokens),
        max_positions=max_positions,
        vocab_size=model.config.vocab_size,
        num_layers=model.config.num_hidden_layers,
    )
    abilities = families.abilities(model.config)
    lanes = Lanes(torch.get_num_threads() if device.type == "cpu" else 1)
    runner = EncoderRunner(model, abilities.multi_label, lanes)
    _check_first_step(runner, limits.vocab_size, abilities, str(resolved.path))
    precision = f"{str(dtype).removeprefix('torch.')}/{quantization}"
    return EncoderParts(
        tokenizer=tokenizer,
        intake=EncoderIntake(tokenizer, limits, abilities, sentence),
        scheduler=EncoderScheduler(
            config.max_batch_tokens or DEFAULT_BATCH_TOKENS[device.type], config.max_sequences
        ),
        runner=runner,
        limits=limits,
        abilities=abilities,
        runs_on=f"{device} {precision}",
        fingerprint=fingerprint(resolved, precision),
    )


def _max_model_len(config: EngineConfig, max_positions: int, tuned_for: int | None) -> int:
    """What is asked for, or as much as the model was tuned for."""
    if config.max_model_len is not None and config.max_model_len > max_positions:
        raise ModelError(
            f"max_model_len={config.max_model_len}: the model goes to {max_positions} tokens at most"
        )
    return config.max_model_len or min(tuned_for or max_positions, max_positions)


def _check_first_step(runner: EncoderRunner, vocab_size: int, abilities: Abilities, name: str) -> None:
    """Compute a token each way; raises ModelError where that fails or is not finite."""
    asks: list[VectorAsk | None] = [VectorAsk("mean", None, normalize=False)]
    asks += [None] if abilities.labels is not None else []
    texts = [Sequence([vocab_size // 2], Encoding(ask)) for ask in asks]
    remedy = "use the config.json that the weights were saved with"
    try:
        results = runner.launch([Chunk(text, 0, 1, is_last=True) for text in texts]).results()
    except Exception as error:  # what config.json says need not fit together
        raise ModelError(f"{name} cannot encode a token: {error}; {remedy}") from error
    if not all(isinstance(result, Encoded) and result.are_finite for result in results):
        raise ModelError(f"{name} computes infinite values or no numbers of a token; {remedy}")
    if abilities.labels is not None:
        scored = results[-1]
        assert isinstance(scored, Encoded)
        given, known = len(scored.values), len(abilities.labels)
        if given != known:
            raise ModelError(f"{name} gives {given} scores for {known} labels; {remedy}")
