"""The tests themselves are tested: one small mistake at a time, and does a test notice?

`python -m tests.mutation` plants mistakes ("mutants") in the sources and runs the tests that
reach them. A mutant that makes a test fail is killed; one that no test notices survives and asks
for a test, or for a reason why it changes nothing (`survivors.toml`).

Read `mutants.py` first (which mistakes), then `reach.py` (which tests meet which line), `trial.py`
(one mutant against its tests), `compiled.py` (the same for what runs compiled only), `campaign.py`
(all of them) and `report.py` (the score).

Nearly everything runs uncompiled: a compiled kernel has to be compiled again for every mutant. That
is done for the few files of which no uncompiled test can judge, and only for what survived there.
"""
