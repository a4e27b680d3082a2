"""What the notebooks of the course are made with: exercises that check themselves, and pictures.

Needs the extra `scratchnet[notebooks]`; nothing else in scratchnet imports it.
"""

from scratchnet.course.checking import check
from scratchnet.course.display import show_source, start
from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.course.interaction import interact_with_fallback

__all__ = ["Exercise", "Mistake", "check", "interact_with_fallback", "show_source", "start"]
