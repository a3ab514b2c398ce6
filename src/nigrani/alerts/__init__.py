"""Alerts: which rule is broken for what, since when, and whom we told or why not.

Holds rules (live or in shadow), alerts with their state, every change of state with its reason, and for every change
that matters one fate per receiver. Never computes a number (measures does), never talks to the outside (outbox does),
never decides who is on call (oncall does).
"""
