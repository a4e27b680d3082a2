"""Single operations, the same on every side: what they are, and each library's way to do them."""

from benchmarks.operations.operation import Operation, arrays

__all__ = ["Operation", "arrays"]
