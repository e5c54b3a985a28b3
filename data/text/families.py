"""Tables of model families: which inputs they take, and how their batches may be padded.

A family is the `model_type` of a config. Tests compare each family, with random weights, with transformers run on one
row at a time.
"""

from collections.abc import Mapping
from typing import Any

# Settings of how a model is run, not of what it computes: these values are used whatever the config holds.
OURS: dict[str, Any] = {
    "return_dict": True,
    "output_hidden_states": False,
    "output_attentions": False,
    "chunk_size_feed_forward": 0,
    "torchscript": False,
    "use_cache": False,
    "gradient_checkpointing": False,
    "reference_compile": False,
}

# Position numbers begin behind the padding id: a table of 514 rows with padding id 1 serves 512 sub-words.
BEHIND_PADDING = frozenset(
    {
        *("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "roberta-prelayernorm", "data2vec-text", "xmod"),
        *("mpnet", "longformer", "esm", "luke", "lilt", "ibert", "layoutlmv3", "markuplm"),
    }
)
# Relative positions without a maximum: no row is too long. DeBERTa too, if it adds no positions to the word vectors.
RELATIVE = frozenset({"xlnet", "t5", "mt5", "umt5", "funnel", "bloom", "mpt"})
DEBERTA = frozenset({"deberta", "deberta-v2"})
ROTARY = "rotary"  # a `position_embedding_type`
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")

# Families whose answers do not change by padding on the right under an attention mask. Batches of other families hold
# rows of one length: convolutions (ConvBERT), trigrams (MobileBERT) and Fourier transforms (FNet) read padding, and an
# untested family might.
PADDABLE = frozenset(
    {
        *("albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra", "ernie"),
        *("esm", "eurobert", "ibert", "longformer", "megatron-bert", "modernbert", "mpnet"),
        *("nomic_bert", "rembert", "roberta", "roberta-prelayernorm", "roformer", "squeezebert", "xlm-roberta"),
        "xlm-roberta-xl",
    }
)
# Scores are read off the last sub-word that is no padding, found by its id: the config's, not the tokenizer's.
LAST = frozenset(
    {
        *("gpt2", "gpt_neo", "gpt_neox", "opt", "bloom", "biogpt", "ctrl"),
        *("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi", "phi3", "stablelm", "olmo", "olmo2"),
    }
)
# Scores are read off the last place of a row, padding or not: a training batch is padded on the left.
LEFT = frozenset({"xlnet"})


def position_limit(config: Mapping[str, Any], stated: Any = None) -> int:
    """The longest input of a model in sub-words; 0 where its family has no limit or it names none.

    config: the whole of config.json. stated: the tokenizer's `model_max_length`.
    """
    family = config.get("model_type")
    if family in RELATIVE or (family in DEBERTA and config.get("position_biased_input") is False):
        return 0
    if family == "esm" and config.get("position_embedding_type") == ROTARY:
        return 0
    own = next((config[name] for name in POSITIONS if isinstance(config.get(name), int)), 0)
    if own and family in BEHIND_PADDING:
        pad = config.get("pad_token_id")
        own -= 1 + (pad if isinstance(pad, int) else 1)
    limits = [value for value in (stated, own) if isinstance(value, int) and 0 < value < 1 << 30]
    return min(limits, default=0)
