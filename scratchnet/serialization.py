"""Objects as Keras writes them into files, and back from names, configurations or instances."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from scratchnet.names import unknown_name_message

T = TypeVar("T")


def serialize_object(instance: Any, module: str) -> dict[str, Any]:
    """The class of `instance`, the Keras module it belongs to, and its configuration."""
    return {
        "module": module,
        "class_name": type(instance).__name__,
        "config": instance.get_config(),
        "registered_name": None,
    }


def get_object(identifier: Any, known: Mapping[str, type[T]], kind: str, base: type[T]) -> T:
    """An instance of `base` from a name, a configuration, a class or an instance.

    Args:
        identifier: what the user gave; names are Keras's, in snake case or as the class.
        known: class name -> class; further keys are aliases.
        kind: what is looked for, for the error message.
        base: class that the result has.

    Raises:
        ValueError: an unknown name, with the closest known one.
        TypeError: anything else.
    """
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    if isinstance(identifier, Mapping):
        name = identifier["class_name"]
        return _lookup(name, known, kind).from_config(dict(identifier["config"]))  # type: ignore[attr-defined]
    if isinstance(identifier, str):
        return _lookup(identifier, known, kind)()
    raise TypeError(
        f"Cannot read a {kind} from {identifier!r} ({type(identifier).__name__}). Expected a name, "
        f"such as {next(iter(known))!r}, a configuration, or an instance of {base.__name__}."
    )


def snake_case(class_name: str) -> str:
    """Keras's snake-case name of a class.

    >>> snake_case("SparseCategoricalCrossentropy"), snake_case("MaxPooling2D"), snake_case("SGD")
    ('sparse_categorical_crossentropy', 'max_pooling2d', 'sgd')
    """
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _lookup(name: str, known: Mapping[str, type[T]], kind: str) -> type[T]:
    names = {snake_case(key): value for key, value in known.items()} | dict(known)
    names |= {key.lower(): value for key, value in known.items()}
    if name not in names:
        raise ValueError(unknown_name_message(kind, name, {snake_case(key) for key in known}))
    return names[name]
