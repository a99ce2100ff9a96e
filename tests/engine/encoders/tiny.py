"""Tiny encoders with random weights, one per family, and transformers' own answers to compare with."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    CamembertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

from tests.engine.tiny import CORPUS

VOCAB_SIZE = 320
PAD, CLS, SEP = 1, 0, 2
FIRST_TEXT_TOKEN = 3
POSITIONS = 64
WINDOW = 8  # tokens around it that a token of ModernBERT's local layers sees
NUM_LAYERS = 3
LABELS = ("billing", "bug", "account_access")


def save_tokenizer(folder: Path) -> None:
    """A byte-level BPE tokenizer that writes <s> before a text and </s> after it."""
    fast = FastTokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    fast.train_from_iterator(CORPUS, trainer)
    fast.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", CLS), ("</s>", SEP)]
    )
    # As published ones do: it must not cut, nor pad.
    fast.enable_truncation(8)
    fast.enable_padding(length=8, pad_id=PAD, pad_token="<pad>")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=fast, cls_token="<s>", sep_token="</s>", pad_token="<pad>"
    )
    tokenizer.save_pretrained(folder)


COMMON: dict[str, Any] = {
    "vocab_size": VOCAB_SIZE,
    "pad_token_id": PAD,
    "bos_token_id": CLS,
    "eos_token_id": SEP,
    "max_position_embeddings": POSITIONS,
    "initializer_range": 0.3,
}
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": NUM_LAYERS,
    "num_attention_heads": 4,
}
CONFIGS: dict[str, Callable[..., Any]] = {
    "bert": lambda **more: BertConfig(**COMMON, **SHAPE, **more),
    "camembert": lambda **more: CamembertConfig(**COMMON, **SHAPE, **more),
    "deberta-v2": lambda **more: DebertaV2Config(
        **COMMON,
        **SHAPE,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=16,
        position_biased_input=False,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        **more,
    ),
    "distilbert": lambda **more: DistilBertConfig(
        **COMMON, dim=32, hidden_dim=48, n_layers=NUM_LAYERS, n_heads=4, **more
    ),
    "electra": lambda **more: ElectraConfig(**COMMON, **SHAPE, embedding_size=16, **more),
    "modernbert": lambda **more: ModernBertConfig(
        **COMMON,
        **SHAPE,
        cls_token_id=CLS,
        sep_token_id=SEP,
        local_attention=WINDOW,
        global_attn_every_n_layers=2,
        classifier_pooling="mean",
        **more,
    ),
    "mpnet": lambda **more: MPNetConfig(**COMMON, **SHAPE, **more),
    "roberta": lambda **more: RobertaConfig(**COMMON, **SHAPE, type_vocab_size=1, **more),
    "xlm-roberta": lambda **more: XLMRobertaConfig(**COMMON, **SHAPE, type_vocab_size=1, **more),
}
FAMILIES = tuple(CONFIGS)


def save_classifier(family: str, folder: Path, labels: Sequence[str] = LABELS, **config: Any) -> Path:
    """A whole folder of a model that tells labels."""
    torch.manual_seed(0)
    names = dict(enumerate(labels))
    made = CONFIGS[family](id2label=names, label2id={name: place for place, name in names.items()}, **config)
    AutoModelForSequenceClassification.from_config(made).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_sentence_encoder(
    family: str, folder: Path, pooling: dict[str, Any] | None = None, normalize: bool = True
) -> Path:
    """A whole folder as sentence-transformers saves it; without `pooling` a base model's alone."""
    torch.manual_seed(0)
    AutoModel.from_config(CONFIGS[family]()).save_pretrained(folder)
    save_tokenizer(folder)
    if pooling is not None:
        modules = ["Transformer", "Pooling", *(["Normalize"] if normalize else [])]
        entries = [
            {"idx": n, "path": "", "type": f"sentence_transformers.models.{m}"} for n, m in enumerate(modules)
        ]
        (folder / "modules.json").write_text(json.dumps(entries))
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


class Reference:
    """A model as transformers runs it, one text at a time, without padding."""

    def __init__(self, folder: Path) -> None:
        kind = AutoModelForSequenceClassification if _tells_labels(folder) else AutoModel
        self.model = kind.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.inference_mode()
    def logits(self, token_ids: Sequence[int]) -> list[float]:
        """[num_labels]"""
        logits: list[float] = self.model(torch.tensor([token_ids])).logits[0].tolist()
        return logits

    @torch.inference_mode()
    def hidden(self, token_ids: Sequence[int], layer: int = -1) -> torch.Tensor:
        """[num_tokens, hidden_size]"""
        output = self.model(torch.tensor([token_ids]), output_hidden_states=True)
        hidden: torch.Tensor = output.hidden_states[layer][0]
        return hidden


def _tells_labels(folder: Path) -> bool:
    (architecture,) = json.loads((folder / "config.json").read_text())["architectures"]
    return bool(architecture.endswith("ForSequenceClassification"))
