"""Where every address leads."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("api/", include("nigrani.api.urls")),
    path("", include("nigrani.console.urls")),
]

handler403 = "nigrani.console.views.small.refused"
handler404 = "nigrani.console.views.small.not_found"
handler500 = "nigrani.console.views.small.broken"
