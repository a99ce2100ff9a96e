"""Whether a model that has been loaded computes anything: its files by themselves do not tell."""

from engine.errors import ModelError, is_out_of_memory, raise_if_device_lost
from engine.protocols import Runner
from engine.sequence import Chunk, Sequence
from engine.work import HiddenSums, Pooling

REMEDY = "use the config.json that the weights were saved with, above all its rms_norm_eps and rope settings"


def check_first_step(runner: Runner, vocab_size: int, name: str) -> None:
    """Compute one token in the first block; raises ModelError where that fails or is not finite."""
    # One from the middle: the first and the last may be padding, whose embedding is zeros.
    sequence = Sequence([vocab_size // 2], Pooling("last", None), block_table=[0])
    try:
        (hidden,) = runner.launch([Chunk(sequence, 0, 1, is_last=True)]).results()
    except Exception as error:  # what config.json says need not fit together
        raise_if_device_lost(error)
        raise ModelError(f"{name} cannot compute a token: {error}; {_remedy(error)}") from error
    assert isinstance(hidden, HiddenSums)
    if not hidden.are_finite:
        raise ModelError(f"{name} computes infinite values or no numbers of a token; {REMEDY}")


def _remedy(error: Exception) -> str:
    if is_out_of_memory(error):
        return "give it a device with more memory free"
    if "C compiler" in str(error):  # triton's words, which builds a launcher for each kernel
        return "install one (gcc and libc6-dev)"
    return REMEDY
