"""The threads of numpy's linear algebra library."""

from contextlib import AbstractContextManager

import threadpoolctl


def one_blas_thread() -> AbstractContextManager[object]:
    """Until the block ends, a product of matrices uses the thread that asks for it, and no other.

    OpenBLAS divides even a product of half a millisecond among its threads, which then spin while they wait for the
    next: half of all the processor time of a turn.
    """
    return threadpoolctl.threadpool_limits(limits=1, user_api="blas")
