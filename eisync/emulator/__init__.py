"""A local stand-in for Edge Impulse: an ingestion service and a Studio that behave like the real ones, errors included.

It imports nothing from the rest of this project. Otherwise a misunderstanding of the service could be in both the
client and the emulator, and every test would pass. `server` starts it, in one of three ways. The modules:

::

    settings    options, and a switch for each open question about the service
    model       projects, keys, samples, selections: frozen values
    names       stored names, inferred labels, the split rule
    spool       collects the bytes of a body, in memory or on disk, and hashes them
    multipart   parses a form into parts
    acquisition, tabular, media, recognise     read a file, or say why the service would refuse it
    companions  parts that describe other parts
    store, statements, blobs    stored data, in memory or in a folder
    ledger, faults              exact counts; injected faults
    intake      turns the parts of an upload into samples
    selecting   turns a query into a selection of samples
    showing, project            samples and projects as Studio shows them
    drawing                     readings reduced to columns, and a small picture of them
    device_messages, sampling   messages of remote management; the progress of a requested sample
    connections, device_store   devices that are connected; devices that are known
    pages/                      the web pages, with their own routes
    openapi, shapes             the OpenAPI description
    ingestion, studio, editing, accounts, devices, remote, control   the routes; they share `replies` and `calls`
"""
