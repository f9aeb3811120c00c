"""The table of all routes. A page module has its own `ROUTES`; add it here."""

from eisync.web import (
    assets,
    browse,
    dashboard,
    file_content,
    file_page,
    file_series,
    login,
    monitoring,
    plans,
    steering,
)
from eisync.web.context import Route

ROUTES: tuple[Route, ...] = (
    *dashboard.ROUTES,
    *steering.ROUTES,
    *plans.ROUTES,
    *browse.ROUTES,
    *file_page.ROUTES,
    *file_content.ROUTES,
    *file_series.ROUTES,
    *login.ROUTES,
    *assets.ROUTES,
    *monitoring.ROUTES,
)
