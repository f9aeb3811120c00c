"""Serve the daemon's page: what `eisync status` shows, in a browser, and the decisions that people make.

::

    server      the thread: a socket, waitress, and a loop for the supervisor
    site        one request: who may, which route, and what an error looks like
    access      the rules of who may: Host, Origin, session, password, token
    credentials the token in the state folder, and what is derived from it
    routes      the table of routes, each with the access that it needs
    context     what a handler gets: the request, the operations, the templates
    rendering   the templates, in which every text is made safe to show
    monitoring  for programs: metrics, the status as JSON, whether the daemon is alive
    dashboard   the first page;  steering  its buttons;  plans  what waits for approval;  login

Imported only while the page is served: it needs the extra `web`.
"""
