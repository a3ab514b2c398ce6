"""Simulators of those who receive alerts, as strict as the real ones, each with a journal of what reached it."""
