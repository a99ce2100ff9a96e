"""One step of an encoder: whole texts in, padded to one length; label scores and vectors out."""

from collections.abc import Sequence as Seq
from typing import Any

import torch
from torch.nn.functional import log_softmax, logsigmoid, normalize

from engine.encoders.batches import share_out
from engine.lanes import Lanes
from engine.protocols import Computed
from engine.request import Pool
from engine.sequence import Chunk
from engine.work import ChunkResult, Encoded, Encoding, VectorAsk


class EncoderRunner:
    """A transformers model, with or without a head for labels; each lane computes texts of its own."""

    runs_ahead = False

    def __init__(self, model: Any, multi_label: bool, lanes: Lanes) -> None:
        self._model = model
        self._lanes = lanes
        self._multi_label = multi_label
        self._pad_token_id = model.config.pad_token_id or 0

    def launch(self, chunks: Seq[Chunk]) -> Computed:
        """Encode texts, which best ascend in length."""
        lengths = [chunk.num_tokens for chunk in chunks]
        places = share_out(lengths, self._lanes.count(sum(lengths)))
        parts = [chunks[part.start : part.stop] for part in places]
        of_parts = self._lanes.run(self._run_lane, parts)
        return Computed([result for results in of_parts for result in results])

    @torch.inference_mode()
    def _run_lane(self, chunks: Seq[Chunk]) -> list[ChunkResult]:
        results: list[ChunkResult] = [None] * len(chunks)
        for for_labels in (True, False):
            places = [place for place, chunk in enumerate(chunks) if (_ask(chunk) is None) is for_labels]
            if places:
                encode = self._label_logprobs if for_labels else self._vectors
                for place, values in zip(places, encode([chunks[place] for place in places]), strict=True):
                    results[place] = Encoded(values)
        return results

    def _label_logprobs(self, chunks: list[Chunk]) -> list[list[float]]:
        """For each text [num_labels]."""
        token_ids, lengths = self._rectangle(chunks)
        logits = self._model(input_ids=token_ids, attention_mask=_mask(token_ids, lengths)).logits.double()
        logprobs = logsigmoid(logits) if self._multi_label else log_softmax(logits, -1)
        listed: list[list[float]] = logprobs.tolist()
        return listed

    def _vectors(self, chunks: list[Chunk]) -> list[list[float]]:
        """For each text [hidden_size], or twice that for `mean+last`."""
        token_ids, lengths = self._rectangle(chunks)
        mask = _mask(token_ids, lengths)
        asks = [_asked_vector(chunk) for chunk in chunks]
        output = self._model.base_model(
            input_ids=token_ids,
            attention_mask=mask,
            output_hidden_states=any(ask.layer is not None for ask in asks),
        )
        vectors: list[list[float]] = [[]] * len(chunks)
        for ask in set(asks):
            places = [place for place, each in enumerate(asks) if each == ask]
            hidden = output.last_hidden_state if ask.layer is None else output.hidden_states[ask.layer]
            pooled = _pooled(hidden[places].float(), mask[places], lengths[places], ask.pool)
            pooled = normalize(pooled, dim=-1) if ask.normalize else pooled
            for place, values in zip(places, pooled.tolist(), strict=True):
                vectors[place] = values
        return vectors

    def _rectangle(self, chunks: list[Chunk]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids [num_texts, longest], padded at their ends, and lengths [num_texts]; both int64."""
        lengths = [chunk.num_tokens for chunk in chunks]
        longest = max(lengths)
        rows = [[*chunk.token_ids, *[self._pad_token_id] * (longest - chunk.num_tokens)] for chunk in chunks]
        device = self._model.device
        return torch.tensor(rows, device=device), torch.tensor(lengths, device=device)


def _ask(chunk: Chunk) -> VectorAsk | None:
    assert isinstance(chunk.sequence.work, Encoding)
    return chunk.sequence.work.vector


def _asked_vector(chunk: Chunk) -> VectorAsk:
    ask = _ask(chunk)
    assert ask is not None
    return ask


def _mask(token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """1 where there is text, 0 where there is padding, [num_texts, longest] int64."""
    columns = torch.arange(token_ids.shape[1], device=token_ids.device)
    return (columns < lengths[:, None]).long()


def _pooled(hidden: torch.Tensor, mask: torch.Tensor, lengths: torch.Tensor, pool: Pool) -> torch.Tensor:
    """[num_texts, longest, hidden_size] float32 to [num_texts, hidden_size], or twice that."""
    match pool:
        case "cls":
            return hidden[:, 0]
        case "last":
            return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
        case "mean":
            # Not multiplied by the mask: what a model computes of padding may be no number.
            return hidden.masked_fill(mask[:, :, None] == 0, 0.0).sum(1) / lengths[:, None]
        case "mean+last":
            return torch.cat([_pooled(hidden, mask, lengths, each) for each in ("mean", "last")], -1)
        case "default":
            raise AssertionError("the intake says which pooling is meant")
