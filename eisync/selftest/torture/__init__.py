"""Try the promises on this machine: real processes, a real disk, an emulator that keeps the account.

::

    installation    eisync in a folder: recordings, state, configuration, processes
    account         what the service stored, compared with what was written
    scenarios       kills, withheld answers, a full disk
"""
