"""What Keras adds to some layers for tuning large models, and what is not had here."""

from __future__ import annotations

from typing import Any


def refuse_adapters(layer: str, **arguments: Any) -> None:
    """Raise ValueError for an argument of low-rank adaptation or quantization that is not None."""
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"{layer} received {name}={value!r}. Low-rank adapters and quantized weights are "
                f"not supported; expected None. Train all weights, or freeze the layer with "
                f"trainable=False."
            )
