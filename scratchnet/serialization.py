"""Objects as Keras writes them into files, and back from names, configurations or instances."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from scratchnet.custom_objects import get_registered_name, get_registered_object
from scratchnet.names import unknown_name_message

T = TypeVar("T")


def serialize_object(instance: Any, module: str) -> dict[str, Any]:
    """The class of `instance`, the Keras module it belongs to, and its configuration.

    A class of the user's own stands there with its own module and its registered name.
    """
    kind = type(instance)
    registered_name = get_registered_name(kind)
    is_own = ">" in registered_name or not kind.__module__.startswith("scratchnet.")
    return {
        "module": kind.__module__ if is_own else module,
        "class_name": kind.__name__,
        "config": instance.get_config(),
        "registered_name": registered_name if is_own else None,
    }


def get_object(identifier: Any, known: Mapping[str, type[T]], kind: str, base: type[T]) -> T:
    """An instance of `base` from a name, a configuration, a class or an instance.

    Args:
        identifier: what the user gave; names are Keras's, in snake case or as the class, or those
            of `custom_objects`.
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
        return find_class(identifier, _by_all_names(known), kind, base).from_config(  # type: ignore[attr-defined]
            dict(identifier["config"])
        )
    if isinstance(identifier, str):
        return (_own_class(identifier, kind, base) or _lookup(identifier, known, kind))()
    raise TypeError(
        f"Cannot read a {kind} from {identifier!r} ({type(identifier).__name__}). Expected a name, "
        f"such as {next(iter(known))!r}, a configuration, or an instance of {base.__name__}."
    )


def find_class(
    entry: Mapping[str, Any], known: Mapping[str, type[T]], kind: str, base: type[T]
) -> type[T]:
    """The class that a configuration names, of scratchnet or of the user's own.

    The registered name decides; a class of the user's own never gives way to one of scratchnet's
    that happens to have its name, nor the other way round.

    Raises:
        ValueError: a class that is not known.
        TypeError: one that is no `base`.
    """
    name: str = entry["class_name"]
    module, registered_name = entry.get("module"), entry.get("registered_name")
    if registered_name and (own := _own_class(registered_name, kind, base)):
        return own
    library = (module or "keras").partition(".")[0]
    is_own = library not in ("keras", "scratchnet") or registered_name not in (None, name)
    if not is_own and name in known:
        return known[name]
    if own := _own_class(name, kind, base):
        return own
    if not is_own:
        classes = {each.__name__ for each in known.values()}
        raise ValueError(unknown_name_message(kind, name, classes))
    raise ValueError(
        f"Unknown {kind} {registered_name or name!r}: it is a class of the module {module!r} and "
        f"none of scratchnet's. Expected it in custom_objects={{{name!r}: {name}}}, or registered "
        f"with scratchnet.saving.register_keras_serializable."
    )


def snake_case(class_name: str) -> str:
    """Keras's snake-case name of a class.

    >>> snake_case("SparseCategoricalCrossentropy"), snake_case("MaxPooling2D"), snake_case("SGD")
    ('sparse_categorical_crossentropy', 'max_pooling2d', 'sgd')
    """
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _lookup(name: str, known: Mapping[str, type[T]], kind: str) -> type[T]:
    names = _by_all_names(known)
    if name not in names:
        raise ValueError(unknown_name_message(kind, name, {snake_case(key) for key in known}))
    return names[name]


def _by_all_names(known: Mapping[str, type[T]]) -> dict[str, type[T]]:
    names = {snake_case(key): value for key, value in known.items()} | dict(known)
    return names | {key.lower(): value for key, value in known.items()}


def _own_class(name: str, kind: str, base: type[T]) -> type[T] | None:
    """The class of the user's own of that name, if there is one."""
    found = get_registered_object(name)
    if found is not None and not (isinstance(found, type) and issubclass(found, base)):
        raise TypeError(
            f"The custom object {name!r} is {found!r}. Expected a {kind}: a subclass of "
            f"{base.__name__}."
        )
    return found
