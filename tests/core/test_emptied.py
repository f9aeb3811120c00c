import pytest

from eisync.core.absence import MissingFiles, why_emptied


@pytest.mark.parametrize(
    ("samples", "ours", "unlisted", "why"),
    [
        (100, 100, 0, None),
        (0, 0, 0, None),
        (0, 1, 1, None),  # a person deleted the only one
        (0, 2, 2, "the project is empty now; it held 2 samples of these files"),
        (0, 1_200, 1_200, "the project is empty now; it held 1,200 samples of these files"),
        (50, 100, 50, None),
        (50, 100, 89, None),
        (50, 100, 90, "nearly all samples of these files are gone from the project: 90 of 100"),
        (500, 100, 100, "nearly all samples of these files are gone from the project: 100 of 100"),
    ],
)
def test_an_emptied_project_is_distinguished_from_a_tidied_one(
    samples: int, ours: int, unlisted: int, why: str | None
) -> None:
    assert why == why_emptied(MissingFiles(samples, ours, unlisted))
