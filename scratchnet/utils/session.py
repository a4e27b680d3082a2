"""What the library counts from one model to the next, and how to start anew."""

from __future__ import annotations

import gc

from scratchnet.layers.layer import reset_names


def clear_session(free_memory: bool = True) -> None:
    """Let automatic names begin anew: the next Dense layer is called "dense" again.

    There is nothing else to clear. Models, the float dtype, the registered classes and the random
    generator stay as they are. (In Keras the seed of `set_random_seed` is forgotten as well.)

    Args:
        free_memory: whether to look for memory that nothing refers to, which may take a while.

    >>> from scratchnet import layers
    >>> clear_session(free_memory=False)
    >>> layers.Dense(1).name, layers.Dense(1).name
    ('dense', 'dense_1')

    Source: keras/src/backend/common/global_state.py.
    """
    reset_names()
    if free_memory:
        gc.collect()
