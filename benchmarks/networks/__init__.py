"""Whole networks, the same on every side: once for Keras and scratchnet, once for PyTorch."""
