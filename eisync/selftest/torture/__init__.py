"""Test eisync's promises on this machine, with real processes, a real disk, and an emulator that counts.

::

    installation    eisync in a folder: recordings, state, configuration, processes
    account         compare what the service stored with what was written
    scenarios       kills, withheld answers, a full disk
    trials          run every scenario
"""
