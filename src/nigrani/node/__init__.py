"""The processes of one installation: started, watched, restarted, stopped, and reported on.

Holds what runs and where; never a domain row. Everything else is asked from below.
"""
