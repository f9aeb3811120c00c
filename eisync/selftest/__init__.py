"""Ask a live project what the wire contract says, and try the promises on this machine.

::

    model       a check, its answer, its verdict: values
    contents    the small files that are uploaded
    client      one project's service: requests, and answers that are read as they are
    probe       what a check is given: uploads and samples of this run, written down first
    journal     the file that lets a later run remove what a killed run left
    removal     remove the samples of a run, and prove that they are gone
    questions/  the checks, as tables
    checks      all of them
    run         ask them in order, remove everything at the end
    report      the table for a person, the JSON for a bug report
    torture/    kills, withheld answers and a full disk, on this machine's own disk
"""
