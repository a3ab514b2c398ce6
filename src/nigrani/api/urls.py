"""The API's addresses."""

from __future__ import annotations

from django.urls import path

from . import door, rules, versions, views

urlpatterns = [
    path("v1/status", views.status),
    path("v1/alerts", views.list_alerts),
    path("v1/alerts/<int:number>", views.one_alert),
    path("v1/rules/<str:name>/backtest", rules.rule_backtest),
    path("v1/alerts/<int:number>/why", views.why_alert),
    path("v1/silences", views.list_silences),
    path("v1/sources", views.list_sources),
    path("v1/measures", views.list_measures),
    path("v1/cover", views.list_cover),
    path("v1/survey", views.last_survey),
    path("v1/surveys/<int:number>", views.one_survey),
    path("v1/deliveries", views.list_deliveries),
    path("v1/versions", versions.list_versions),
    path("v1/versions/<int:number>", versions.one_version),
    path("", door.nothing),
    path("<path:rest>", door.nothing),
]
