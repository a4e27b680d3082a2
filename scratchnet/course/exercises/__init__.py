"""The exercises of the course: one module a notebook, listed in `course.contents`.

A module declares `EXERCISES`, a tuple of `course.exercise.Exercise`.
"""
