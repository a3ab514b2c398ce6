"""The demo: a stand-in school, Nigrani on the shipped guide, and stories in which things break.

Talks with the school by processes and HTTP only. What a story claims is read from the receivers' own journals.
"""
