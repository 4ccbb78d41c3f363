"""BERT as an ONNX graph: the layers written out as nodes, the weights beside it by name.

    ids, mask -> embedding -> layer … layer -> states        (sequences, pieces, width)
                     └── masked means ────┴-> layers         (sequences, layers + 1, width)

Devlin et al., BERT (2019); the fused operators are onnxruntime's own (`com.microsoft`). The graph names its weights and
does not hold them: whoever runs it hands them over, so that they are in memory once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

HEADS: Final = 12
EPSILON: Final = 1e-12
FUSED: Final = "com.microsoft"

Weights = Mapping[str, NDArray[np.float32]]
Tensor = NDArray[Any]
"""Of float32 or int8."""


class BertGraph:
    """The graph for these weights, under their published names. `given` are the tensors that a run of it needs."""

    def __init__(self, weights: Weights) -> None:
        self.given: dict[str, Tensor] = {}
        self._weights = weights
        self._nodes: list[NodeProto] = []
        self._prepare_mask()
        states = self._embedding()
        means = [self._mean(states)]
        for layer in range(len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})):
            states = self._layer(f"encoder.layer.{layer}.", states)
            means.append(self._mean(states))
        self._node("Concat", means, "layers", axis=1)
        self._states = states

    def serialized(self) -> bytes:
        """The model without its weights, as onnxruntime reads it."""
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self._nodes,
            "bert",
            inputs=[
                value("ids", TensorProto.INT64, ["sequences", "pieces"]),
                value("mask", TensorProto.INT32, ["sequences", "pieces"]),
            ],
            outputs=[
                value("layers", TensorProto.FLOAT, ["sequences", "layers", "width"]),
                value(self._states, TensorProto.FLOAT, ["sequences", "pieces", "width"]),
            ],
            initializer=[*_AXES, *(_elsewhere(name, tensor) for name, tensor in self.given.items())],
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    # -- the layers ----------------------------------------------------------------------------------------------------

    def _prepare_mask(self) -> None:
        self._node("Cast", ["mask"], "weights", to=TensorProto.FLOAT)
        self._node("ReduceSum", ["weights", "axis1"], "lengths", keepdims=1)
        self._node("Unsqueeze", ["weights", "axis2"], "weight")

    def _embedding(self) -> str:
        places = self._weights["embeddings.position_embeddings.weight"]
        kind = self._weights["embeddings.token_type_embeddings.weight"][0]  # one text at a time has one kind
        self._node("Gather", [self._weight("embeddings.word_embeddings.weight"), "ids"], "words")
        self._node("Shape", ["ids"], "length", start=1, end=2)
        self._node("Slice", [self._give("every_place", places + kind), "axis0", "length", "axis0"], "places")
        self._node("Add", ["words", "places"], "placed")
        norm = [self._weight(f"embeddings.LayerNorm.{kind}") for kind in ("weight", "bias")]
        return self._node("LayerNormalization", ["placed", *norm], "embedding", epsilon=EPSILON)

    def _layer(self, prefix: str, states: str) -> str:
        mixed = self._attention(f"{prefix}attention.self.", states)
        attended = self._add_and_norm(f"{prefix}attention.output.", mixed, states)
        inner = self._product(f"{prefix}intermediate.dense.", attended)
        biased = [inner, self._weight(f"{prefix}intermediate.dense.bias")]
        inner = self._node("BiasGelu", biased, f"{prefix}inner", domain=FUSED)
        return self._add_and_norm(f"{prefix}output.", inner, attended)

    def _attention(self, prefix: str, states: str) -> str:
        weight = self._give(f"{prefix}weight", self._query_key_value(prefix))
        inputs = [states, weight, self._biases(prefix), "mask"]
        return self._node("Attention", inputs, f"{prefix}mixed", domain=FUSED, num_heads=HEADS)

    def _query_key_value(self, prefix: str) -> NDArray[np.float32]:
        """One product instead of three."""
        weights = [self._weights[f"{prefix}{name}.weight"].T for name in ("query", "key", "value")]
        return np.concatenate(weights, axis=1)

    def _biases(self, prefix: str) -> str:
        biases = [self._weights[f"{prefix}{name}.bias"] for name in ("query", "key", "value")]
        return self._give(f"{prefix}bias", np.concatenate(biases))

    def _add_and_norm(self, prefix: str, states: str, before: str) -> str:
        product = self._product(f"{prefix}dense.", states)
        names = ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")
        inputs = [product, before, *(self._weight(f"{prefix}{name}") for name in names)]
        return self._node("SkipLayerNormalization", inputs, f"{prefix}states", domain=FUSED, epsilon=EPSILON)

    def _product(self, prefix: str, states: str) -> str:
        weight = self._give(f"{prefix}weight", self._weights[f"{prefix}weight"].T)
        return self._node("MatMul", [states, weight], f"{prefix}product")

    def _mean(self, states: str) -> str:
        """The mean over each sequence's own pieces, padding left out."""
        weighted = self._node("Mul", [states, "weight"], f"{states}.weighted")
        total = self._node("ReduceSum", [weighted, "axis1"], f"{states}.total", keepdims=0)
        mean = self._node("Div", [total, "lengths"], f"{states}.mean")
        return self._node("Unsqueeze", [mean, "axis1"], f"{states}.row")

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def _weight(self, name: str) -> str:
        return self._give(name, self._weights[name])

    def _give(self, name: str, tensor: Tensor) -> str:
        self.given[name] = np.ascontiguousarray(tensor)  # it is read as it lies in memory
        return name


_AXES: Final = [helper.make_tensor(f"axis{axis}", TensorProto.INT64, [1], [axis]) for axis in range(3)]


def _elsewhere(name: str, tensor: Tensor) -> TensorProto:
    """A weight that the graph only names."""
    kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    proto = TensorProto(name=name, data_type=kind, dims=tensor.shape, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", name), ("offset", "0"), ("length", str(tensor.nbytes))):
        proto.external_data.add(key=key, value=value)
    return proto
