"""Check a live project against the wire contract, and test eisync's promises on this machine.

::

    model       answers and verdicts: values
    check       one check of the contract
    contents    the small files that are uploaded
    client      single requests to one project, and answers without any interpretation
    probe       uploads and samples of a run, for the checks
    journal     a file that lets a later run remove the samples of a killed run
    removal     remove the samples of a run, and prove that none is left
    questions/  the checks, in tables
    checks      all checks
    run         run the checks in order, and remove everything at the end
    report      a table for a person, JSON for a bug report
    torture/    kills, withheld answers and a full disk on this machine
"""
