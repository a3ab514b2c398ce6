"""Everything inbound that has state: which probe is due, what is believed of each system, how old each source is.

Holds one row a source and one a probe: when it is asked next, what it last answered, what is believed after
confirmation. Never holds facts (they go to telemetry's journal, and first), nor judges what a failure means to the
team (alerts does). Asks integrations to ask, the guide whom, telemetry to keep the facts.
"""
