"""What requests of decoders and encoders have in common: their tokens, and the layer that they ask for."""

from engine.errors import RequestError
from engine.request import Request
from engine.shown import shortened
from engine.tokenizer import Tokenizer


def prompt_token_ids(request: Request, tokenizer: Tokenizer, vocab_size: int) -> list[int]:
    """The tokens to read; raises RequestError where there are none, or one that the model has not."""
    if request.prompt is not None:
        token_ids = tokenizer.encode(request.prompt)
    else:
        token_ids = list(request.prompt_token_ids or ())
    if not token_ids:
        raise RequestError("the prompt has no tokens: give a text or token ids that are not empty")
    for token_id in token_ids:
        if not 0 <= token_id < vocab_size:
            largest = vocab_size - 1
            raise RequestError(f"prompt_token_ids has {shortened(token_id)}: use 0 to {largest}")
    return token_ids


def layer_place(layer: int, num_layers: int) -> int | None:
    """The layer counted from 0, the embeddings; None for the last, after the norm. Raises RequestError."""
    if not -num_layers - 1 <= layer <= num_layers:
        raise RequestError(f"layer={layer}: the model has layers 0 to {num_layers}, or -1 for the last")
    layer %= num_layers + 1
    return layer if layer < num_layers else None
