"""The same graph with its weights as int8: products of whole numbers, which a processor does several at a time.

What goes into a product is turned into uint8 as it comes, by the range of that pass (dynamic quantization), so a text's
states depend on nothing but the text only where it has a pass of its own. Norms, sums and softmax stay in float32.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from api.adapters.bert_graph import FUSED, HEADS, BertGraph

MOST: Final = 63
"""Seven bits: processors without VNNI add two products in 16 bits, which eight bits would overflow
(https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, reduce_range)."""


class Int8BertGraph(BertGraph):
    """The graph for these weights, rounded to int8 with a scale for each column."""

    def _attention(self, prefix: str, states: str) -> str:
        quantized = [f"{states}.uint8", f"{states}.scale", f"{states}.zero"]
        self._nodes.append(helper.make_node("DynamicQuantizeLinear", [states], quantized))
        whole, scale, zero = quantized
        weight, scales, zeros = self._give_rounded(f"{prefix}weight", self._query_key_value(prefix))
        inputs = [whole, weight, self._biases(prefix), scale, scales, "mask", zero, zeros]
        return self._node("QAttention", inputs, f"{prefix}mixed", domain=FUSED, num_heads=HEADS)

    def _product(self, prefix: str, states: str) -> str:
        weight = self._give_rounded(f"{prefix}weight", self._weights[f"{prefix}weight"].T)
        return self._node("DynamicQuantizeMatMul", [states, *weight], f"{prefix}product", domain=FUSED)

    def _give_rounded(self, name: str, weight: NDArray[np.float32]) -> tuple[str, str, str]:
        """The weight in whole numbers, what one of them stands for in each column, and the zero's place, which is 0."""
        scales: NDArray[np.float32] = np.abs(weight).max(axis=0) / np.float32(MOST)
        return (
            self._give(name, np.rint(weight / scales).astype(np.int8)),
            self._give(f"{name}.scales", scales),
            self._give(f"{name}.zeros", np.zeros(len(scales), np.int8)),
        )
