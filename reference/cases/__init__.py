"""Comparisons with Keras, one function call each, for every public name that scratchnet has.

A module of this package covers one family and lists its comparisons as `CASES`. The coverage
report (`python -m reference coverage`) runs all of them and the tests hold each to its bound, so
what the report calls equal is what the tests prove. Beyond these fixed cases the tests draw
arguments with Hypothesis.
"""

from reference.cases.case import Case

__all__ = ["Case"]
