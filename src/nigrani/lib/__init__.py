"""What every room may use: the clock, errors, units, the home folder, due rows, HTTP. No domain word."""
