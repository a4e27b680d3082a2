"""A side that refuses some tasks, and one whose process ends on others."""

from __future__ import annotations

import os


def prepare(task):
    if task == "refused":
        raise ValueError("this side cannot do that")
    if task == "fatal":
        os._exit(3)
    return lambda: None
