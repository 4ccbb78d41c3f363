"""The forward pass of BERT, in plain torch: word pieces in, one unit vector a sequence out.

Written out because importing transformers or sentence-transformers takes 7 and 9 s where torch takes 2.5, and this is
all of them that a sentence encoder needs. `tests/contracts/test_encoder.py` holds it to sentence-transformers' vectors.
Importing this module imports torch: do it in a worker thread.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

HEADS = 12
EPSILON = 1e-12
QUERY_KEY_VALUE = ("attention.self.query", "attention.self.key", "attention.self.value")

# safetensors leaves the parameter of os.PathLike open, which pyright cannot pass over.
_load_file = cast(Callable[[Path], dict[str, Tensor]], safetensors.torch.load_file)  # pyright: ignore[reportUnknownMemberType]


class Bert:
    """The encoder stack with masked mean pooling. Safe to call from several threads, one torch thread each."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = dict(weights)
        self._layers = len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})
        for layer in range(self._layers):
            self._fuse(f"encoder.layer.{layer}.")

    @classmethod
    def load(cls, file: Path) -> "Bert":
        """The model stored in a safetensors file under the published names."""
        return cls(_load_file(file))

    def pool(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float16]:
        """One unit vector a sequence, float16, in order: a single pass, padded to the longest."""
        torch.set_num_threads(1)  # per calling thread: more threads than free cores make a pass slower, not faster
        longest = max(len(sequence) for sequence in sequences)
        ids = torch.tensor([[*sequence, *[0] * (longest - len(sequence))] for sequence in sequences])
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        mask = torch.arange(longest)[None, :] < lengths[:, None]
        with torch.inference_mode():
            states = self._states(ids, mask)
            mean = (states * mask[:, :, None]).sum(1) / lengths[:, None]
            return functional.normalize(mean, dim=1).to(torch.float16).numpy()

    def _fuse(self, prefix: str) -> None:
        """One product instead of three for query, key and value."""
        for kind in ("weight", "bias"):
            parts = [self._weights.pop(f"{prefix}{name}.{kind}") for name in QUERY_KEY_VALUE]
            self._weights[f"{prefix}attention.self.{kind}"] = torch.cat(parts)

    def _states(self, ids: Tensor, mask: Tensor) -> Tensor:
        words = functional.embedding(ids, self._weights["embeddings.word_embeddings.weight"])
        places = self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = self._weights["embeddings.token_type_embeddings.weight"][0]
        states = self._norm("embeddings.LayerNorm", words + places + kind)
        attended = None if bool(mask.all()) else mask[:, None, None, :]
        for layer in range(self._layers):
            states = self._layer(f"encoder.layer.{layer}.", states, attended)
        return states

    def _layer(self, prefix: str, states: Tensor, mask: Tensor | None) -> Tensor:
        count, length, width = states.shape
        joint = self._linear(f"{prefix}attention.self", states).view(count, length, 3, HEADS, width // HEADS)
        query, key, value = joint.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(count, length, width)
        mixed = self._linear(f"{prefix}attention.output.dense", mixed)
        states = self._norm(f"{prefix}attention.output.LayerNorm", mixed + states)
        inner = functional.gelu(self._linear(f"{prefix}intermediate.dense", states))
        return self._norm(f"{prefix}output.LayerNorm", self._linear(f"{prefix}output.dense", inner) + states)

    def _linear(self, name: str, states: Tensor) -> Tensor:
        return functional.linear(states, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, states: Tensor) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(states, (states.shape[-1],), weight, bias, EPSILON)
