"""What happens beside the training: hooks, the record of a run, the progress bar."""

from scratchnet.callbacks.callback import Callback
from scratchnet.callbacks.callback_list import CallbackList
from scratchnet.callbacks.history import History
from scratchnet.callbacks.progress import ProgbarLogger

__all__ = ["Callback", "CallbackList", "History", "ProgbarLogger"]
