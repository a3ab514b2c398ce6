"""The survey: row by row, whether the watched system can answer the guide, by which true source, or what hinders it."""
