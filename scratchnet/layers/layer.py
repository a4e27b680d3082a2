"""What every layer is: weights, a forward pass, a backward pass and a configuration.

A layer of one's own is a subclass with its mathematics in `forward` and `backward`. This one has a
weight and an argument, y = factor · γ · x, so that

    ∂L/∂x = factor · γ · dy        ∂L/∂γ = Σ factor · x · dy, over all axes but the last

>>> import numpy as np
>>> from scratchnet import Sequential, inspection, layers, saving
>>> @saving.register_keras_serializable("shop")
... class Scale(layers.Layer):
...     def __init__(self, factor=1.0, **kwargs):
...         super().__init__(**kwargs)
...         self.factor = factor
...
...     def build(self, input_shape):
...         self.gamma = self.add_weight((input_shape[-1],), "ones", "gamma")
...
...     def forward(self, x, training):
...         return self.factor * self.gamma.value * x, x
...
...     def backward(self, dy, saved, needs_dx=True):
...         dgamma = (self.factor * saved * dy).sum(axis=tuple(range(dy.ndim - 1)))
...         trains = self.gamma.trainable  # a frozen weight has no gradient
...         return self.factor * self.gamma.value * dy, [dgamma] if trains else []
...
...     def get_config(self):
...         return super().get_config() | {"factor": self.factor}

Measured derivatives say whether backward is right, in float64:

>>> x = np.linspace(-1, 1, 12).reshape(4, 3)
>>> print(inspection.check_gradients(Scale(0.5, dtype="float64"), x).passed)
True

It is trained in a model, saved, and loaded again wherever its class is registered, or named in
`custom_objects={"Scale": Scale}`. Keras reads the file too, where a layer of its own has that name
and is registered likewise:

>>> model = Sequential([layers.Input((3,)), Scale(0.5), layers.Dense(1)])
>>> model.compile("sgd", "mse")
>>> history = model.fit(x, x[:, :1], epochs=2, verbose=0)
>>> model.save("model.keras")
>>> bool((saving.load_model("model.keras")(x) == model(x)).all())
True
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import constraints, initializers, regularizers
from scratchnet.config import standardize_dtype
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.symbolic import Node, Shape, SymbolicTensor, is_symbolic
from scratchnet.regularizers import Regularizer
from scratchnet.serialization import snake_case
from scratchnet.variable import Variable

Saved = Any
Gradients = list[np.ndarray]

_counters: dict[str, itertools.count] = {}


def unique_name(class_name: str) -> str:
    """Keras's automatic names: "conv2d", "conv2d_1", … in the order of construction.

    >>> unique_name("MaxPooling2D").startswith("max_pooling2d")
    True
    """
    prefix = snake_case(class_name)
    number = next(_counters.setdefault(prefix, itertools.count()))
    return f"{prefix}_{number}" if number else prefix


def reset_names() -> None:
    """Start the automatic names anew, as `keras.utils.clear_session` does."""
    _counters.clear()


class Layer:
    """Base of all layers.

    A layer keeps its weights and nothing else from one call to the next: what backward needs is
    returned by forward and handed back by the caller. So one layer can stand in several places of
    a network and serve several threads.

    A new layer defines `forward` and `backward`; where they apply also `build` (to create
    weights with `add_weight`), `compute_output_shape` and `get_config`.

    A layer of several inputs sets `several_inputs`. Its forward, build, check_input and
    compute_output_shape then receive a list with one array or shape for each input, and its
    backward returns a list of gradients, with None for an input that has none. Further arguments
    of a call, such as a mask, are named in `call_options` and reach forward as keywords.

    Called on arrays a layer computes; called on symbolic tensors (`layers.symbolic`) it adds a
    node to a graph.

    Args:
        activity_regularizer: penalty on the output, divided by the batch size.
        trainable: whether an optimizer may change the weights.
        dtype: of the weights and of the computation; None means `config.floatx()`.
        name: None means Keras's automatic name.
    """

    rank: ClassVar[int | None] = None  # number of axes that the input must have
    min_rank: ClassVar[int] = 1
    several_inputs: bool = False
    spread_inputs: ClassVar[bool] = False  # whether a call takes them as arguments of their own
    call_options: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        activity_regularizer: Regularizer | str | dict | None = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise TypeError(
                f"{type(self).__name__} does not know the argument(s) {', '.join(unknown)}. "
                f"Expected the arguments of keras.layers.{type(self).__name__}; remove or correct "
                f"them."
            )
        self.name = unique_name(type(self).__name__) if name is None else name
        self.dtype = _dtype_name(dtype, self.name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self.input_shape: Any = None  # a shape, or a list of them for several inputs
        self.nodes: list[Node] = []  # the calls on symbolic tensors, in the order they were made
        self._trainable = trainable
        self._weights: list[Variable] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _remembered(cls.build)  # type: ignore[method-assign]

    # What a layer computes

    def build(self, input_shape: Shape) -> None:
        """Create the weights for inputs of this shape; its first entry, the batch, may be None.

        The first call of the layer does that, unless it was done by hand.
        """

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        """(y, saved): the output, and just what `backward` will need."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(x, training).")

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        """(dx, gradients) from dy = ∂L/∂y; one gradient for each trainable weight, same order.

        With `needs_dx` False, dx may be None: nobody asks for the gradient of the images.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define backward(dy, saved).")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for an input of this shape; by default the same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, under Keras's names."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def get_build_config(self) -> dict[str, Any] | None:
        """What Keras builds a layer from that it reads from a file: the shapes of its inputs."""
        return {"input_shape": self.input_shape} if self.built else None

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new layer, not built, from what `get_config` gave, here or in Keras."""
        unused = ("quantization_config", "lora_rank", "lora_alpha")  # Keras writes them as None
        return cls(**{k: v for k, v in config.items() if not (k in unused and v is None)})

    # The output's activation, where the layer ends in one. Cross-entropies are computed from
    # what goes into a softmax or sigmoid, because what comes out of it may be rounded to 0 or 1.

    output_activation: str | None = None

    def forward_logits(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        """`forward` without the last activation; only where `output_activation` is a name."""
        raise NotImplementedError(f"{type(self).__name__} does not end in an activation.")

    def backward_logits(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        """`backward` of `forward_logits`."""
        raise NotImplementedError(f"{type(self).__name__} does not end in an activation.")

    @property
    def penalises_activities(self) -> bool:
        """Whether the output of this layer, or of one inside it, is penalised."""
        return self.activity_regularizer is not None

    def activity_penalty(self, saved: Saved) -> float:
        """Σ of the penalties on the outputs of layers inside this one; a model has some."""
        return 0.0

    # What all layers share

    def __call__(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        """The output for an array, which is cast to the layer's dtype; builds the layer first.

        Args:
            inputs: array or symbolic tensor, or a list of them for a layer of several inputs.
            training: whether layers like dropout and batch normalisation train.
            options: the layer's `call_options`.

        Raises:
            TypeError: an option that the layer does not know.
            ValueError: an input whose rank or channels do not fit the layer.
        """
        return self._call(inputs, training, options, (inputs,), options)

    def _call(
        self,
        inputs: Any,
        training: bool | None,
        options: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """A call with its inputs gathered into one array or a list; `args` and `kwargs` are how
        the caller gave them, which a graph's configuration repeats."""
        unknown = sorted(set(options) - set(self.call_options))
        if unknown:
            raise TypeError(
                f"{self._label()} was called with the argument(s) {', '.join(unknown)}, which it "
                f"does not know. Expected {', '.join(['training', *self.call_options])}."
            )
        options = {name: value for name, value in options.items() if value is not None}
        if is_symbolic([inputs, options]):
            return self._add_node(inputs, options, training, args, kwargs)
        x = self.cast(inputs)
        self.ensure_built(shape_of(x, batch=False))
        self.check_input(shape_of(x))
        return self.compute(x, self.trains(training), **options)

    def trains(self, training: bool | None) -> bool:
        """Whether to train where the caller says this; None leaves it to the layer."""
        return bool(training)

    def compute(self, x: Any, training: bool, **options: Any) -> Any:
        """The output alone, where no backward pass will follow."""
        return self.forward(x, training, **options)[0]

    def cast(self, inputs: Any) -> Any:
        """The inputs as arrays of the layer's dtype; a layer that takes integers overrides it."""
        if self.several_inputs:
            return [np.asarray(x).astype(self.dtype, copy=False) for x in inputs]
        return np.asarray(inputs).astype(self.dtype, copy=False)

    def _add_node(
        self,
        inputs: Any,
        options: dict[str, Any],
        training: bool | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Build the layer for the symbolic inputs' shapes and note the call."""
        if training is not None:
            kwargs = kwargs | {"training": training}
        node = Node(self, inputs, options, training, args, kwargs)
        if not all(isinstance(tensor, SymbolicTensor) for tensor in node.inputs):
            raise TypeError(
                f"{self._label()} received symbolic tensors together with "
                f"{[type(t).__name__ for t in node.inputs]}. Expected only symbolic tensors; an "
                f"array goes into a graph through an Input of its own."
            )
        shapes: Any = [tensor.shape for tensor in node.inputs]
        shape = shapes if node.several else shapes[0]
        self.ensure_built(shape)
        self.check_input(shape)
        output = self._output_shapes(shape, options)
        several = isinstance(output, list)
        node.outputs = [
            SymbolicTensor(s, self.dtype, node, i)
            for i, s in enumerate(output if several else [output])
        ]
        self.nodes.append(node)
        return list(node.outputs) if several else node.outputs[0]

    def _output_shapes(self, shape: Any, options: dict[str, Any]) -> Any:
        """`compute_output_shape` of a call with these options; a list for several outputs."""
        return self.compute_output_shape(shape)

    def ensure_built(self, input_shape: Any) -> None:
        """Check the shape and create the weights, once; nothing is kept if that fails."""
        if self.built:
            return
        self.check_input(input_shape)
        try:
            self.compute_output_shape(input_shape)
        except ValueError as error:
            raise ValueError(f"{self._label()}: {error}") from None
        self.build(input_shape)
        self.input_shape = input_shape
        self.built = True

    def check_input(self, shape: Any) -> None:
        """Raise ValueError where `shape` has the wrong rank or differs from what was built."""
        if isinstance(shape, list):
            raise ValueError(
                f"{self._label()} received {len(shape)} inputs, of shapes {shape}. Expected one: "
                f"join them first, for example with layers.Concatenate."
            )
        axes = "(N, H, W, C), channels last" if self.rank == 4 else f"{self.rank} axes"
        if self.rank is not None and len(shape) != self.rank:
            hint = (
                " A single image needs a batch axis, x[None]; grey images need a channel axis, "
                "x[..., None]."
                if self.rank == 4
                else ""
            )
            raise ValueError(
                f"{self._label()} received an input of shape {shape} with {len(shape)} axes. "
                f"Expected {axes}.{hint}"
            )
        if len(shape) < self.min_rank:
            raise ValueError(
                f"{self._label()} received an input of shape {shape} with {len(shape)} axes. "
                f"Expected at least {self.min_rank}: the first counts the samples."
            )
        if self.built and self._weights and self.input_shape is not None:
            expected, received = self.input_shape[-1], shape[-1]
            if expected != received:
                raise ValueError(
                    f"{self._label()} received an input of shape {shape} whose last axis has "
                    f"{received} channels. Expected {expected}, as when its weights were created. "
                    f"Build a new layer, or give it inputs of shape (…, {expected})."
                )

    def add_weight(
        self,
        shape: Sequence[int],
        initializer: Initializer | str,
        name: str,
        trainable: bool = True,
        regularizer: Regularizer | None = None,
        constraint: Constraint | str | None = None,
    ) -> Variable:
        """Create a weight of the layer's dtype. Create the trainable ones first, as Keras does."""
        value = initializers.get(initializer)(tuple(shape), dtype=self.dtype)
        variable = Variable(
            value,
            name,
            trainable and self.trainable,
            regularizer,
            f"{self.name}/{name}",
            constraints.get(constraint),
        )
        variable.can_train = trainable
        self._weights.append(variable)
        return variable

    @property
    def weights(self) -> list[Variable]:
        """All weights in Keras's order: the trainable ones, then the others."""
        return [*self._weights]

    @property
    def trainable_weights(self) -> list[Variable]:
        return [w for w in self._weights if w.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [w for w in self._weights if not w.trainable]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the weights; set it to freeze or thaw the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for weight in self._weights:
            weight.trainable = weight.can_train and self._trainable

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of `weights`."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Write all weights, in the order of `weights`.

        Raises ValueError, and changes nothing, where a number or a shape differs.
        """
        mine = self.weights
        if len(weights) != len(mine):
            names = ", ".join(w.path for w in mine) or "it has no weights"
            hint = "" if self.built else " It is not built yet: call it on an input first."
            raise ValueError(
                f"{self._label()} received {len(weights)} arrays in set_weights, expected "
                f"{len(mine)}: {names}.{hint}"
            )
        for variable, array in zip(mine, weights, strict=True):
            if np.shape(array) != variable.shape:
                raise ValueError(
                    f"{self._label()} received an array of shape {np.shape(array)} for the weight "
                    f"{variable.path!r} in set_weights, expected {variable.shape}. The order is "
                    f"{', '.join(w.path for w in mine)}."
                )
        for variable, array in zip(mine, weights, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """Number of weights, counted one by one.

        Raises ValueError before the layer is built.
        """
        if not self.built:
            raise ValueError(
                f"{self._label()} has no weights yet, since it is not built. Call it on an input, "
                f"or build the model with `model.build(input_shape)`, before counting."
            )
        return sum(weight.value.size for weight in self.weights)

    @property
    def input(self) -> Any:
        """The symbolic tensor, or the list of them, that the layer was first called on."""
        node = self._first_node()
        return node.inputs if node.several else node.inputs[0]

    @property
    def output(self) -> Any:
        """The symbolic tensor, or the list of them, that the layer's first call gave."""
        outputs = self._first_node().outputs
        return outputs[0] if len(outputs) == 1 else outputs

    def _first_node(self) -> Node:
        if not self.nodes:
            raise AttributeError(
                f"{self._label()} was never called on a symbolic tensor, so it has no input and "
                f"no output. Put it into a model that starts with an Input."
            )
        return self.nodes[0]

    @property
    def output_shape(self) -> Any:
        """Shape of the output for the shape the layer was built with."""
        if self.input_shape is None:
            raise AttributeError(
                f"{self._label()} has no output shape yet: it was not built. Call it on an input."
            )
        return self.compute_output_shape(self.input_shape)

    def _label(self) -> str:
        return f"Layer {self.name!r} ({type(self).__name__})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _remembered(build: Callable[..., None]) -> Callable[..., None]:
    """`build` which notes that it was done, so that the layer's first call does not do it again."""

    @wraps(build)
    def remembered(self: Layer, input_shape: Any) -> None:
        build(self, input_shape)
        # Not within the `build` of a class below, which may have more to do
        if type(self).build is remembered and not self.built:
            self.input_shape = input_shape or None
            self.built = True

    return remembered


def shape_of(x: Any, batch: bool = True) -> Any:
    """The shape, or a list of shapes, of what a layer received; without `batch`, for any batch."""
    if isinstance(x, list):
        return [shape_of(each, batch) for each in x]
    return x.shape if batch else (None, *x.shape[1:])


def _dtype_name(dtype: Any, layer: str) -> str:
    """The dtype's name, from a name, a NumPy dtype or the dict that Keras writes to files."""
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name", dtype)
    try:
        return standardize_dtype(dtype)
    except TypeError:
        raise ValueError(
            f"Layer {layer!r} received dtype={dtype!r}. Expected 'float32', 'float64' or "
            f"'float16'; weights and computation have the same dtype here, so mixed policies do "
            f"not apply."
        ) from None


def refuse_channels_first(data_format: str | None) -> None:
    """Images are channels-last throughout; say how to get there."""
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f"Images are channels-last here, (N, H, W, C); received data_format={data_format!r}. "
            f"Expected 'channels_last' or None: transpose the images once with "
            f"np.moveaxis(x, 1, -1)."
        )


def pair(value: int | Sequence[int], argument: str, minimum: int = 1) -> tuple[int, int]:
    """One integer for both axes, or two; raises ValueError for anything else.

    >>> pair(3, "kernel_size")
    (3, 3)
    """
    values = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(values) != 2 or not all(
        isinstance(v, (int, np.integer)) and v >= minimum for v in values
    ):
        raise ValueError(
            f"The argument {argument} must be one integer or two, each at least {minimum}; "
            f"received {value!r}. For example {argument}=3 or {argument}=(3, 3)."
        )
    return int(values[0]), int(values[1])
