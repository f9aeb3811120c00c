"""Whatever the samples, every one is in exactly one request, and no request breaks a rule."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisync.core.batching import Limits
from eisync.core.labels.parts import PartKind
from eisync.data.drafts import Outgoing, limits_for, requests_of
from eisync.data.sources import Content, Source


@st.composite
def outgoings(draw: st.DrawFn) -> list[Outgoing]:
    count = draw(st.integers(0, 60))
    return [
        Outgoing(
            position=position,
            name=draw(st.sampled_from(["a.csv", "b.csv", "c.csv", "bounding_boxes.labels"])),
            category=draw(st.sampled_from(["split", "training", "nonsense"])),
            headers=draw(st.sampled_from([(), (("x-label", "a"),)])),
            about=draw(st.sampled_from([{}, {PartKind.BOXES: [1]}])),
            source=Source(draw(st.integers(0, 100)), lambda: Content(0, lambda: iter(()))),
        )
        for position in range(count)
    ]


@settings(suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
@given(outgoings(), st.integers(1, 10), st.integers(1, 300))
def test_every_rule_is_kept(samples: list[Outgoing], files: int, size: int) -> None:
    requests = list(requests_of(samples, Limits(files=files, bytes=size)))
    assert sorted(one.position for request in requests for one in request) == list(range(len(samples)))
    assert all([one.position for one in request] == sorted(one.position for one in request) for request in requests)
    for request in requests:
        names = [one.name for one in request]
        described = {one.name for one in request if one.about}
        assert 1 == len({one.key for one in request})
        assert len(request) <= files
        assert len(request) == 1 or sum(one.source.estimate for one in request) <= size
        assert all(names.count(name) == 1 for name in described)
        assert len(request) == 1 or not any(one.goes_alone for one in request)


def test_every_worker_has_a_request_and_none_is_too_large() -> None:
    cases = [(1, 8, 8), (64, 8, 8), (600, 8, 75), (3000, 8, 100), (10, 1, 10), (7, 4, 8)]
    assert [files for *_, files in cases] == [limits_for(samples, workers).files for samples, workers, _ in cases]
