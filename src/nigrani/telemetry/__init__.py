"""Facts with a time: where they wait (journal), where they are kept (ClickHouse), how they are asked for.

Holds: the tables and their migrations, the journal of acknowledged facts, the client, the guard over the guide's SQL,
retention, and the embedded engine, which runs in a process of its own behind ClickHouse's HTTP interface.
Never holds: what a fact means, state of any kind, or anything a person decides.
Asks: `lib` for the home, the clock and errors; Django's connection once, for the lock under which it migrates.
"""
