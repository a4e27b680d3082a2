"""The identical Keras model beside a scratchnet model, and the proof that both compute the same.

>>> import reference                                  # doctest: +SKIP
>>> reference.compare(model, x, y)                    # doctest: +SKIP

Keras's backend is TensorFlow unless the environment says KERAS_BACKEND=jax or torch. A GPU is used
where the backend finds one, with reduced-precision matrix products off.
"""

from reference.agreement import relative_error
from reference.compare import compare, weights_after_training
from reference.device import Device, prepare
from reference.twin import twin

__all__ = ["Device", "compare", "prepare", "relative_error", "twin", "weights_after_training"]
