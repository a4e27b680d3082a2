"""What a check of gradients found, as numbers and as a table."""

from __future__ import annotations

from dataclasses import dataclass

Index = tuple[int, ...]


@dataclass(frozen=True)
class Quantity:
    """One array whose gradient was checked.

    Attributes:
        name: "input", "input 1", or the weight's name.
        size: how many numbers the array has.
        checked: how many of them were compared.
        error: largest |got − expected| of these, as a share of the largest |got| or |expected|.
        index: where that is.
        got: what backward says there.
        expected: what was measured there.
        kinks: indices at which the function has a kink, where any gradient between the slopes
            of both sides is right: they prove nothing and are not among `checked`.
        problem: what made a comparison impossible, if anything.
    """

    name: str
    size: int
    checked: int = 0
    error: float = 0.0
    index: Index = ()
    got: float = 0.0
    expected: float = 0.0
    kinks: tuple[Index, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradients` found; it is true where it passed, and prints as a table.

    Attributes:
        quantities: inputs first, then the weights that train.
        tolerance: largest error that passes.
    """

    quantities: tuple[Quantity, ...]
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether every array was compared somewhere, and agrees wherever it was."""
        return not any(self._fault(quantity) for quantity in self.quantities)

    def __bool__(self) -> bool:
        return self.passed

    def __getitem__(self, name: str) -> Quantity:
        """The quantity of that name."""
        return {quantity.name: quantity for quantity in self.quantities}[name]

    def __str__(self) -> str:
        within = f"{self.tolerance:g}"
        if self.tolerance == 0:
            title = f"The gradients are {'' if self.passed else 'not '}exactly the derivatives."
        elif self.passed:
            title = f"The gradients agree with measured derivatives: no error exceeds {within}."
        else:
            title = f"The gradients do not agree with measured derivatives within {within}."
        width = max((len(quantity.name) for quantity in self.quantities), default=0)
        digits = max((len(str(quantity.size)) for quantity in self.quantities), default=0)
        lines = [
            f"  {quantity.name:<{width}}  {quantity.checked:>{digits}} of "
            f"{quantity.size:>{digits}}  {self._text(quantity)}"
            for quantity in self.quantities
        ]
        return "\n".join([title, *lines])

    def _text(self, quantity: Quantity) -> str:
        right = "no error" if quantity.error == 0 else f"largest error {quantity.error:.0e}"
        text = self._fault(quantity) or right
        if quantity.kinks:
            text += f"; {len(quantity.kinks)} on a kink, such as {list(quantity.kinks[0])}"
        return text

    def _fault(self, quantity: Quantity) -> str:
        """What is wrong with a quantity; empty where nothing is."""
        if quantity.problem:
            return f"WRONG: {quantity.problem}"
        if quantity.size and not quantity.checked:
            return "UNKNOWN: every entry is on a kink, where nothing is decided; take another input"
        if quantity.error <= self.tolerance:
            return ""
        return (
            f"WRONG by {quantity.error:.1e} at {list(quantity.index)}: got {quantity.got:.9g}, "
            f"expected {quantity.expected:.9g}"
        )
