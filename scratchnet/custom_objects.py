"""Classes of the user's own, so that a file that names one can be loaded.

A file holds no code, only names. A name that is none of scratchnet's is looked up among

    the objects of the scope        with custom_object_scope({"Scale": Scale}): …
    the registered objects          @register_keras_serializable("shop"), under "shop>Scale"

What is given as `custom_objects` to `load_model` and its relatives is a scope around the loading.
A layer, loss, metric, optimizer, initializer, regularizer, constraint or schedule is a class with
`get_config`; an activation is an `activations.ActivationFunction`, and a function of targets and
predictions serves as a metric.

>>> from scratchnet import layers, saving
>>> @saving.register_keras_serializable("shop")
... class Twice(layers.Dense):
...     "A class of one's own."
>>> layers.serialize(Twice(3))["registered_name"]
'shop>Twice'
>>> type(layers.deserialize(layers.serialize(Twice(3)))) is Twice
True

Source: keras/src/saving/object_registration.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}
_scope: ContextVar[Mapping[str, Any]] = ContextVar("custom objects of the scope")


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """A decorator: files that name the class as "package>name" can be loaded from now on.

    Args:
        package: keeps the classes of different authors apart.
        name: None means the name of the class.

    Raises:
        TypeError: the decorator was written without parentheses.
        ValueError: a class without `get_config`.
    """
    if not isinstance(package, str):
        raise TypeError(
            f"register_keras_serializable received {package!r} as its package. Expected a name; "
            f"write @register_keras_serializable() with parentheses."
        )

    def register(thing: T) -> T:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(
                f"The class {thing.__name__} has no get_config(), so a file could not say how to "
                f"make it again. Expected a method that returns the constructor's arguments."
            )
        registered_name = f"{package}>{name or _own_name(thing)}"
        _registered[registered_name] = thing
        _names[thing] = registered_name
        return thing

    return register


def get_registered_name(obj: Any) -> str:
    """The "package>name" of a registered object, and the plain name of any other."""
    return _names.get(obj, _own_name(obj))


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The object of that name, or None where there is none.

    Args:
        name: "package>name", or a key of one of the mappings.
        custom_objects: where to look if neither the scope nor the registry has it.
        module_objects: where to look last.
    """
    for objects in (_scope.get({}), _registered, custom_objects or {}, module_objects or {}):
        if name in objects:
            return objects[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The registered objects by their names; what is written into this dict is registered."""
    return _registered


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Within this block, configurations may name these objects.

    A scope inside another one adds to it. (In Keras it hides it.)

    Args:
        custom_objects: {name: class}; a name is that of the class, or its "package>name".

    >>> from scratchnet import layers
    >>> class Twice(layers.Dense):
    ...     "A class of one's own."
    >>> with custom_object_scope({"Twice": Twice}):
    ...     layers.deserialize(layers.serialize(Twice(3))).units
    3
    """
    token = _scope.set({**_scope.get({}), **(custom_objects or {})})
    try:
        yield
    finally:
        _scope.reset(token)


# Keras's name for the class that its scope is
CustomObjectScope = custom_object_scope


def _own_name(thing: Any) -> str:
    """The name of a class or function, or of an object that has one of its own."""
    return str(getattr(thing, "__name__", None) or getattr(thing, "name", type(thing).__name__))
