"""One sentence for every name that is not known, with the closest that is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_name_message(kind: str, name: object, known: Iterable[str]) -> str:
    """Say that `name` is no known `kind`, suggest the closest match and list the rest.

    >>> unknown_name_message("optimizer", "adm", ["adam", "sgd"])
    "Unknown optimizer 'adm'. Did you mean 'adam'? Known: adam, sgd."
    """
    names = sorted(set(known))
    lowered = {candidate.lower(): candidate for candidate in names}
    close = get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.5)
    hint = f" Did you mean {lowered[close[0]]!r}?" if close else ""
    return f"Unknown {kind} {name!r}.{hint} Known: {', '.join(names)}."
