from eisync.loops.status_line import COST_FACTOR, LEAST_S, StatusLine


def test_the_sentence_is_the_latest_and_a_look_that_costs_more_happens_less_often() -> None:
    sentences, spent = iter(("There are no files yet.", "The only file waits.")), iter((0.0, 0.001, 1.0, 1.5))
    line = StatusLine(lambda: next(sentences), spent_s=lambda: next(spent))
    shown = [line.sentence]
    waits = []
    for now in (0.0, 5.0):
        waits.append(line.tick(now))
        shown.append(line.sentence)
    line.stop(5.0)
    assert line.is_done
    assert [None, "There are no files yet.", "The only file waits."] == shown
    assert [LEAST_S, COST_FACTOR * 0.5] == waits
