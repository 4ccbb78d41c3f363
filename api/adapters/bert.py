"""The forward pass of BERT by onnxruntime: word pieces in; vectors, layers and token states out.

The graph is our own (`bert_graph.py`): exporting one would need torch, which is ten times as large to install, takes
two seconds to import and is slower on short texts. `tests/contracts/test_encoder.py` holds the vectors to those of
sentence-transformers. Importing this module takes half a second: do it in a worker thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import onnxruntime
import safetensors.numpy
from numpy.typing import NDArray
from onnx import helper

from api.adapters.bert_graph import EPSILON, BertGraph, Weights
from api.adapters.bert_graph_int8 import Int8BertGraph
from domain.errors import Unavailable

# Their types are not whole: safetensors leaves the parameter of os.PathLike open, onnxruntime has none.
_load_file = cast(Callable[[Path], Weights], safetensors.numpy.load_file)  # pyright: ignore[reportUnknownMemberType]
_runtime = cast(Any, onnxruntime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a pass says of one sequence.

    `vector` is the last layer's mean, of unit length, float16, (width,); `layers` the means of the embedding and of
    every layer, float32, (layers + 1, width); `tokens` the last layer's states without the first and last mark's,
    float32, (pieces - 2, width).
    """

    vector: NDArray[np.float16]
    layers: NDArray[np.float32]
    tokens: NDArray[np.float32]


Precision = Literal["float32", "int8"]


class Bert:
    """The encoder stack with masked mean pooling. Several threads may call it; each does its own work."""

    def __init__(self, weights: Weights, precision: Precision) -> None:
        graph = (Int8BertGraph if precision == "int8" else BertGraph)(weights)
        self._alone = precision == "int8"
        options = _runtime.SessionOptions()
        # More threads than free cores make a pass slower, not faster.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._given = graph.given  # the runtime reads our arrays and copies none
        options.add_external_initializers(list(self._given), [_as_value(tensor) for tensor in self._given.values()])
        self._session = _runtime.InferenceSession(graph.serialized(), options, providers=["CPUExecutionProvider"])

    @classmethod
    def load(cls, file: Path, precision: Precision) -> "Bert":
        """The model stored in a safetensors file under the published names."""
        return cls(_load_file(file), precision)

    def read(self, sequences: Sequence[Sequence[int]]) -> list[Reading]:
        """One reading a sequence, in order. Raises Unavailable when it fails.

        In float32 by a single pass, padded to the longest. In int8 by one pass each, which costs no more: what is
        rounded together is rounded by one range, and a text's vector must not depend on what is read beside it.
        """
        if self._alone:
            return [reading for sequence in sequences for reading in self._pass([sequence])]
        return self._pass(sequences)

    def _pass(self, sequences: Sequence[Sequence[int]]) -> list[Reading]:
        lengths = [len(sequence) for sequence in sequences]
        longest = max(lengths)
        ids = np.array([[*sequence, *[0] * (longest - len(sequence))] for sequence in sequences], np.int64)
        mask = (np.arange(longest) < np.array(lengths)[:, None]).astype(np.int32)
        layers, states = self._run({"ids": ids, "mask": mask})
        return [
            Reading(vector=_unit(means[-1]), layers=means, tokens=tokens[1 : length - 1])
            for means, tokens, length in zip(layers, states, lengths, strict=True)
        ]

    def _run(self, inputs: dict[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        try:
            return self._session.run(None, inputs)
        except Exception as error:  # the runtime's own have no base of theirs; the next pass may well succeed
            raise Unavailable(f"The embedding model failed: {error}.") from error


def _as_value(tensor: NDArray[Any]) -> object:
    kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    return _runtime.OrtValue.ortvalue_from_numpy_with_onnx_type(tensor, kind)


def _unit(mean: NDArray[np.float32]) -> NDArray[np.float16]:
    return (mean / max(float(np.linalg.norm(mean)), EPSILON)).astype(np.float16)
