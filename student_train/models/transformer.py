"""A Hugging Face encoder in the clothes of our loop: `Inputs` in, `Outputs` out."""

import inspect

import torch
from torch import nn

from student_train.batch import Inputs
from student_train.outputs import Outputs


class Transformer(nn.Module):
    """Wrap an `AutoModelForSequenceClassification`; its word table's gradient is made sparse (see optim.py)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.takes_types = "token_type_ids" in inspect.signature(model.forward).parameters  # DistilBERT has none
        words = model.get_input_embeddings()  # type: ignore[operator]
        if isinstance(words, nn.Embedding):
            words.sparse = True

    def forward(self, inputs: Inputs) -> Outputs:
        """No attention mask for a batch of one length: that keeps the fast attention kernels."""
        ids, lengths = inputs.ids[0], inputs.lengths[0]
        kwargs = {}
        if not bool((lengths == ids.shape[1]).all()):
            kwargs["attention_mask"] = (torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]).long()
        if inputs.types is not None and self.takes_types:
            kwargs["token_type_ids"] = inputs.types
        return Outputs(self.model(input_ids=ids, **kwargs).logits)
