"""Callbacks: what happens beside the training."""

from scratchnet.callbacks.callback import Callback, CallbackList
from scratchnet.callbacks.history import History
from scratchnet.callbacks.progress import ProgbarLogger

__all__ = ["Callback", "CallbackList", "History", "ProgbarLogger"]
