"""The gallery: an example of every figure, as `docs/visualization.md` shows it.

    python -m scratchnet.visualization.gallery docs

draws all pictures into `docs/images/visualization` and writes the page anew. An example is a
function without arguments that returns its figure; its source is the code on the page.
"""
