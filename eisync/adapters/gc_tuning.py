"""How often this process looks for values that hold nothing but each other.

Python looks each time that some hundred more values were made than let go. A page of a listing is thousands of them,
all let go when the next one comes: looking through them again and again was a seventh of what a sweep takes. Whatever
nobody holds is let go at once in any case; what is waited for longer are rings, and few of ours are.

What is there at the start, modules above all, stays to the end, and is not looked through at all: that was a twentieth
of what a file takes from its folder to the service.
"""

import gc

MADE_BEFORE_A_LOOK = 10_000


def collect_rarely() -> None:
    """From now on, in the whole process. Safe to repeat: only the first call says what is there at the start."""
    if not gc.get_freeze_count():
        gc.freeze()
    _, *older = gc.get_threshold()
    gc.set_threshold(MADE_BEFORE_A_LOOK, *older)
