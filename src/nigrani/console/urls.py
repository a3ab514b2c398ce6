"""The console's addresses. Those that messages link to stand in `lib.links` too; a test compares them."""

from __future__ import annotations

from django.urls import path

from .views import (
    alerts,
    deliveries,
    door,
    guide,
    ledger,
    measures,
    overview,
    people,
    promises,
    rules,
    search,
    small,
    sources,
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("now", overview.now, name="now"),
    path("alerts", alerts.index, name="alerts"),
    path("alerts/<int:number>", alerts.alert, name="alert"),
    path("rules", rules.index, name="rules"),
    path("rules/<str:name>", rules.rule, name="rule"),
    path("rules/<str:name>/promote", rules.promote, name="promote"),
    path("rules/<str:name>/demote", rules.demote, name="demote"),
    path("login", door.sign_in, name="login"),
    path("logout", door.sign_out, name="logout"),
    path("welcome/<str:token>", door.welcome, name="welcome"),
    path("password", door.password, name="password"),
    path("theme", door.theme, name="theme"),
    path("favicon.svg", small.favicon, name="favicon"),
    path("keys", small.keys, name="keys"),
    path("find", search.find, name="find"),
    path("sources", sources.index, name="sources"),
    path("sources/<str:name>", sources.source, name="source"),
    path("measures", measures.index, name="measures"),
    path("measures/<str:name>", measures.measure, name="measure"),
    path("promises", promises.index, name="promises"),
    path("cover", promises.cover, name="cover"),
    path("deliveries", deliveries.index, name="deliveries"),
    path("guide", guide.files, name="guide"),
    path("guide/<path:name>", guide.file, name="guide-file"),
    path("people", people.index, name="people"),
    path("people/invite", people.invite, name="invite"),
    path("people/<int:number>/role", people.change_role, name="change-role"),
    path("people/<int:number>/take-away", people.take_away, name="take-away"),
    path("people/<int:number>/give-back", people.give_back, name="give-back"),
    path("people/<int:number>/invite-again", people.invite_again, name="invite-again"),
    path("tokens/make", people.make_token, name="make-token"),
    path("tokens/<int:number>/revoke", people.revoke_token, name="revoke-token"),
    path("ledger", ledger.index, name="ledger"),
]
