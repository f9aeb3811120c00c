"""Cases of the listing, deletion, download, arrays and frames, with the environment's numpy and pandas. See `cases`."""

from typing import Any

from cases import Case, Stage, csv

CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Enter the function into the table under its name."""
    CASES[function.__name__] = function
    return function


@case
def a_filename_by_id(stage: Stage) -> Any:
    sample = stage.data.Sample(csv(1), filename="wave.01.csv")
    stage.data.upload_samples(sample)
    return stage.data.get_filename_by_id(sample.sample_id)
