"""Every HTML page. Views read queries and call actions; pages work without JavaScript.

Holds templates, one stylesheet, one script and the drawing of charts. Never holds rows or decisions of its own.
Asks every room below it; nobody asks it.
"""
