"""Measures: numbers computed from facts, kept as minute readings, merged over windows, held against promises.

Holds how far each measure has been computed, and one live verdict per item of the guide; the readings themselves lie
in telemetry. Never alerts anyone (alerts does) and never asks the outside; asks sources how old its facts are.
"""
