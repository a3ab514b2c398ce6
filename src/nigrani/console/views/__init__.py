"""One module a page or a few that belong together. A view reads queries, calls at most one action, and renders."""
