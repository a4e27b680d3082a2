"""CSVLogger: the same bytes as Keras's."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.callback_runs import Epoch, runs_differ
from scratchnet.callbacks import CSVLogger

pytestmark = pytest.mark.usefixtures("float64")

NAMES = st.sampled_from(["loss", "val_loss", "accuracy", "a b", "x,y", 'qu"ote', "é"])
CELLS = st.one_of(
    st.floats(),
    st.integers(-5, 5),
    st.text(max_size=4).filter(lambda text: "\r" not in text),
    st.lists(st.floats(), max_size=3),
    st.lists(st.floats(width=32), max_size=3).map(lambda v: np.array(v, np.float32)),
    st.floats().map(np.array),
    st.none(),
)


@given(
    epochs=st.lists(st.dictionaries(NAMES, CELLS), min_size=1, max_size=4),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    append=st.booleans(),
    before=st.sampled_from(["", "epoch,loss\r\n0,1\r\n", "\n"]),
)
def test_the_file_is_keras_s_byte_for_byte(epochs, separator, append, before):
    def make(library, folder):
        (folder / "log.csv").write_text(before)
        return library.CSVLogger(folder / "log.csv", separator=separator, append=append)

    assert runs_differ(make, [Epoch(logs) for logs in epochs]) == 0


def write(logger, *epochs, first=0):
    logger.on_train_begin()
    for i, logs in enumerate(epochs):
        logger.on_epoch_end(first + i, logs)
    logger.on_train_end()


def test_a_spreadsheet_reads_it_back(tmp_path):
    path = tmp_path / "log.csv"
    write(CSVLogger(path), {"loss": 0.5, "val_loss": math.nan}, {"loss": 0.1 + 0.2})
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"epoch": "0", "loss": "0.5", "val_loss": "nan"},
        {"epoch": "1", "loss": "0.30000000000000004", "val_loss": "NA"},
    ]


def test_appending_continues_the_table_and_a_new_training_begins_it_anew(tmp_path):
    path = tmp_path / "log.csv"
    write(CSVLogger(path), {"loss": 1.0})
    write(CSVLogger(path, append=True), {"loss": 0.5}, first=1)
    assert path.read_text().split() == ["epoch,loss,val_loss", "0,1.0,NA", "1,0.5,NA"]
    logger = CSVLogger(str(path))
    write(logger, {"loss": 0.25})
    write(logger, {"accuracy": 0.5})
    assert path.read_text().split() == ["epoch,accuracy,val_accuracy", "0,0.5,NA"]


def test_each_line_is_on_disk_before_the_next_epoch(tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 1.0})
    assert (tmp_path / "log.csv").read_text().count("\n") == 2
    logger.on_train_begin()  # after a training that was interrupted: its file is closed
    logger.on_train_end()
    logger.on_train_end()


@pytest.mark.parametrize("separator", ["", ", ", None, 1])
def test_another_separator_is_refused(separator):
    with pytest.raises(ValueError, match=r"separator=.*Expected one character"):
        CSVLogger("log.csv", separator=separator)


def test_a_folder_that_is_not_there_is_refused_when_training_begins(tmp_path):
    logger = CSVLogger(tmp_path / "none" / "log.csv")
    with pytest.raises(FileNotFoundError):
        logger.on_train_begin()
