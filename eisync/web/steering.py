"""The buttons: pause, resume, scan, compare, try again."""

from eisync.web.context import Route

ROUTES: tuple[Route, ...] = ()
