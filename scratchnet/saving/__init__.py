"""Files: `.keras` for a whole model, `.weights.h5` for its weights. Keras reads and writes both."""

from scratchnet.saving.model_file import load_model, save_model
from scratchnet.saving.weights_file import load_weights, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
