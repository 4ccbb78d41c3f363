"""The settings of recall: how memories are chosen."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class RecallSettings(BaseSettings):
    """How many memories are recalled, and by which rules."""

    recall_policy: Literal["heartline", "hybrid", "cosine"] = Field(
        "heartline",
        description="How memories are chosen: heartline by words, neighbours, tokens, speakers, days and the marks of "
        "an answer, hybrid by cosine with words (BM25), cosine as in the original design.",
    )
    token_vectors: bool = Field(
        True, description="Keep a vector of each word piece of a message (2 to 8 kB), which finds about 2 % more."
    )
    rerank_model: str = Field(
        "",
        description="CrossEncoder of sentence-transformers (a name, or a folder) that reranks what recall finds best; "
        "empty is none.",
    )
    rerank_deadline_seconds: float = Field(
        0.3, gt=0, le=10, description="Seconds that a turn waits for the reranker, at most; then it goes on without."
    )
    rag_top_k: int = Field(10, ge=0, le=64, description="Memories recalled into a context, at most; 0 recalls none.")
