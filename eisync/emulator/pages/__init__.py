"""The web pages at the root of the Studio port: what is stored, sample by sample, and a few edits.

They are made here and work without JavaScript; a small script shows what is new. They load nothing from other servers,
and need no key, like all calls that the emulator adds to the service's. `visitors` refuses requests from other sites;
`forms` also wants a token that only these pages have. What is changed here counts as done by a person in Studio.

::

    routes      the table of paths, and how errors are shown
    lists       the first page, and the list of a project's samples
    samples     the page of a sample, its pictures and its content
    forms       edits and deletions
    filters     a query of the list, as a selection
    series      readings, reduced for a drawing
    chart       where lines, ticks and bands are drawn
    rendering   templates, and the headers of every answer
"""
