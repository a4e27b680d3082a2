"""What a script needs beside its model, with Keras's names."""

from scratchnet.custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from scratchnet.random import set_random_seed
from scratchnet.utils.arrays import normalize, to_categorical
from scratchnet.utils.model_plot import model_to_dot, plot_model
from scratchnet.utils.py_dataset import PyDataset, Sequence
from scratchnet.utils.session import clear_session

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "model_to_dot",
    "normalize",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]
