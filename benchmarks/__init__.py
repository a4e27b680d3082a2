"""Speed and memory of scratchnet beside TensorFlow, PyTorch and JAX, on one machine in one run.

    python -m benchmarks layers          # one part; its tables and figures go to docs/benchmarks
    python -m benchmarks all --quick     # every part, just to see that it works

Each library computes in a process of its own (`workers`). The processes take turns (`timing`), and
what they took becomes a table with the machine's description above it (`machine`, `report`).
Nothing here asserts anything: a benchmark tells, a test decides.
"""
