"""What waits for a person's approval, item by item."""

from eisync.web.context import Route

ROUTES: tuple[Route, ...] = ()
