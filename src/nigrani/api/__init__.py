"""The machine's door: what stands, as JSON, for whoever has a token.

Holds the shapes of the answers and the check of tokens. Never changes anything, never holds rows. Asks the rooms'
queries, as the console does; knows nothing of the console.
"""
