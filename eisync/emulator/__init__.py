"""A local stand-in for Edge Impulse: an ingestion service and a Studio, as strict and as odd as the real ones.

It imports nothing of the rest of this project: a misreading of the service that client and emulator shared would pass
every test. `server` starts it, in three ways; the rooms below answer one question each:

::

    settings    what may be chosen, and every switch for what nobody knows about the service
    model       projects, keys, samples, selections: frozen values
    names       stored names, inferred labels, the split rule
    spool       the bytes of a body, hashed on the way, in memory or on disk
    multipart   bytes of a form, in any chunks -> parts
    acquisition, tabular, media, recognise     what a file is, or why the service would refuse it
    companions  the parts that describe other parts
    store, statements, blobs    what is kept, in memory or in a folder
    ledger, faults              the exact account; misbehaviour on demand
    intake      parts of an upload -> samples
    selecting, showing, project a query -> which samples; a sample, a project -> what Studio shows
    drawing                     readings -> one small picture
    device_messages, sampling   the messages of remote management; how far a device is with a sample
    connections, device_store   the devices that are connected now; the devices that are known
    openapi, shapes             what is served, described for machines
    ingestion, studio, editing, accounts, devices, remote, control, page   the routes; `replies` and `calls` are what
                                they share
"""
